import * as tf from '@tensorflow/tfjs-core';
import type { BatchedProgram } from 'tfjs-to-onnx';
import { Generator } from '../data/generator.ts';
import { countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { type Pause, pauses, rowStretches, type Tick } from '../io/stages.ts';
import { add, dot, product, rowsOf, symmetric, symmetricEigensystem } from './matrix.ts';
import { columnMeans, momentsOf } from './moments.ts';
import { type Run, relativeRows, withPrograms } from './programs.ts';

export interface Pca {
  readonly size: number;
  /** `[size]` */
  readonly mean: Float64Array;
  /** Orthonormal, the largest variance first, each with its largest absolute value positive, `[count, size]`. */
  readonly components: Float64Array;
  /** Variances of the rows along the components (divided by the number of rows − 1), `[count]`. */
  readonly variances: Float64Array;
  /** Number of rows that were used: a subset where all would be too many numbers. */
  readonly rows: number;
  /** Largest error of a component as an eigenvector of the covariance, relative to the largest variance. */
  readonly residual: number;
}

export interface PcaOptions {
  /** Number of components; 10 by default, at most `size`. */
  readonly components?: number | undefined;
  readonly seed?: number | undefined;
  readonly tick?: Tick | undefined;
}

/** Longest rows whose covariance is computed. */
const MAX_COVARIANCE = 1024;
/** Of longer rows, at most this many numbers are used: each pass reads all of them. */
const MAX_NUMBERS = 1.5e7;
/** When the iteration stops: at this residual, or after this many products. */
const LIMITS = { rows: { enough: 1e-4, passes: 12 }, covariance: { enough: 1e-8, passes: 300 } };

/**
 * Principal components: the leading eigenvectors of the rows' covariance, by subspace iteration. For rows of more than 1,024
 * numbers, the covariance is not computed (as in Halko, Martinsson and Tropp 2011, "Finding structure with randomness"); of
 * more than 15 million numbers, an evenly spread subset of the rows is used. Yields to the event loop.
 * @param rows `[n, size]`
 * @throws RangeError
 */
export async function fitPca(
  rows: Rows,
  size: number,
  { components = 10, seed = 0, tick }: PcaOptions = {},
): Promise<Pca> {
  const n = countRows(rows, size);
  const count = Math.min(components, size);
  if (!(Number.isInteger(count) && count > 0)) throw new RangeError(`${count} components`);
  const pause = pauses(tick);
  const generator = Generator.of(seed, 'principal components');
  if (size <= MAX_COVARIANCE) {
    const { mean, covariance } = await momentsOf(rows, size, pause);
    const operator: Operator = async (vectors) => {
      await pause(1);
      return product(vectors, covariance, size);
    };
    const found = await leadingEigenvectors(operator, size, count, { generator, ...LIMITS.covariance });
    return { size, mean, ...found, rows: n };
  }
  const used = pickRows(rows, size, spreadRows(n, MAX_NUMBERS / size));
  const mean = columnMeans(used, size);
  const { multiply } = programs(size, widthOf(count, size));
  const found = await withPrograms({ multiply }, (run) => {
    const operator = covarianceProduct(used, mean, pause, run);
    return leadingEigenvectors(operator, size, count, { generator, ...LIMITS.rows });
  });
  return { size, mean, ...found, rows: used.length / size };
}

/** Coordinates of rows along the components, `[n, count]`. @param rows `[n, size]` */
export async function project({ size, mean, components }: Pca, rows: Rows, tick?: Tick): Promise<Float32Array> {
  const [n, count] = [countRows(rows, size), components.length / size];
  const pause = pauses(tick);
  const vectors = Float32Array.from(components);
  const coordinates = new Float32Array(n * count);
  await withPrograms({ project: programs(size, count).project }, async (run) => {
    for (const { from, to } of rowStretches(n, size)) {
      const { rows: row } = relativeRows(rows, mean, from, to - from);
      const { places } = await run('project', { row, vectors });
      coordinates.set(places as Float32Array, from * count);
      await pause(to / n);
    }
  });
  return coordinates;
}

/** Coordinates X Vᵀ of centred rows along vectors, and the rows' sums weighted by them, (X Vᵀ)ᵀ X. */
function programs(size: number, count: number) {
  const inputs = {
    row: { shape: ['N', size], dtype: 'float32' },
    vectors: { shape: [count, size], dtype: 'float32' },
  } as const;
  const places = ({ row, vectors }: Readonly<Record<string, tf.Tensor>>) =>
    tf.matMul(row as tf.Tensor2D, vectors as tf.Tensor2D, false, true);
  const project: BatchedProgram = { inputs, compute: (given) => ({ places: places(given) }) };
  const multiply: BatchedProgram = {
    inputs,
    compute: (given) => ({ sums: tf.matMul(places(given), given.row as tf.Tensor2D, true, false) }),
  };
  return { project, multiply };
}

/** Multiplies vectors by the covariance of rows without computing it. @param run the program `multiply` */
function covarianceProduct(rows: Rows, mean: Float64Array, pause: Pause, run: Run<'multiply'>): Operator {
  const size = mean.length;
  const n = rows.length / size;
  let pass = 0;
  return async (vectors) => {
    const products = new Float64Array(vectors.length);
    for (const { from, to } of rowStretches(n, size)) {
      const { rows: row } = relativeRows(rows, mean, from, to - from);
      const { sums = [] } = await run('multiply', { row, vectors: Float32Array.from(vectors) });
      for (let at = 0; at < products.length; at++) products[at] = (products[at] as number) + (sums[at] as number);
      await pause(Math.min(1, (pass + to / n) / LIMITS.rows.passes));
    }
    pass++;
    return products.map((product) => product / Math.max(1, n - 1));
  };
}

/** Multiplies vectors `[count, size]` by a symmetric matrix. */
export type Operator = (vectors: Float64Array) => Promise<Float64Array>;

interface Iteration {
  readonly generator: Generator;
  readonly enough: number;
  readonly passes: number;
  readonly sharpen?: ((vectors: Float64Array, below: number) => Promise<Float64Array>) | undefined;
}

/** Additional vectors in the iteration, which save passes. */
const SPARE = 10;

/** Number of vectors in the iteration. */
const widthOf = (count: number, size: number): number => Math.min(size, count + SPARE);

/**
 * The eigenvectors of the largest eigenvalues of a positive semidefinite matrix: subspace iteration with Rayleigh–Ritz
 * projection (Saad, "Numerical methods for large eigenvalue problems", algorithm 5.3), from a random start.
 * @param count at most `size`
 * @param enough the residual to stop at
 * @param passes maximum number of products
 * @param sharpen multiplies the vectors, given the smallest of their Ritz values, by a polynomial of the matrix that is larger
 * above it than below, which saves passes; the matrix may have negative eigenvalues then
 */
export async function leadingEigenvectors(
  operator: Operator,
  size: number,
  count: number,
  { generator, enough, passes, sharpen }: Iteration,
): Promise<Pick<Pca, 'components' | 'variances' | 'residual'>> {
  const width = widthOf(count, size);
  const start = new Float32Array(width * size);
  generator.fillNormal(start);
  let basis: Float64Array = Float64Array.from(start);
  for (let pass = 1; ; pass++) {
    orthonormalize(rowsOf(basis, size), generator);
    const images = await operator(basis);
    const [originals, projections] = [rowsOf(basis, size), rowsOf(images, size)];
    const projected = symmetric(width, (i, j) => dot(originals[i] as Float64Array, projections[j] as Float64Array));
    const { values, vectors: turns } = symmetricEigensystem(projected, width);
    const ritz = product(turns, basis, width);
    const components = ritz.slice(0, count * size);
    basis = product(turns, images, width);
    const residual = largestResidual(components, basis, values, size);
    if (residual <= enough || pass >= passes || width === size) {
      for (const component of rowsOf(components, size)) fixSign(component);
      return { components, variances: values.slice(0, count).map((value) => Math.max(0, value)), residual };
    }
    if (sharpen) basis = await sharpen(ritz, values[width - 1] as number);
  }
}

/** Makes vectors orthonormal in place (modified Gram–Schmidt, twice). */
function orthonormalize(vectors: readonly Float64Array[], generator: Generator): void {
  vectors.forEach((vector, i) => {
    const before = vectors.slice(0, i);
    const orthogonalize = () => {
      for (const other of [...before, ...before]) add(vector, -dot(vector, other), other);
      return Math.sqrt(dot(vector, vector));
    };
    const original = Math.sqrt(dot(vector, vector));
    let length = orthogonalize();
    if (!(length > 1e-10 * original)) {
      // It is in the others' span, as happens with a matrix of lower rank: use any other direction.
      const random = new Float32Array(vector.length);
      generator.fillNormal(random);
      vector.set(random);
      length = orthogonalize();
    }
    for (let j = 0; j < vector.length; j++) vector[j] = (vector[j] as number) / length;
  });
}

/** The largest norm of an eigenvector's image minus its multiple by the eigenvalue, relative to the largest eigenvalue. */
function largestResidual(vectors: Float64Array, images: Float64Array, values: Float64Array, size: number): number {
  const norms = rowsOf(vectors, size).map((vector, c) => {
    const rest = images.slice(c * size, (c + 1) * size);
    add(rest, -(values[c] as number), vector);
    return Math.sqrt(dot(rest, rest));
  });
  const largest = Math.max(...norms);
  return largest === 0 ? 0 : largest / Math.max(values[0] as number, Number.MIN_VALUE);
}

/** Negates a vector whose largest absolute value is negative. */
function fixSign(vector: Float64Array): void {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  if (largest < 0) for (let i = 0; i < vector.length; i++) vector[i] = -(vector[i] as number);
}
