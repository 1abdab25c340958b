import { countRows } from '../data/rows.ts';
import { pauses } from '../io/stages.ts';
import type { GaussianMixture } from './gaussian-mixture.ts';
import { choleskyFactor, symmetric, trace } from './matrix.ts';
import { momentsOf } from './moments.ts';

/** The least share of the mean variance that is added to variances: a column may be constant. */
const LEAST = 1e-9;

/**
 * Fits one normal distribution to rows. The covariance (divided by the number of rows) is shrunk towards a multiple of the identity,
 * as in Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices" (2004), so that it has an
 * inverse even where there are fewer rows than columns.
 * @param rows `[n, size]`
 * @throws RangeError where there is no row or a value is not finite
 */
export async function fitShrunkNormal(
  rows: Float32Array,
  size: number,
): Promise<{ readonly normal: GaussianMixture; readonly shrinkage: number }> {
  const n = countRows(rows, size);
  const { mean, covariance: sample } = await momentsOf(rows, size, pauses(undefined));
  const covariance = sample.map((value) => (value * (n - 1)) / n);
  const variance = trace(covariance, size) / size;
  const shrinkage = shrinkageOf(rows, size, mean, covariance, variance);
  const added = Math.max(shrinkage, LEAST) * (variance || Number.EPSILON); // where nothing varies, any deviation is far away
  const shrunk = symmetric(
    size,
    (i, j) => (1 - shrinkage) * (covariance[i * size + j] as number) + (i === j ? added : 0),
  );
  const factor = Array.from(choleskyFactor(shrunk, size));
  return { normal: { size, weights: [1], means: [Array.from(mean)], factors: [factor] }, shrinkage };
}

/** Ledoit and Wolf's weight of the identity, 0 to 1. */
function shrinkageOf(rows: Float32Array, size: number, mean: Float64Array, covariance: Float64Array, variance: number) {
  const n = rows.length / size;
  let fourth = 0;
  for (let i = 0; i < rows.length; i += size) {
    let squares = 0;
    for (let j = 0; j < size; j++) squares += ((rows[i + j] as number) - (mean[j] as number)) ** 2;
    fourth += squares ** 2;
  }
  const norm = covariance.reduce((sum, value) => sum + value ** 2, 0);
  const dispersion = norm - size * variance ** 2;
  return dispersion > 0 ? Math.max(0, Math.min(1, (fourth / n - norm) / n / dispersion)) : 1;
}
