import { computedValues } from '../constants.ts';
import { product, sameShape } from '../ir.ts';
import { sameNumbers } from '../numbers.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue, UNNAMED } from '../tape.ts';
import { withInputs } from './rewrite.ts';

/**
 * Replaces calls whose results depend on no input by constants, and drops calls that nothing needs.
 * @param tapes one program, traced at several batch sizes: a result that is not the same in all is still computed
 * @param keepWeights whether named weights stay as they are, and what is computed from them stays a computation
 */
export function foldConstants(tapes: readonly Tape[], keepWeights = false): Tape[] {
  const [first, ...others] = tapes;
  if (!first || others.some(({ ops }) => ops.length !== first.ops.length)) return tapes.map(withoutDead);
  const named = tapes.map((tape) => fromWeights(tape, keepWeights));
  const constants = tapes.map(() => new Map<TapeValue, TapeValue>());
  const needed = tapes.map(neededOps);
  first.ops.forEach((op, i) => {
    const same = tapes.map((tape) => tape.ops[i] as TapeOp);
    if (STAYS.has(op.kernel) || same.some((one, t) => !needed[t]?.has(one) || named[t]?.has(one))) return;
    const found = op.outputs.map((_, k) => commonValue(same.map(({ outputs }) => outputs[k] as TapeValue)));
    const size = found.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    const given = inputsOf(op).reduce((sum, { shape }) => sum + product(shape), 0);
    if (found.includes(undefined)) {
      // One number, as often as the batch size tells: the first states of a recurrent layer.
      const equal = same.map(({ outputs }) => oneNumber(outputs));
      if (equal[0] === undefined || equal.some((number) => number !== equal[0])) return;
      for (const [
        t,
        {
          outputs: [output],
        },
      ] of same.entries()) {
        const values = output && computedValues(output);
        if (values) constants[t]?.set(output, { ...output, source: { kind: 'constant', name: UNNAMED, values } });
      }
      return;
    }
    if (size > Math.max(LARGE, 2 * given)) return;
    for (const [t, { outputs }] of same.entries()) {
      for (const [k, output] of outputs.entries()) {
        const values = found[k] as NonNullable<(typeof found)[number]>;
        constants[t]?.set(output, { ...output, source: { kind: 'constant', name: UNNAMED, values } });
      }
    }
  });
  return tapes.map((tape, t) => withoutDead(replaced(tape, constants[t] ?? new Map())));
}

/** Calls that lowering writes as one number, however large their result. */
const STAYS: ReadonlySet<string> = new Set(['Fill', 'OnesLike', 'ZerosLike']);

/** Moves of numbers, after which a weight is still found in the file. */
const MOVES: ReadonlySet<string> = new Set(['Cast', 'ExpandDims', 'Identity', 'Reshape', 'Transpose']);

/** Number of elements up to which a result may be larger than what it is computed from. */
const LARGE = 4096;

/** The calls that only move a named weight; with `all`, every call that depends on one. */
function fromWeights({ ops }: Tape, all: boolean): Set<TapeOp> {
  const [found, values] = [new Set<TapeOp>(), new Set<TapeValue>()];
  const isWeight = ({ source }: TapeValue) => source.kind === 'constant' && source.name !== UNNAMED;
  for (const op of ops) {
    if (!(all || MOVES.has(op.kernel)) || !inputsOf(op).some((value) => isWeight(value) || values.has(value))) continue;
    found.add(op);
    for (const output of op.outputs) values.add(output);
  }
  return found;
}

/** The number that a call gives everywhere, if it is known and there is one. */
function oneNumber([output, ...others]: readonly TapeValue[]): number | undefined {
  const values = output && others.length === 0 ? computedValues(output) : undefined;
  return values?.every((value) => value === values[0]) ? values[0] : undefined;
}

/** The numbers of a value, if they are known and the same on all tapes. */
function commonValue([value, ...others]: readonly TapeValue[]) {
  if (!value || !others.every(({ shape }) => sameShape(shape, value.shape))) return undefined;
  const numbers = computedValues(value);
  const equal = (other: TapeValue) => {
    const theirs = computedValues(other);
    return numbers && theirs && sameNumbers(numbers, theirs);
  };
  return others.every(equal) ? numbers : undefined;
}

/** The tape with values replaced, and without the calls that gave them. */
export function replaced(tape: Tape, values: ReadonlyMap<TapeValue, TapeValue>): Tape {
  const now = (value: TapeValue): TapeValue => values.get(value) ?? value;
  return {
    ...tape,
    ops: tape.ops
      .filter(({ outputs }) => !outputs.every((output) => values.has(output)))
      .map((op) => withInputs(op, inputsOf(op).map(now))),
    updates: tape.updates.map(now),
    outputs: Object.fromEntries(Object.entries(tape.outputs).map(([name, value]) => [name, now(value)])),
  };
}

/** The tape without calls that no output and no variable needs. */
export function withoutDead(tape: Tape): Tape {
  const needed = neededOps(tape);
  return { ...tape, ops: tape.ops.filter((op) => needed.has(op)) };
}

function neededOps({ ops, outputs, updates }: Tape): Set<TapeOp> {
  const values = new Set([...Object.values(outputs), ...updates]);
  const needed = new Set<TapeOp>();
  for (const op of ops.toReversed()) {
    if (!op.outputs.some((output) => values.has(output))) continue;
    needed.add(op);
    for (const input of inputsOf(op)) values.add(input);
  }
  return needed;
}
