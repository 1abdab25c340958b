import { GraphBuilder } from './builder.ts';
import { elementType, type Form, hostForm, hostShape, nchw, OuterValue, plain, plainValue, Value } from './forms.ts';
import { type Graph, type Ref, sameShape } from './ir.ts';
import { kernels } from './kernels/index.ts';
import { layerNorm } from './kernels/reduce.ts';
import { DerivedConstants } from './numbers.ts';
import { fuseCalls } from './passes/fuse.ts';
import { groupUpdates, type Update } from './passes/group-updates.ts';
import { type PrepareOptions, prepared } from './passes/prepare.ts';
import { type Layout, packBuffer, type StateBuffer, separateLayout, unpackBuffer } from './state.ts';
import { LAYER_NORM, LOOP, mapEach, type Step, type Tape, type TapeOp, type TapeValue, WHILE } from './tape.ts';
import { constantValue, inputValue } from './tape-values.ts';
import type { Target } from './targets/target.ts';

/** Suffix of the graph output that holds a buffer's new contents. */
export const NEXT = ':next';

export interface LowerOptions extends Pick<PrepareOptions, 'keepWeights'> {
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
export const lowerTape = (traced: Tape, target: Target, options: LowerOptions = {}): Graph =>
  lowerTapes([traced], target, options)[0] as Graph;

/** Lowers one program that was traced at several batch sizes: what is computed beforehand is the same in all graphs. */
export function lowerTapes(traced: readonly Tape[], target: Target, options: LowerOptions = {}): Graph[] {
  const shared = { ...options, derived: new DerivedConstants() };
  return prepared(traced, shared).map((tape) => {
    const openSizes = tape.ops.some(({ attrs }) => attrs.rows !== undefined);
    const marked = target.mark?.(tape) ?? tape;
    return lowerPrepared(marked, new Lowering(target, new GraphBuilder({ ...shared, openSizes })), options);
  });
}

function lowerPrepared(tape: Tape, lowering: Lowering, { name = 'graph', layout }: LowerOptions): Graph {
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

  // Equal updates are computed together if a buffer holds exactly their variables.
  const groups = groupUpdates(tape).filter((group) =>
    group[0]?.variables.every((first, slot) => {
      const names = group.map(({ variables }) => variables[slot]?.source.name);
      return `${names}` === `${bufferOf(first).members.map(({ name }) => name)}`;
    }),
  );
  const together = new Set(groups.flat().flatMap(({ ops }) => ops));
  for (const op of tape.ops) if (!together.has(op)) lowering.call(op);
  const next = new Map(groups.flatMap((group) => lowerTogether(lowering, group, bufferOf)));
  const updates = new Map(tape.variables.map((variable, i) => [variable.source.name, tape.updates[i] ?? variable]));
  tape.variables.forEach((variable) => {
    const [update, buffer] = [updates.get(variable.source.name), bufferOf(variable)];
    if (update === variable || next.has(buffer)) return;
    const values = buffer.members.map(({ name }) => lowering.value(updates.get(name) as TapeValue));
    next.set(buffer, packBuffer(g, buffer, values));
  });

  const outputs = Object.entries(tape.outputs).map(([output, value]) => [
    output,
    lowering.value(value).as(hostForm(value.dtype), g),
  ]);
  const updated = [...next].map(([buffer, ref]) => [`${buffer.name}${NEXT}`, ref]);
  return g.build(name, Object.fromEntries([...outputs, ...updated]));
}

/** Lowers kernel calls into one graph. */
class Lowering {
  readonly graph: GraphBuilder;
  /** What each tensor of the tape is lowered to. */
  readonly values = new Map<TapeValue, Value>();
  readonly #target: Target;
  readonly #outer: Lowering | undefined;

  /** @param outer for a graph inside a graph: the lowering of the graph around it */
  constructor(target: Target, graph: GraphBuilder, outer?: Lowering) {
    this.#target = target;
    this.graph = graph;
    this.#outer = outer;
  }

  /** The value of a tensor of the tape; constants are added when they are first used. */
  value(value: TapeValue): Value {
    const { source } = value;
    const known = this.values.get(value);
    if (known) return known;
    if (this.#outer) return new OuterValue(this.#outer.value(value), this.#outer.graph);
    if (source.kind !== 'constant') throw new Error(`a value (${source.kind}) was used before it was made`);
    const constant = constantValue(value, source);
    constant.first(this.graph);
    this.values.set(value, constant);
    return constant;
  }

  /** Adds the nodes of one call. */
  call(op: TapeOp): void {
    const { kernel, inputs, attrs, outputs, scope } = op;
    this.graph.scope = scope;
    if (kernel === LOOP || kernel === WHILE) {
      this.#loop(op);
      return;
    }
    const args = [mapEach(inputs, (value) => this.value(value)), attrs] as const;
    const rule = (kernel === LAYER_NORM ? layerNorm : kernels[kernel]) as AnyRule;
    const override = kernel === LAYER_NORM ? undefined : (this.#target.overrides[kernel] as AnyRule | undefined);
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

  /** Adds a loop as one node. */
  #loop({ kernel, inputs, outputs, step }: TapeOp): void {
    if (!step) throw new Error('a loop has no step');
    const { states, slices, next, each } = step;
    const forms = this.#formsOfStates(step);
    const carried = Object.values(inputs).slice(0, states.length + slices.length);
    const initial = this.#outerRefs(carried.slice(0, states.length), forms);
    if (kernel === WHILE) {
      const last = this.graph.loop(initial, (g, before) => this.#step(step, forms, g, before).#outerRefs(next, forms));
      this.#setOuter(outputs, last, forms.slice(1));
      return;
    }
    const sequences = this.#outerRefs(carried.slice(states.length));
    const results = this.graph.scan(initial, sequences, (g, before, parts) => {
      const inner = this.#step(step, forms, g, before, parts);
      return { states: inner.#outerRefs(next, forms), outputs: inner.#outerRefs(each) };
    });
    this.#setOuter(outputs.slice(0, states.length), results.slice(0, states.length), forms);
    this.#setOuter(outputs.slice(states.length), results.slice(states.length));
    this.graph.scope = '';
  }

  /** Adds the nodes of a step to a graph inside this one. */
  #step(
    { ops, states, slices, next, each }: Step,
    forms: readonly Form[],
    g: GraphBuilder,
    before: Ref[],
    parts: Ref[] = [],
  ) {
    const inner = new Lowering(this.#target, g, this);
    inner.#setOuter(states, before, forms);
    inner.#setOuter(slices, parts);
    for (const op of fuseCalls(ops, [...next, ...each])) inner.call(op);
    return inner;
  }

  /** The forms that states have between steps: channels first where a step makes them so, to be spared transposes. */
  #formsOfStates({ ops, states, slices, next, each }: Step): Form[] {
    const forms = states.map(({ dtype }) => hostForm(dtype));
    if (!ops.some(({ kernel }) => /Conv|Pool/.test(kernel))) return forms;
    const [g, given] = [new GraphBuilder(), [...states, ...slices]];
    const trial = new Lowering(this.#target, g, this);
    const inputs = given.map(({ shape, dtype }) => g.input('given', elementType(dtype), hostShape(shape, dtype)));
    trial.#setOuter(given, inputs);
    for (const op of fuseCalls(ops, [...next, ...each])) trial.call(op);
    return forms.map((form, i) => (trial.value(next[i] as TapeValue).forms[0] === nchw ? nchw : form));
  }

  /** Values as they cross the border of a graph. */
  #outerRefs(values: readonly TapeValue[], forms: readonly Form[] = values.map(({ dtype }) => hostForm(dtype))): Ref[] {
    return values.map((value, i) => this.value(value).as(forms[i] as Form, this.graph));
  }

  #setOuter(
    values: readonly TapeValue[],
    refs: readonly Ref[],
    forms: readonly Form[] = values.map(({ dtype }) => hostForm(dtype)),
  ): void {
    values.forEach(({ shape, dtype }, i) => {
      this.values.set(values[i] as TapeValue, new Value(shape, dtype, forms[i] as Form, refs[i] as Ref));
    });
  }
}

type AnyRule = (inputs: unknown, attrs: unknown) => Value | readonly Value[] | undefined;

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
  return first.results.flatMap((result, slot): [HeldBuffer, Ref][] => {
    if (result === first.variables[slot]) return [];
    const value = lowering.value(standIns.get(result) ?? result);
    return [[buffers[slot] as HeldBuffer, g.reshape(value.as(plain, g), shape)]];
  });
}
