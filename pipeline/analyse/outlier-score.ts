import type { OutlierSection, Tails } from '../artifacts/outlier-section.ts';
import { fitTail, rarity } from './tail.ts';
import { type Encoded, type Unusual, unusualnessBy } from './unusual.ts';

/** How rare an image's values are among the reference images: −log₁₀ of the share that has such values, `[n]` each. */
export interface OutlierScores {
  readonly error: Float32Array | undefined;
  readonly distance: Float32Array;
  /** Of the distance, and of the error given the latent, taken together. */
  readonly score: Float32Array;
}

/** Images with what is unusual about them. */
type Measured = Pick<Encoded, 'errors'> & Unusual;

/** How rare errors, distances, surprises and the sums of the last two's rarities are among reference images. */
export function fitTails({ errors, distances, surprises }: Measured): Tails {
  const centre = surprises ? medianOf(surprises) : 0;
  const parts = {
    error: errors ? fitTail(errors) : null,
    distance: fitTail(distances),
    surprise: surprises ? { ...fitTail(surprises.map((value) => Math.abs(value - centre))), centre } : null,
  };
  return { ...parts, both: fitTail(sums(parts, { errors, distances, surprises })) };
}

/** Scores of images by the tails of the reference images. */
export function scoresOf(tails: Tails, measured: Measured): OutlierScores {
  const { error, distance, both } = tails;
  const { errors, distances } = measured;
  return {
    error: errors && error ? errors.map((value) => rarity(error, value)) : undefined,
    distance: distances.map((value) => rarity(distance, value)),
    score: sums(tails, measured).map((value) => rarity(both, value)),
  };
}

/** Rarity from which on a large error counts by itself: 3 % of the reference images have such errors. */
const LARGE = 1.5;

/**
 * The sum of the rarities, which is Fisher's statistic of two tail probabilities. Errors count that are unusually large or small for
 * their latent, and those that are large for any.
 */
function sums(
  { error, distance, surprise }: Pick<Tails, 'error' | 'distance' | 'surprise'>,
  { errors, distances, surprises }: Measured,
) {
  return distances.map((value, i) => {
    const sum = rarity(distance, value);
    if (!error || !errors || !surprise || !surprises) return sum;
    const large = Math.max(0, rarity(error, errors[i] as number) - LARGE);
    return sum + rarity(surprise, Math.abs((surprises[i] as number) - surprise.centre)) + large;
  });
}

function medianOf(values: Float32Array): number {
  const sorted = values.toSorted();
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** The score at a percentile of the reference images: 2 at the 99th. */
export const thresholdOf = (percentile: number): number => -Math.log10((100 - percentile) / 100);

/** Score and flag of each image, `[n]`. */
export type Judge = (
  latents: Float32Array,
  errors: Float32Array | undefined,
) => { readonly scores: Float32Array; readonly flags: boolean[] };

/**
 * Judges images by a card alone.
 * @param errors whether there are reconstruction errors
 * @returns undefined where the card does not say what is normal, or its scores need errors and there are none
 */
export function judgeOf(
  { outliers, latent }: { readonly outliers?: OutlierSection | undefined; readonly latent: { readonly size: number } },
  errors: boolean,
): Judge | undefined {
  if (!outliers || (outliers.tails.error && !errors)) return undefined;
  const { usual, tails, flagAbove } = outliers;
  const threshold = thresholdOf(flagAbove);
  const unusual = unusualnessBy(usual, latent.size);
  return (latents, errors) => {
    const { score } = scoresOf(tails, { errors, ...unusual({ latents, errors }) });
    return { scores: score, flags: Array.from(score, (value) => value > threshold) };
  };
}
