import { type Constant, product, type Ref } from '../ir.ts';

/** Numbers from `start` in steps of `step`, of another length in each sample. */
export interface Sequence {
  readonly start: number;
  readonly step: number;
  readonly lengths: readonly number[];
}

/** The sequence that a constant is in all samples, if it is one. */
export function sequenceOf(ref: Ref, samples: readonly Constant[]): Sequence | undefined {
  if (ref.shape.filter((d) => d !== 1).length !== 1 || (ref.type !== 'int32' && ref.type !== 'float')) return undefined;
  const longest = samples.reduce((a, b) => (b.length > a.length ? b : a));
  const [start, second] = [Number(longest[0]), Number(longest[1])];
  const step = second - start;
  const fits = samples.every((values) => Array.from(values, Number).every((value, i) => value === start + i * step));
  return fits && Number.isInteger(start) && Number.isInteger(step) && step !== 0
    ? { start, step, lengths: samples.map(({ length }) => length) }
    : undefined;
}

/** Equal rows along the first axis, as many as there are in each sample. */
export interface Repetition {
  readonly row: Constant;
  readonly counts: readonly number[];
}

/** What the samples of a constant repeat, if that is one row. */
export function repetitionOf({ shape }: Ref, samples: readonly Constant[]): Repetition | undefined {
  const size = product(shape.slice(1));
  const row = samples[0]?.slice(0, size);
  if (!row || size === 0 || row.length < size) return undefined;
  const repeats = (values: Constant) =>
    values.length % size === 0 && values.every((value, i) => Object.is(value, row[i % size]));
  return samples.every(repeats) ? { row, counts: samples.map(({ length }) => length / size) } : undefined;
}
