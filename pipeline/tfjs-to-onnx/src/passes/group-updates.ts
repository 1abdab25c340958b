import { attributeKey, product, sameShape } from '../ir.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';

/**
 * The update of one weight and its optimizer slots, all of one shape: the elementwise calls from the gradient to the new
 * values.
 */
export interface Update {
  /** The variables that are updated together: a weight and its slots. */
  readonly variables: readonly TapeValue<'variable'>[];
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
  // Cones that share a value belong to one weight.
  let cones: ReadonlySet<TapeValue>[] = [];
  for (const [variable, result] of changes) {
    if (result === variable || isScalar(variable)) continue;
    const cone = coneOf(variable, result, made);
    const touching = cones.filter((other) => [...cone].some((value) => other.has(value)));
    const joined = new Set([...touching, cone].flatMap((values) => [...values]));
    cones = [...cones.filter((other) => !touching.includes(other)), joined];
  }
  const computed = new Set(cones.flatMap((cone) => [...cone]));
  const others = tape.ops.filter(({ outputs }) => !outputs.some((output) => computed.has(output)));
  const usedOutside = new Set([...others.flatMap(inputsOf), ...Object.values(tape.outputs)]);
  return cones.flatMap((cone): Update[] => {
    const ops = tape.ops.filter(({ outputs }) => outputs.some((output) => cone.has(output)));
    // Read again later in this step, so it cannot be deferred to the grouped update.
    if (ops.some(({ outputs }) => outputs.some((output) => usedOutside.has(output)))) return [];
    const own = changes.filter(([variable]) => cone.has(variable));
    const [variables, results] = [own.map(([variable]) => variable), own.map(([, result]) => result)];
    const read = new Set([...ops.flatMap(inputsOf), ...results]);
    return [{ variables, results, ops, leaves: [...read].filter((value) => !isScalar(value) && !cone.has(value)) }];
  });
}

/** The variables and the results of elementwise calls, all of the variable's shape, that lead to its new value. */
function coneOf(variable: TapeValue, result: TapeValue, made: ReadonlyMap<TapeValue, TapeOp>): Set<TapeValue> {
  const cone = new Set([variable]);
  const visit = (value: TapeValue): void => {
    if (isScalar(value) || cone.has(value)) return;
    const op = made.get(value);
    const fits = (input: TapeValue) => isScalar(input) || sameShape(input.shape, value.shape);
    if (value.source.kind === 'variable') {
      cone.add(value);
    } else if (op && ELEMENTWISE.has(op.kernel) && inputsOf(op).every(fits)) {
      cone.add(value);
      inputsOf(op).forEach(visit);
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
    return `${kernel}${attributeKey(attrs)}(${operands})`;
  });
  return [...lines, ...results.map((result) => names.get(result))].join(';');
}

const ids = new WeakMap<TapeValue, number>();
let nextId = 0;

/** Scalars are equal if they are one tensor, or constants of one value. */
function scalarName(value: TapeValue): string {
  if (value.source.kind === 'constant') return `${value.dtype} ${attributeKey(value.source.values[0])}`;
  const id = ids.get(value) ?? nextId++;
  ids.set(value, id);
  return `#${id}`;
}

const isScalar = ({ shape }: TapeValue): boolean => shape.length === 0;

/** Kernels that do the same to each element, whatever the shape and layout. */
export const ELEMENTWISE: ReadonlySet<string> = new Set(
  'Abs Add Maximum Minimum Multiply Neg Pow RealDiv Sqrt Square SquaredDifference Sub'.split(' '),
);
