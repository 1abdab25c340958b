import { product, sameShape } from '../ir.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';

/**
 * What a tape does to one weight and to what the optimizer keeps for it, all of one shape: the elementwise calls from
 * the gradient to the new values.
 */
export interface Update {
  /** The variables that are updated together: a weight and its slots. */
  readonly variables: readonly TapeValue[];
  /** Their new values. */
  readonly results: readonly TapeValue[];
  /** The calls, in order. */
  readonly ops: readonly TapeOp[];
  /** What comes from outside the calls: the gradient. */
  readonly leaves: readonly TapeValue[];
}

/**
 * Groups of updates that do the same to different weights, as an optimizer does. Each group can be computed at once on
 * the concatenation of its members: a dozen nodes instead of a dozen for every weight.
 */
export function groupUpdates(tape: Tape): Update[][] {
  const made = new Map(tape.ops.flatMap((op) => op.outputs.map((output) => [output, op] as const)));
  const groups = new Map<string, Update[]>();
  for (const update of updatesOf(tape, made)) {
    const key = signature(update);
    groups.set(key, [...(groups.get(key) ?? []), update]);
  }
  return [...groups.values()].flatMap(cacheSized).filter((group) => group.length > 1);
}

/** Elements that a group has at most: a dozen operations on so many stay in a core's cache, on more they do not. */
const CACHED = 80_000;

/** The group in pieces of neighbouring weights; one that is larger than a cache is a piece of its own. */
function cacheSized(group: readonly Update[]): Update[][] {
  const pieces: { size: number; updates: Update[] }[] = [];
  for (const update of group) {
    const size = product(update.variables[0]?.shape ?? []);
    const last = pieces.at(-1);
    if (last && last.size + size <= CACHED) {
      last.updates.push(update);
      last.size += size;
    } else {
      pieces.push({ size, updates: [update] });
    }
  }
  return pieces.map(({ updates }) => updates);
}

function updatesOf(tape: Tape, made: ReadonlyMap<TapeValue, TapeOp>): Update[] {
  const cones = tape.variables.flatMap((variable, i) => {
    const result = tape.updates[i];
    return result && result !== variable && variable.shape.length > 0 ? [coneOf(variable, result, made)] : [];
  });
  // Cones that share a call or a variable belong to one weight.
  const merged: Cone[] = [];
  for (const cone of cones) {
    const touching = merged.filter((other) => [...cone.all].some((value) => other.all.has(value)));
    for (const other of touching) merged.splice(merged.indexOf(other), 1);
    const parts = [...touching, cone];
    merged.push({
      ops: new Set(parts.flatMap(({ ops }) => [...ops])),
      all: new Set(parts.flatMap(({ all }) => [...all])),
      leaves: new Set(parts.flatMap(({ leaves }) => [...leaves])),
    });
  }
  const positions = new Map(tape.ops.map((op, i) => [op, i]));
  const inCones = new Set(merged.flatMap(({ ops }) => [...ops]));
  const usedOutside = new Set(tape.ops.filter((op) => !inCones.has(op)).flatMap(inputsOf));
  for (const output of Object.values(tape.outputs)) usedOutside.add(output);
  return merged.flatMap(({ ops, all, leaves }) => {
    const own = tape.variables.flatMap((variable, i) =>
      all.has(variable) ? [[variable, tape.updates[i]] as const] : [],
    );
    const sorted = [...ops].sort((a, b) => (positions.get(a) ?? 0) - (positions.get(b) ?? 0));
    // A new value that the program goes on to use cannot wait for the others.
    if (sorted.some(({ outputs }) => outputs.some((output) => usedOutside.has(output)))) return [];
    const results = own.map(([variable, result]) => result ?? variable);
    return [{ variables: own.map(([variable]) => variable), results, ops: sorted, leaves: [...leaves] }];
  });
}

interface Cone {
  readonly ops: Set<TapeOp>;
  /** Variables and results of calls. */
  readonly all: Set<TapeValue>;
  readonly leaves: Set<TapeValue>;
}

/** Everything elementwise, of the variable's shape, that leads to its new value. */
function coneOf(variable: TapeValue, result: TapeValue, made: ReadonlyMap<TapeValue, TapeOp>): Cone {
  const cone: Cone = { ops: new Set(), all: new Set([variable]), leaves: new Set() };
  const visit = (value: TapeValue): void => {
    if (cone.all.has(value) && value !== variable) return;
    if (isScalar(value)) return;
    if (value.source.kind === 'variable') {
      cone.all.add(value);
      return;
    }
    const op = made.get(value);
    if (
      !op ||
      !ELEMENTWISE.has(op.kernel) ||
      !inputsOf(op).every((input) => isScalar(input) || sameShape(input.shape, value.shape))
    ) {
      cone.leaves.add(value);
      return;
    }
    cone.all.add(value);
    cone.ops.add(op);
    inputsOf(op).forEach(visit);
  };
  visit(result);
  return cone;
}

/** The same for two updates exactly if they are the same program on different tensors. */
function signature({ variables, results, ops, leaves }: Update): string {
  const names = new Map<TapeValue, string>();
  variables.forEach((value, i) => {
    names.set(value, `v${i}`);
  });
  leaves.forEach((value, i) => {
    names.set(value, `g${i}`);
  });
  const lines = ops.map(({ kernel, attrs, inputs, outputs }, i) => {
    for (const output of outputs) names.set(output, `t${i}`);
    const operands = Object.entries(inputs).map(([key, value]) => `${key}=${names.get(value) ?? scalarName(value)}`);
    return `${kernel}${JSON.stringify(attrs)}(${operands})`;
  });
  return [...lines, ...results.map((result) => names.get(result))].join(';');
}

const ids = new WeakMap<TapeValue, number>();
let nextId = 0;

/** Scalars are the same if they are the same tensor, or constants of the same value. */
function scalarName(value: TapeValue): string {
  if (value.source.kind === 'constant') return `${value.dtype} ${value.source.values[0]}`;
  const id = ids.get(value) ?? nextId++;
  ids.set(value, id);
  return `#${id}`;
}

const isScalar = ({ shape }: TapeValue): boolean => shape.length === 0;

/** Kernels that do the same to each element, whatever the shape and layout. */
export const ELEMENTWISE: ReadonlySet<string> = new Set(
  'Abs Add Maximum Minimum Multiply Neg Pow RealDiv Sqrt Square SquaredDifference Sub'.split(' '),
);
