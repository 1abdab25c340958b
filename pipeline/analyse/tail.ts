import type { Tail } from '../artifacts/outlier-section.ts';

/** Shares whose quantiles are kept: hundredths, and finer ones at the end. */
const SHARES = [...Array.from({ length: 100 }, (_, i) => (100 - i) / 100), 0.005, 0.002, 0.001, 5e-4, 2e-4, 1e-4];
/** Reference images above a quantile, at least. */
const LEAST_ABOVE = 5;
/** The decay is the mean excess over the quantile of this share, or of the last. */
const DECAY_SHARE = 0.05;

/** The largest rarity: where reference images hardly differ, others are beyond any measure. */
const MOST = 1000;

/** Quantiles of the values of reference images, as `numpy.quantile` interpolates them. @throws RangeError where there is none */
export function fitTail(reference: Float32Array): Tail {
  const sorted = Float64Array.from(reference).sort();
  const last = sorted.length - 1;
  if (last < 0) throw new RangeError('no values');
  const quantile = (share: number): number => {
    const place = (1 - share) * last;
    const below = sorted[Math.floor(place)] as number;
    return below + (place - Math.floor(place)) * ((sorted[Math.ceil(place)] as number) - below);
  };
  const kept = SHARES.filter((share) => share === 1 || share * sorted.length >= LEAST_ABOVE)
    .map((share) => ({ share, value: quantile(share) }))
    .filter(({ value }, i, all) => value !== all[i - 1]?.value); // of equal values, the larger share
  const from = quantile(Math.max(DECAY_SHARE, kept.at(-1)?.share ?? 1));
  const above = sorted.filter((value) => value > from);
  const excess = above.reduce((sum, value) => sum + value - from, 0) / Math.max(1, above.length);
  const values = kept.map(({ value }) => value);
  const decay = Math.max(excess, 1e-6 * Math.abs(from), Number.MIN_VALUE * 2 ** 52);
  return { values, shares: kept.map(({ share }) => share), decay };
}

/** −log₁₀ of the share of reference images whose value is at least as large as this one: 0 up to the smallest, 2 at the 99th percentile. */
export function rarity({ values, shares, decay }: Tail, value: number): number {
  const next = upperBound(values, value);
  if (next === 0) return 0;
  const [low, share] = [values[next - 1] as number, shares[next - 1] as number];
  if (next === values.length) return Math.min(MOST, -Math.log10(share) + (value - low) / (decay * Math.LN10));
  const [high, less] = [values[next] as number, shares[next] as number];
  return -Math.log10(share) + ((value - low) / (high - low)) * Math.log10(share / less);
}

/** Percentile of a value among the reference images, 0 to 100. */
export const percentileOf = (rarity: number): number => 100 * (1 - 10 ** -rarity);

/** Whether a percentile is beyond the quantiles of so many reference images. The share above 99.9 is a little less than 0.001 by rounding. */
export const isExtrapolated = (percentile: number, images: number): boolean =>
  ((100 - percentile) / 100) * images < LEAST_ABOVE - 1e-6;

/** Number of values that are at most as large, of values in ascending order. */
function upperBound(values: readonly number[], value: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
