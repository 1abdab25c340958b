import { countCompleteRows } from '../data/rows.ts';

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
export interface Usual {
  readonly weights: readonly number[];
  /** A row for each. */
  readonly means: readonly (readonly number[])[];
  /** Lower Cholesky factors of the covariances, without the zeros above the diagonal. */
  readonly factors: readonly (readonly number[])[];
}

/** Below any error of a model that is not perfect. */
const LEAST_ERROR = 1e-12;
export const logOf = (error: number): number => Math.log(Math.max(error, LEAST_ERROR));

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
    return { mean, factor, peak, deviation: columns > size ? diagonal(size) : 1 };
  });
  const bound = logSum(components.map(({ peak }) => peak));
  return ({ latents, errors }) => {
    const n = countCompleteRows(latents, size);
    const distances = new Float32Array(n);
    const surprises = errors && columns > size ? new Float32Array(n) : undefined;
    /** The difference from a mean, whitened: the factor times it is the difference. */
    const whitened = new Float64Array(columns);
    for (let row = 0; row < n; row++) {
      const log = surprises ? logOf(errors?.[row] as number) : 0;
      const parts = components.map(({ mean, factor, peak, deviation }) => {
        let squares = 0;
        for (let i = 0, at = 0; i < columns; i++, at++) {
          let rest = (i < size ? (latents[row * size + i] as number) : log) - (mean[i] as number);
          for (let j = 0; j < i; j++, at++) rest -= (factor[at] as number) * (whitened[j] as number);
          whitened[i] = rest / (factor[at] as number);
          if (i < size) squares += (whitened[i] as number) ** 2;
        }
        // The error comes last, so its whitened value is how far it is from what the component expects, given the latent.
        return {
          density: peak - squares / 2,
          expected: log - (whitened[columns - 1] as number) * deviation,
          deviation,
        };
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
