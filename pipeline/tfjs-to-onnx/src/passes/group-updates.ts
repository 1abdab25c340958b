import { product, sameShape } from '../ir.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';

/**
 * The update of one weight and its optimizer slots, all of one shape: the elementwise calls from the gradient to the new
 * values.
 */
export interface Update {
  /** The variables that are updated together: a weight and its slots. */
  readonly variables: readonly TapeValue[];
  /** Their new values. */
  readonly results: readonly TapeValue[];
  /** The calls, in order. */
  readonly ops: readonly TapeOp[];
  /** Results of other calls: the gradient. */
  readonly leaves: readonly TapeValue[];
}

/**
 * Groups of updates that do the same to different weights, as an optimizer does. Each group can be computed on the
 * concatenation of its members: a dozen nodes instead of a dozen for every weight.
 */
export function groupUpdates(tape: Tape): Update[][] {
  const groups = new Map<string, Update[]>();
  for (const update of updatesOf(tape)) {
    const key = signature(update);
    groups.set(key, [...(groups.get(key) ?? []), update]);
  }
  return [...groups.values()].flatMap(cacheSized).filter((group) => group.length > 1);
}

/** The largest number of elements of a group: a dozen operations on them stay in a core's cache. */
const CACHED = 80_000;

/** The group in pieces of neighbouring weights; one that is larger than a cache is its own piece. */
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

function updatesOf(tape: Tape): Update[] {
  const made = new Map(tape.ops.flatMap((op) => op.outputs.map((output) => [output, op] as const)));
  const changes = tape.variables.map((variable, i) => [variable, tape.updates[i] ?? variable] as const);
  // Cones that share a call or a variable belong to one weight.
  let cones: Cone[] = [];
  for (const [variable, result] of changes) {
    if (result === variable || isScalar(variable)) continue;
    const cone = coneOf(variable, result, made);
    const touches = ({ all }: Cone) => [...cone.all].some((value) => all.has(value));
    const parts = [...cones.filter(touches), cone];
    const joined: Cone = {
      ops: new Set(parts.flatMap(({ ops }) => [...ops])),
      all: new Set(parts.flatMap(({ all }) => [...all])),
      leaves: new Set(parts.flatMap(({ leaves }) => [...leaves])),
    };
    cones = [...cones.filter((other) => !touches(other)), joined];
  }
  const inCones = new Set(cones.flatMap(({ ops }) => [...ops]));
  const usedOutside = new Set(tape.ops.filter((op) => !inCones.has(op)).flatMap(inputsOf));
  for (const output of Object.values(tape.outputs)) usedOutside.add(output);
  return cones.flatMap(({ ops: unsorted, all, leaves }): Update[] => {
    const ops = tape.ops.filter((op) => unsorted.has(op));
    // Read again later in this step, so it cannot be deferred to the grouped update.
    if (ops.some(({ outputs }) => outputs.some((output) => usedOutside.has(output)))) return [];
    const own = changes.filter(([variable]) => all.has(variable));
    const [variables, results] = [own.map(([variable]) => variable), own.map(([, result]) => result)];
    return [{ variables, results, ops, leaves: [...leaves] }];
  });
}

interface Cone {
  readonly ops: Set<TapeOp>;
  /** Variables and results of calls. */
  readonly all: Set<TapeValue>;
  readonly leaves: Set<TapeValue>;
}

/** The elementwise calls of the variable's shape that lead to its new value. */
function coneOf(variable: TapeValue, result: TapeValue, made: ReadonlyMap<TapeValue, TapeOp>): Cone {
  const cone: Cone = { ops: new Set(), all: new Set([variable]), leaves: new Set() };
  const visit = (value: TapeValue): void => {
    if (isScalar(value) || (cone.all.has(value) && value !== variable)) return;
    const op = made.get(value);
    const fits = (input: TapeValue) => isScalar(input) || sameShape(input.shape, value.shape);
    if (value.source.kind === 'variable') {
      cone.all.add(value);
    } else if (op && ELEMENTWISE.has(op.kernel) && inputsOf(op).every(fits)) {
      cone.all.add(value);
      cone.ops.add(op);
      inputsOf(op).forEach(visit);
    } else {
      cone.leaves.add(value);
    }
  };
  visit(result);
  return cone;
}

/** Equal for two updates exactly if they are the same program on different tensors. */
function signature({ variables, results, ops, leaves }: Update): string {
  const names = new Map<TapeValue, string>([
    ...variables.map((value, i) => [value, `v${i}`] as const),
    ...leaves.map((value, i) => [value, `g${i}`] as const),
  ]);
  const lines = ops.map(({ kernel, attrs, inputs, outputs }, i) => {
    for (const output of outputs) names.set(output, `t${i}`);
    const operands = Object.entries(inputs).map(([key, value]) => `${key}=${names.get(value) ?? scalarName(value)}`);
    return `${kernel}${JSON.stringify(attrs)}(${operands})`;
  });
  return [...lines, ...results.map((result) => names.get(result))].join(';');
}

const ids = new WeakMap<TapeValue, number>();
let nextId = 0;

/** Scalars are equal if they are one tensor, or constants of one value. */
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
