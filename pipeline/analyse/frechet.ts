import { countRows, type Rows } from '../data/rows.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { symmetricEigensystem } from './matrix.ts';
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
  for (let i = 0; i < size; i++)
    for (let j = 0; j < i; j++) {
      const mean = ((inner[i * size + j] as number) + (inner[j * size + i] as number)) / 2;
      inner[i * size + j] = mean;
      inner[j * size + i] = mean;
    }
  const overlap = roots(symmetricEigensystem(inner, size).values).reduce((sum, value) => sum + value, 0);
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
  const result = new Float64Array(size * size);
  roots(values).forEach((root, k) => {
    const vector = vectors.subarray(k * size, (k + 1) * size);
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++)
        result[i * size + j] = (result[i * size + j] as number) + root * (vector[i] as number) * (vector[j] as number);
  });
  return result;
}

function product(a: Float64Array, b: Float64Array, size: number): Float64Array {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let k = 0; k < size; k++) {
      const factor = a[i * size + k] as number;
      for (let j = 0; j < size; j++)
        result[i * size + j] = (result[i * size + j] as number) + factor * (b[k * size + j] as number);
    }
  return result;
}

function trace(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * (size + 1)] as number;
  return sum;
}
