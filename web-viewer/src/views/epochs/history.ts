import { metricsLine } from '../../../../pipeline/artifacts/metrics.ts';

/** Measurements at the end of an epoch, in the unit of the card's model.error, mean per pixel. */
export interface Losses {
  readonly loss: number;
  readonly reconstruction: number | null;
  readonly kl: number | null;
}

/** An epoch of the training's record. */
export interface Epoch {
  readonly epoch: number;
  readonly train: Losses | null;
  readonly val: Losses | null;
  readonly test: Losses | null;
}

const SPLITS = metricsLine.shape.split.options;
export type Split = (typeof SPLITS)[number];
export type Quantity = keyof Losses;

/**
 * The epochs of a `metrics.jsonl`, ascending. Lines for training steps and damaged lines are skipped; of several
 * lines for the same epoch, the last one counts.
 */
export function readHistory(text: string): readonly Epoch[] {
  const epochs = new Map<number, Epoch>();
  for (const line of text.split('\n')) {
    const found = readLine(line);
    if (!found) continue;
    const { epoch, split, losses } = found;
    const before = epochs.get(epoch) ?? { epoch, train: null, val: null, test: null };
    epochs.set(epoch, { ...before, [split]: losses });
  }
  return [...epochs.values()].sort((a, b) => a.epoch - b.epoch);
}

function readLine(line: string): { epoch: number; split: Split; losses: Losses } | null {
  const { success, data } = metricsLine.safeParse(parsed(line));
  if (!success || data.span !== 'epoch') return null;
  const { epoch, split, loss, reconstruction, kl } = data;
  const numberOrNull = (value: unknown) => (typeof value === 'number' ? value : null);
  const losses = { loss, reconstruction: numberOrNull(reconstruction), kl: numberOrNull(kl) };
  return { epoch, split, losses };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** A curve of the record: a value or a gap for each epoch. */
export function curveOf(history: readonly Epoch[], split: Split, quantity: Quantity): readonly (number | null)[] {
  return history.map((epoch) => epoch[split]?.[quantity] ?? null);
}

/** The curves to draw: the terms of the loss only where there are two. */
export function quantitiesOf(history: readonly Epoch[]): readonly Quantity[] {
  const hasKl = history.some((epoch) => SPLITS.some((split) => epoch[split]?.kl != null));
  return hasKl ? ['loss', 'reconstruction', 'kl'] : ['loss'];
}

/** The parts of the data that the record has losses of. */
export const splitsOf = (history: readonly Epoch[]): readonly Split[] =>
  SPLITS.filter((split) => history.some((epoch) => epoch[split]));

/** The part that an epoch is judged by: validation images where there are any, else test images. */
export const judgedBy = (history: readonly Epoch[]): 'val' | 'test' =>
  history.some(({ val }) => val) ? 'val' : 'test';

/** The epoch with the lowest loss on the images that epochs are judged by; null where there is none. */
export function bestEpoch(history: readonly Epoch[]): number | null {
  const split = judgedBy(history);
  const lossIn = (epoch: Epoch | null) => epoch?.[split]?.loss ?? Number.POSITIVE_INFINITY;
  let best: Epoch | null = null;
  for (const epoch of history) if (lossIn(epoch) < lossIn(best)) best = epoch;
  return best?.epoch ?? null;
}

/** Index in `epochs` (ascending) of the requested epoch; 0 and unknown epochs mean the last. */
export function indexOfEpoch(epochs: readonly number[], asked: number): number {
  const place = asked === 0 ? -1 : epochs.indexOf(asked);
  return place < 0 ? epochs.length - 1 : place;
}

/** The last value (ascending) that is not above `limit`, else the first; null where there are none. */
export function atOrBefore(values: readonly number[], limit: number): number | null {
  return values.findLast((value) => value <= limit) ?? values[0] ?? null;
}
