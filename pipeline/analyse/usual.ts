import { countCompleteRows } from '../data/rows.ts';
import type { Tick } from '../io/stages.ts';
import { fitGaussianMixture, type GaussianMixture } from './gaussian-mixture.ts';
import { invertLower } from './matrix.ts';
import { spreadOf } from './moments.ts';
import { fitShrunkNormal } from './shrunk-normal.ts';

/** Latents of images and, where there are any, their reconstruction errors. */
export interface Encoded {
  /** `[n, size]` */
  readonly latents: Float32Array;
  /** `[n]` */
  readonly errors: Float32Array | undefined;
}

/** How unusual images are, `[n]` each. */
export interface Unusual {
  /** Distance of the latent from those of training images. */
  readonly distances: Float32Array;
  /** By how much the logarithm of the error is above (or below) that of training images with such a latent. */
  readonly surprises: Float32Array | undefined;
}

/** Normal distributions of latents, followed by the logarithm of the error where there are errors. */
export type Usual = Omit<GaussianMixture, 'size'>;

/** Numbers of a mixture's fit: rows × components × columns². */
const MOST_COST = 3e8;
const ROWS_PER_NUMBER = 5;

/**
 * Fits normal distributions to latents and errors of training images, taken together: fewer where there are few rows, or long
 * ones. A single one is shrunk, see `fitShrunkNormal`.
 * @param components at most
 */
export async function fitUsual(
  encoded: Encoded,
  size: number,
  { components, seed, tick }: { readonly components: number; readonly seed: number; readonly tick?: Tick },
): Promise<Usual> {
  const scale = errorScale(encoded, size);
  const { rows, columns } = joined(encoded, size, scale);
  const n = rows.length / columns;
  const supported = Math.floor(Math.min(n / (ROWS_PER_NUMBER * columns), MOST_COST / (n * columns ** 2)));
  const count = Math.min(components, supported);
  const { weights, means, factors } =
    count > 1
      ? (await fitGaussianMixture(rows, columns, { components: count, seed, tick })).mixture
      : (await fitShrunkNormal(rows, columns)).normal;
  if (columns === size) return { weights, means, factors };
  /** Undoes the scale of the last row or number. */
  const unscaled = (row: readonly number[], from: number) => row.map((value, i) => (i < from ? value : value / scale));
  return {
    weights,
    means: means.map((mean) => unscaled(mean, size)),
    factors: factors.map((factor) => unscaled(factor, (size * (size + 1)) / 2)),
  };
}

/** Makes the logarithms of errors vary as latents do: the mixture starts from clusters of both. */
function errorScale({ latents, errors }: Encoded, size: number): number {
  if (!errors) return 1;
  const spread = (rows: Float32Array, size: number) => {
    const { std } = spreadOf(rows, size);
    return Math.sqrt(std.reduce((sum, value) => sum + value ** 2, 0) / size);
  };
  const scale = spread(latents, size) / spread(errors.map(logOf), 1);
  return Number.isFinite(scale) && scale > 0 ? scale : 1;
}

/** Below any error of a model that is not perfect. */
const LEAST_ERROR = 1e-12;
export const logOf = (error: number): number => Math.log(Math.max(error, LEAST_ERROR));

function joined({ latents, errors }: Encoded, size: number, scale: number) {
  if (!errors) return { rows: latents, columns: size };
  const columns = size + 1;
  const rows = new Float32Array(errors.length * columns);
  for (let i = 0; i < errors.length; i++) {
    rows.set(latents.subarray(i * size, (i + 1) * size), i * columns);
    rows[i * columns + size] = scale * logOf(errors[i] as number);
  }
  return { rows, columns };
}

/**
 * How unusual images are by the distributions of training images. With a single one, the distance is Mahalanobis'. With several it
 * is √(2 (b − log p)) with the density p of the latent and the bound b of all log densities, the sum of the components at their
 * means: the same where one component is alone. A surprise is in standard deviations of the error given the latent.
 */
export function unusualnessBy({ weights, means, factors }: Usual, size: number): (images: Encoded) => Unusual {
  const columns = means[0]?.length ?? size;
  const components = weights.map((weight, c) => {
    const [mean, factor] = [means[c] as readonly number[], factors[c] as readonly number[]];
    const diagonal = (i: number) => factor[(i * (i + 3)) / 2] as number;
    let peak = Math.log(weight) - (size / 2) * Math.log(2 * Math.PI);
    for (let i = 0; i < size; i++) peak -= Math.log(diagonal(i));
    return { mean, whitening: invertLower(factor, columns), peak, deviation: columns > size ? diagonal(size) : 1 };
  });
  const bound = logSum(components.map(({ peak }) => peak));
  return ({ latents, errors }) => {
    const n = countCompleteRows(latents, size);
    const distances = new Float32Array(n);
    const surprises = errors && columns > size ? new Float32Array(n) : undefined;
    const difference = new Float64Array(columns);
    for (let row = 0; row < n; row++) {
      const log = surprises ? logOf(errors?.[row] as number) : 0;
      const parts = components.map(({ mean, whitening, peak, deviation }) => {
        let [squares, whitened] = [0, 0];
        for (let i = 0, at = 0; i < columns; i++) {
          difference[i] = (i < size ? (latents[row * size + i] as number) : log) - (mean[i] as number);
          whitened = 0;
          for (let j = 0; j <= i; j++, at++) whitened += (whitening[at] as number) * (difference[j] as number);
          if (i < size) squares += whitened ** 2;
        }
        // The error comes last, so its whitened value is how far it is from what the component expects, given the latent.
        return { density: peak - squares / 2, expected: log - whitened * deviation, deviation };
      });
      const density = logSum(parts.map((part) => part.density));
      distances[row] = Math.sqrt(Math.max(0, 2 * (bound - density)));
      if (!surprises) continue;
      let [mean, square] = [0, 0];
      for (const part of parts) {
        const share = Math.exp(part.density - density);
        mean += share * part.expected;
        square += share * (part.deviation ** 2 + part.expected ** 2);
      }
      surprises[row] = (log - mean) / Math.sqrt(Math.max(square - mean ** 2, Number.EPSILON));
    }
    return { distances, surprises };
  };
}

function logSum(logs: readonly number[]): number {
  const highest = logs.reduce((most, log) => Math.max(most, log));
  return highest + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - highest), 0));
}
