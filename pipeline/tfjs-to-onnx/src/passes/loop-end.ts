import { sameShape } from '../ir.ts';
import { inputsOf, type Tape, type TapeOp, type TapeValue } from '../tape.ts';
import type { IndexedTape, Stretches } from './steps.ts';

/** An output of a step's call. */
export interface Place {
  readonly at: number;
  readonly output: number;
}

/** What of a loop's steps is used after it. */
export interface LoopEnd {
  /** Tensors of the last step. */
  readonly last: ReadonlyMap<TapeValue, Place>;
  /** Calls that stack what all steps gave. */
  readonly stacked: ReadonlyMap<TapeOp, Place>;
}

/**
 * Finds what is used of a loop's steps after it.
 * @returns undefined where it is more than tensors of the last step and stacks of all steps
 */
export function endOf(
  tape: Tape,
  indexed: IndexedTape,
  { start, length, count }: Stretches,
  first: readonly number[],
): LoopEnd | undefined {
  const inside = (value: TapeValue): (Place & { readonly step: number }) | undefined => {
    const made = indexed.madeBy(unreshaped(value, indexed));
    if (!made || made.op < start || made.op >= start + length * count) return undefined;
    const at = (made.op - start) % length;
    return { step: Math.floor((made.op - start) / length), at: first[at] ?? at, output: made.output };
  };
  const last = new Map<TapeValue, Place>();
  const stacked = new Map<TapeOp, Place>();
  const isUsable = (value: TapeValue): boolean => {
    const place = inside(value);
    if (place?.step === count - 1) last.set(value, place);
    return !place || place.step === count - 1;
  };
  const usable = tape.ops.slice(start + length * count).every((op) => {
    // It is looked through where its result is used.
    if (isNoReshape(op)) return true;
    const places = inputsOf(op).map(inside);
    const [place] = places;
    if (op.kernel !== 'Pack' || !place || places.length !== count) return inputsOf(op).every(isUsable);
    const all = places.every((one, t) => one?.step === t && one.at === place.at && one.output === place.output);
    if (all) stacked.set(op, place);
    return all;
  });
  const results = [...Object.values(tape.outputs), ...tape.updates];
  return usable && results.every(isUsable) ? { last, stacked } : undefined;
}

const isNoReshape = ({ kernel, inputs, outputs: [output] }: TapeOp): boolean =>
  kernel === 'Reshape' &&
  output !== undefined &&
  Object.values(inputs).every(({ shape }) => sameShape(shape, output.shape));

/** The tensor that one was reshaped from without a change of shape. */
function unreshaped(value: TapeValue, indexed: IndexedTape): TapeValue {
  const made = indexed.madeBy(value);
  const op = made && indexed.op(made.op);
  return op && isNoReshape(op) ? unreshaped(inputsOf(op)[0] as TapeValue, indexed) : value;
}
