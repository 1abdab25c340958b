import { GraphBuilder } from './builder.ts';
import { elementType, plain, plainValue, Value } from './forms.ts';
import { type Graph, type Ref, sameShape } from './ir.ts';
import { numbers } from './kernels/elementwise.ts';
import { kernels } from './kernels/index.ts';
import { filled } from './kernels/shape.ts';
import { fuse } from './passes/fuse.ts';
import { groupUpdates, type Update } from './passes/group-updates.ts';
import { type Layout, layoutOf, packBuffer, type StateBuffer, unpackBuffer, variableName } from './state.ts';
import { type ConstantSource, mapEach, type Tape, type TapeOp, type TapeValue, UNNAMED } from './tape.ts';
import type { Target } from './targets/target.ts';

/** Lowers kernel calls into one graph, and remembers what each tensor of the tape became. */
class Lowering {
  readonly graph = new GraphBuilder();
  readonly #values = new Map<TapeValue, Value>();
  readonly #target: Target;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Declares a graph input. */
  input(value: TapeValue, name: string): void {
    const uint8 = value.source.kind === 'input' && value.source.storage === 'uint8';
    const ref = this.graph.input(name, uint8 ? 'uint8' : elementType(value.dtype), value.shape);
    const typed = uint8 ? this.graph.cast(ref, 'int32') : ref;
    this.define(value, new Value(value.shape, value.dtype, plain, typed));
  }

  /** The value of a tensor of the tape. */
  value(value: TapeValue): Value {
    const made = this.#values.get(value);
    if (made) return made;
    if (value.source.kind !== 'constant') throw new Error(`a ${value.source.kind} was used before it was made`);
    const constant = constantValue(value, value.source);
    constant.first(this.graph);
    this.define(value, constant);
    return constant;
  }

  /** Adds the nodes of one call. */
  call(op: TapeOp): void {
    this.graph.scope = op.scope;
    const args = [mapEach(op.inputs, (value) => this.value(value)), op.attrs] as const;
    const rule = kernels[op.kernel] as AnyRule;
    const override = this.#target.overrides[op.kernel] as AnyRule | undefined;
    const outputs = [override?.(...args) ?? rule(...args) ?? []].flat();
    op.outputs.forEach((output, i) => {
      const value = outputs[i];
      if (!value || !sameShape(value.shape, output.shape)) {
        throw new Error(`${op.kernel} gave [${value?.shape}] where [${output.shape}] was traced`);
      }
      value.first(this.graph);
      this.define(output, value);
    });
    this.graph.scope = '';
  }

  /** Sets what a tensor of the tape is lowered to. */
  define(value: TapeValue, lowered: Value): void {
    this.#values.set(value, lowered);
  }
}

type AnyRule = (inputs: unknown, attrs: unknown) => Value | readonly Value[] | undefined;

function constantValue({ shape, dtype }: TapeValue, { name, values }: ConstantSource): Value {
  const first = values[0];
  const named = name !== UNNAMED;
  // Weights stay tensors, even if they are all zeros as yet.
  if (!named && first !== undefined && values.length > 1 && values.every((value) => value === first)) {
    return filled(shape, first, dtype);
  }
  const weight = named ? { name, shape, permutation: shape.map((_, axis) => axis) } : undefined;
  return plainValue(shape, dtype, (g) => numbers(g, values, shape, dtype, weight));
}

/** Suffix of the graph output that holds a buffer's new contents. */
export const NEXT = ':next';

export interface LowerOptions {
  readonly name?: string;
  /** How variables are held; by default the one that suits the tape. Graphs of one program share the layout of its step. */
  readonly layout?: Layout;
}

/**
 * Lowers a tape: inputs by name, each state buffer `b` as an input `b` and, where the program changes it, an output
 * `b:next`, and the program's own outputs.
 */
export function lowerTape(traced: Tape, target: Target, { name = 'graph', layout }: LowerOptions = {}): Graph {
  const tape = fuse(traced);
  const { buffers } = layout ?? layoutOf(tape, target);
  const lowering = new Lowering(target);
  const g = lowering.graph;
  for (const value of tape.inputs) if (value.source.kind === 'input') lowering.input(value, value.source.name);

  const variables = new Map(tape.variables.map((value) => [variableName(value), value]));
  const held = new Map<TapeValue, StateBuffer>();
  const full = new Map<StateBuffer, Value>();
  for (const buffer of buffers.filter(({ members }) => members.some((member) => variables.has(member.name)))) {
    const ref = g.input(buffer.name, 'float', buffer.shape);
    full.set(buffer, plainValue(buffer.shape, 'float32', ref));
    unpackBuffer(g, buffer, ref).forEach((value, i) => {
      const variable = variables.get(buffer.members[i]?.name ?? '');
      if (!variable) return;
      lowering.define(variable, value);
      held.set(variable, buffer);
    });
  }
  const bufferOf = (variable: TapeValue): StateBuffer => {
    const buffer = held.get(variable);
    if (!buffer) throw new Error(`variable ${variableName(variable)} is not in the layout`);
    return buffer;
  };

  // Equal updates are computed together if the layout holds their variables together.
  const groups = groupUpdates(tape).filter((group) => {
    return new Set(group.map(({ variables: [weight] }) => weight && bufferOf(weight))).size === 1;
  });
  const updates = groups.flat();
  const together = new Set(updates.flatMap(({ ops }) => ops));
  for (const op of tape.ops) if (!together.has(op)) lowering.call(op);
  const next = new Map(groups.flatMap((group) => lowerTogether(lowering, group, bufferOf, full)));
  const grouped = new Set(updates.flatMap((update) => update.variables));
  tape.variables.forEach((variable, i) => {
    const update = tape.updates[i];
    if (!update || update === variable || grouped.has(variable)) return;
    const buffer = bufferOf(variable);
    next.set(buffer, packBuffer(g, buffer, [lowering.value(update)]));
  });

  const outputs = Object.entries(tape.outputs).map(
    ([output, value]) => [output, lowering.value(value).as(plain, g)] as const,
  );
  const updated = [...next].map(([buffer, ref]) => [`${buffer.name}${NEXT}`, ref] as const);
  return g.build(name, Object.fromEntries([...outputs, ...updated]));
}

/** Computes a group of equal updates on its buffers: the first member's calls, on the concatenation of all. */
function lowerTogether(
  lowering: Lowering,
  group: readonly Update[],
  bufferOf: (variable: TapeValue) => StateBuffer,
  full: ReadonlyMap<StateBuffer, Value>,
): [StateBuffer, Ref][] {
  const [first] = group;
  if (!first) return [];
  const g = lowering.graph;
  const buffers = first.variables.map(bufferOf);
  const [{ shape, members } = { shape: [], members: [] }] = buffers;
  const standIns = new Map<TapeValue, TapeValue>();
  const standIn = (value: TapeValue): TapeValue => {
    const all: TapeValue = { shape, dtype: value.dtype, source: { kind: 'op' } };
    standIns.set(value, all);
    return all;
  };
  first.variables.forEach((variable, slot) => {
    lowering.define(standIn(variable), full.get(buffers[slot] as StateBuffer) as Value);
  });
  first.leaves.forEach((leaf, i) => {
    const gradients = group.map((update) => lowering.value(update.leaves[i] as TapeValue));
    const flat = packBuffer(g, { name: 'gradient', shape, members }, gradients);
    lowering.define(standIn(leaf), plainValue(shape, 'float32', flat));
  });
  for (const op of first.ops) {
    const inputs = mapEach(op.inputs, (value) => standIns.get(value) ?? value);
    const outputs = op.outputs.map(standIn);
    lowering.call({ ...op, inputs, outputs, scope: '' });
  }
  return first.results.map((result, slot) => {
    const value = lowering.value(standIns.get(result) ?? result);
    return [buffers[slot] as StateBuffer, g.reshape(value.as(plain, g), shape)];
  });
}
