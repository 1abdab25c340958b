import { countRows, type Rows } from '../data/rows.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { product, symmetric, symmetricEigensystem, trace, transposed } from './matrix.ts';
import { type Moments, momentsOf } from './moments.ts';

/**
 * Fits a normal distribution to rows of features. Yields to the event loop.
 * @param rows `[n, size]`, at least two rows
 * @throws RangeError
 */
export async function fitGaussian(rows: Rows, size: number, tick?: Tick): Promise<Moments> {
  const n = countRows(rows, size);
  if (n < 2) throw new RangeError('one row has no covariance');
  return momentsOf(rows, size, pauses(tick));
}

/**
 * Squared Fréchet distance between two normal distributions (Dowson and Landau 1982; Heusel et al. 2017,
 * "GANs trained by a two time-scale update rule", equation 6): |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½).
 *
 * The trace of the root is the sum of the roots of the eigenvalues of Σ₁^½ Σ₂ Σ₁^½. That is symmetric, so there are no
 * complex numbers, and singular covariances need no ridge.
 * @throws RangeError
 */
export function frechetDistance(a: Moments, b: Moments): number {
  const size = a.mean.length;
  if (size !== b.mean.length) throw new RangeError(`features of size ${size} and ${b.mean.length}`);
  const between = a.mean.reduce((sum, mean, i) => sum + (mean - (b.mean[i] as number)) ** 2, 0);
  const root = squareRoot(a.covariance, size);
  const inner = product(product(root, b.covariance, size), root, size);
  // The product is symmetric but for rounding.
  const balanced = symmetric(size, (i, j) => ((inner[i * size + j] as number) + (inner[j * size + i] as number)) / 2);
  const overlap = roots(symmetricEigensystem(balanced, size).values).reduce((sum, value) => sum + value, 0);
  return Math.max(0, between + trace(a.covariance, size) + trace(b.covariance, size) - 2 * overlap);
}

/** Square roots; values within rounding error of 0 count as 0. */
function roots(values: Float64Array): Float64Array {
  const noise = values.length * Number.EPSILON * Math.abs(values[0] ?? 0);
  return values.map((value) => (value > noise ? Math.sqrt(value) : 0));
}

/** The symmetric square root of a positive semidefinite matrix. */
function squareRoot(matrix: Float64Array, size: number): Float64Array {
  const { values, vectors } = symmetricEigensystem(matrix, size);
  const scales = roots(values);
  const scaled = vectors.map((value, at) => (scales[Math.floor(at / size)] as number) * value);
  return product(transposed(scaled, size), vectors, size);
}
