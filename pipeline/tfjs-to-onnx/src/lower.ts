import { GraphBuilder } from './builder.ts';
import { elementType, plain, plainValue, type Value } from './forms.ts';
import { type Graph, type Ref, sameShape } from './ir.ts';
import { numbers } from './kernels/elementwise.ts';
import { kernels } from './kernels/index.ts';
import { filled } from './kernels/shape.ts';
import { fuse } from './passes/fuse.ts';
import { groupUpdates, type Update } from './passes/group-updates.ts';
import { type Layout, packBuffer, type StateBuffer, separateLayout, unpackBuffer } from './state.ts';
import { mapEach, type Tape, type TapeOp, type TapeValue, UNNAMED } from './tape.ts';
import type { Target } from './targets/target.ts';

/** Suffix of the graph output that holds a buffer's new contents. */
export const NEXT = ':next';

export interface LowerOptions {
  readonly name?: string;
  /** How variables are held; by default each in its own buffer. Graphs of one program share the layout of its step. */
  readonly layout?: Layout;
}

/** A buffer with its contents in a graph. */
type HeldBuffer = StateBuffer & { readonly contents: Value };

/**
 * Lowers a tape: inputs by name, each state buffer `b` as an input `b` and, where the program changes it, an output
 * `b:next`, and the program's own outputs.
 */
export function lowerTape(traced: Tape, target: Target, { name = 'graph', layout }: LowerOptions = {}): Graph {
  const tape = fuse(traced);
  const lowering = new Lowering(target);
  const g = lowering.graph;
  for (const value of tape.inputs) lowering.values.set(value, inputValue(g, value));

  const variables = new Map(tape.variables.map((value) => [value.source.name, value]));
  const held = new Map<TapeValue, HeldBuffer>();
  for (const buffer of layout ?? separateLayout(tape)) {
    const ref = g.input(buffer.name, 'float', buffer.shape);
    const heldBuffer = { ...buffer, contents: plainValue(buffer.shape, 'float32', ref) };
    unpackBuffer(g, buffer, ref).forEach((value, i) => {
      const variable = variables.get(buffer.members[i]?.name ?? '');
      if (!variable) return;
      lowering.values.set(variable, value);
      held.set(variable, heldBuffer);
    });
  }
  const bufferOf = (variable: TapeValue<'variable'>): HeldBuffer => {
    const buffer = held.get(variable);
    if (!buffer) throw new Error(`variable ${variable.source.name} is not in the layout`);
    return buffer;
  };

  // Equal updates are computed together if the layout holds their variables together.
  const groups = groupUpdates(tape).filter((group) => {
    return new Set(group.map(({ variables: [weight] }) => weight && bufferOf(weight))).size === 1;
  });
  const together = new Set(groups.flat().flatMap(({ ops }) => ops));
  for (const op of tape.ops) if (!together.has(op)) lowering.call(op);
  const next = new Map(groups.flatMap((group) => lowerTogether(lowering, group, bufferOf)));
  tape.variables.forEach((variable, i) => {
    const [update, buffer] = [tape.updates[i], bufferOf(variable)];
    if (!update || update === variable || next.has(buffer)) return;
    next.set(buffer, packBuffer(g, buffer, [lowering.value(update)]));
  });

  const outputs = Object.entries(tape.outputs).map(([output, value]) => [output, lowering.value(value).as(plain, g)]);
  const updated = [...next].map(([buffer, ref]) => [`${buffer.name}${NEXT}`, ref]);
  return g.build(name, Object.fromEntries([...outputs, ...updated]));
}

/** Lowers kernel calls into one graph. */
class Lowering {
  readonly graph = new GraphBuilder();
  /** What each tensor of the tape is lowered to. */
  readonly values = new Map<TapeValue, Value>();
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /** The value of a tensor of the tape; constants are added when they are first used. */
  value(value: TapeValue): Value {
    const { source } = value;
    const known = this.values.get(value);
    if (known) return known;
    if (source.kind !== 'constant') throw new Error(`a ${source.kind} was used before it was made`);
    const constant = constantValue(value, source);
    constant.first(this.graph);
    this.values.set(value, constant);
    return constant;
  }

  /** Adds the nodes of one call. */
  call({ kernel, inputs, attrs, outputs, scope }: TapeOp): void {
    this.graph.scope = scope;
    const args = [mapEach(inputs, (value) => this.value(value)), attrs] as const;
    const rule = kernels[kernel] as AnyRule;
    const override = this.#target.overrides[kernel] as AnyRule | undefined;
    const lowered = [override?.(...args) ?? rule(...args) ?? []].flat();
    outputs.forEach((output, i) => {
      const value = lowered[i];
      if (!value || !sameShape(value.shape, output.shape)) {
        throw new Error(`${kernel} gave [${value?.shape}] where [${output.shape}] was traced`);
      }
      value.first(this.graph);
      this.values.set(output, value);
    });
    this.graph.scope = '';
  }
}

type AnyRule = (inputs: unknown, attrs: unknown) => Value | readonly Value[] | undefined;

function inputValue(g: GraphBuilder, { shape, dtype, source: { name, storage } }: TapeValue<'input'>): Value {
  const ref = g.input(name, storage ?? elementType(dtype), shape);
  return plainValue(shape, dtype, storage ? g.cast(ref, 'int32') : ref);
}

function constantValue({ shape, dtype }: TapeValue, { name, values }: TapeValue<'constant'>['source']): Value {
  const first = values[0];
  const named = name !== UNNAMED;
  // Weights stay tensors, even if they are still all zeros.
  if (!named && first !== undefined && values.length > 1 && values.every((value) => value === first)) {
    return filled(shape, first, dtype);
  }
  const weight = named ? { name, shape, permutation: shape.map((_, axis) => axis) } : undefined;
  return plainValue(shape, dtype, (g) => numbers(g, values, shape, dtype, weight));
}

/** Computes a group of equal updates on its buffers: the first member's calls, on the concatenation of all. */
function lowerTogether(
  lowering: Lowering,
  group: readonly Update[],
  bufferOf: (variable: TapeValue<'variable'>) => HeldBuffer,
): [HeldBuffer, Ref][] {
  const [first] = group;
  const buffers = first?.variables.map(bufferOf) ?? [];
  const [buffer] = buffers;
  if (!first || !buffer) return [];
  const [g, { shape }] = [lowering.graph, buffer];
  const standIns = new Map<TapeValue, TapeValue>();
  const standIn = (value: TapeValue): TapeValue => {
    const all: TapeValue = { shape, dtype: value.dtype, source: { kind: 'op' } };
    standIns.set(value, all);
    return all;
  };
  first.variables.forEach((variable) => {
    lowering.values.set(standIn(variable), bufferOf(variable).contents);
  });
  first.leaves.forEach((leaf, i) => {
    const gradients = group.map((update) => lowering.value(update.leaves[i] as TapeValue));
    lowering.values.set(standIn(leaf), plainValue(shape, 'float32', packBuffer(g, buffer, gradients)));
  });
  for (const op of first.ops) {
    const inputs = mapEach(op.inputs, (value) => standIns.get(value) ?? value);
    const outputs = op.outputs.map(standIn);
    lowering.call({ ...op, inputs, outputs, scope: '' });
  }
  return first.results.map((result, slot) => {
    const value = lowering.value(standIns.get(result) ?? result);
    return [buffers[slot] as HeldBuffer, g.reshape(value.as(plain, g), shape)];
  });
}
