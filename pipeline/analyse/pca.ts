import { Generator } from '../data/generator.ts';
import { countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { type Pause, pauses, rowStretches, type Tick } from '../io/stages.ts';
import { dot, symmetricEigensystem } from './matrix.ts';
import { columnMeans, momentsOf } from './moments.ts';
import { Nonzeros, padded, toWidth } from './nonzeros.ts';

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
export async function fitPca(rows: Rows, size: number, options: PcaOptions = {}): Promise<Pca> {
  const { seed = 0, tick } = options;
  const n = countRows(rows, size);
  const count = Math.min(options.components ?? 10, size);
  if (!(Number.isInteger(count) && count > 0)) throw new RangeError(`${count} components`);
  const pause = pauses(tick);
  const generator = Generator.of(seed, 'principal components');
  if (size <= MAX_COVARIANCE) {
    const { mean, covariance } = await momentsOf(rows, size, pause);
    const operator = matrixProduct(covariance, size, pause);
    const found = await leadingEigenvectors(operator, size, count, { generator, ...LIMITS.covariance });
    return { size, mean, ...found, rows: n };
  }
  const used = pickRows(rows, size, spreadRows(n, MAX_NUMBERS / size));
  const mean = columnMeans(used, size);
  const operator = covarianceProduct(used, size, mean, pause);
  const found = await leadingEigenvectors(operator, size, count, { generator, ...LIMITS.rows });
  return { size, mean, ...found, rows: used.length / size };
}

/** Coordinates of rows along the components, `[n, count]`. @param rows `[n, size]` */
export async function project({ size, mean, components }: Pca, rows: Rows, tick?: Tick): Promise<Float32Array> {
  const [n, count] = [countRows(rows, size), components.length / size];
  const pause = pauses(tick);
  const columns = toWidth(transposed(components, size), count, padded(count));
  const origin = timesRow(mean, columns);
  const sums = new Float64Array(padded(count));
  const nonzeros = new Nonzeros(size);
  const coordinates = new Float32Array(n * count);
  for (const { from, to } of rowStretches(n, size)) {
    for (let row = from; row < to; row++) {
      nonzeros.read(rows, row * size);
      nonzeros.times(columns, sums);
      for (let c = 0; c < count; c++) coordinates[row * count + c] = (sums[c] as number) - (origin[c] as number);
    }
    await pause(to / n);
  }
  return coordinates;
}

/** A row times a matrix. @param matrix `[row.length, width]` */
function timesRow(row: Float64Array, matrix: Float64Array): Float64Array {
  const sums = new Float64Array(matrix.length / row.length);
  row.forEach((value, j) => {
    for (let c = 0; c < sums.length; c++)
      sums[c] = (sums[c] as number) + value * (matrix[j * sums.length + c] as number);
  });
  return sums;
}

function transposed(matrix: Float64Array, width: number): Float64Array {
  const height = matrix.length / width;
  const result = new Float64Array(matrix.length);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) result[j * height + i] = matrix[i * width + j] as number;
  return result;
}

/** Multiplies vectors by a symmetric matrix. */
function matrixProduct(matrix: Float64Array, size: number, pause: Pause): Operator {
  return async (vectors) => {
    const products = new Float64Array(vectors.length);
    for (let from = 0; from < vectors.length; from += size) {
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let j = 0, at = i * size; j < size; j++) sum += (matrix[at + j] as number) * (vectors[from + j] as number);
        products[from + i] = sum;
      }
      await pause(1);
    }
    return products;
  };
}

/** Multiplies vectors by the covariance of rows without computing it: X v, then (X v)ᵀ X, with centred rows. */
function covarianceProduct(rows: Rows, size: number, mean: Float64Array, pause: Pause): Operator {
  const n = rows.length / size;
  const nonzeros = new Nonzeros(size);
  let pass = 0;
  return async (vectors) => {
    const count = vectors.length / size;
    const width = padded(count);
    const columns = toWidth(transposed(vectors, size), count, width);
    const origin = timesRow(mean, columns);
    const products = new Float64Array(columns.length);
    const [sums, total] = [new Float64Array(width), new Float64Array(width)];
    for (const { from, to } of rowStretches(n, size * width)) {
      for (let row = from; row < to; row++) {
        nonzeros.read(rows, row * size);
        nonzeros.times(columns, sums);
        for (let c = 0; c < width; c++) {
          sums[c] = (sums[c] as number) - (origin[c] as number);
          total[c] = (total[c] as number) + (sums[c] as number);
        }
        nonzeros.addProducts(sums, products);
      }
      await pause(Math.min(1, (pass + to / n) / LIMITS.rows.passes));
    }
    pass++;
    const centred = products.map(
      (product, at) =>
        (product - (mean[Math.floor(at / width)] as number) * (total[at % width] as number)) / Math.max(1, n - 1),
    );
    return transposed(toWidth(centred, width, count), count);
  };
}

/** Multiplies vectors `[count, size]` by a symmetric matrix. */
type Operator = (vectors: Float64Array) => Promise<Float64Array>;

/** Additional vectors in the iteration, which save passes. */
const SPARE = 10;

/**
 * The eigenvectors of the largest eigenvalues of a positive semidefinite matrix: subspace iteration with Rayleigh–Ritz
 * projection (Saad, "Numerical methods for large eigenvalue problems", algorithm 5.3), from a random start.
 * @param count at most `size`
 * @param enough the residual to stop at
 * @param passes maximum number of products
 */
async function leadingEigenvectors(
  operator: Operator,
  size: number,
  count: number,
  { generator, enough, passes }: { generator: Generator; enough: number; passes: number },
): Promise<Pick<Pca, 'components' | 'variances' | 'residual'>> {
  const width = Math.min(size, count + SPARE);
  const start = new Float32Array(width * size);
  generator.fillNormal(start);
  let basis = orthonormal(Float64Array.from(start), size, generator);
  for (let pass = 1; ; pass++) {
    const images = await operator(basis);
    const projected = new Float64Array(width * width);
    for (let i = 0; i < width; i++)
      for (let j = i; j < width; j++) {
        const product = dot(basis, images, size, i * size, j * size);
        projected[i * width + j] = product;
        projected[j * width + i] = product;
      }
    const { values, vectors: turns } = symmetricEigensystem(projected, width);
    const [vectors, turned] = [combine(turns, basis, size), combine(turns, images, size)];
    const residual = largestResidual(vectors, turned, values, count, size);
    if (residual <= enough || pass >= passes || width === size) {
      const components = vectors.slice(0, count * size);
      for (let from = 0; from < components.length; from += size) fixSign(components.subarray(from, from + size));
      return { components, variances: values.slice(0, count).map((value) => Math.max(0, value)), residual };
    }
    basis = orthonormal(turned, size, generator);
  }
}

/** Adds a multiple of one vector to another. */
function add(
  target: Float64Array,
  at: number,
  factor: number,
  vectors: Float64Array,
  from: number,
  size: number,
): void {
  for (let i = 0; i < size; i++) target[at + i] = (target[at + i] as number) + factor * (vectors[from + i] as number);
}

/** Multiplies a square matrix by vectors. */
function combine(weights: Float64Array, vectors: Float64Array, size: number): Float64Array {
  const width = vectors.length / size;
  const sums = new Float64Array(vectors.length);
  for (let i = 0; i < width; i++)
    for (let j = 0; j < width; j++) add(sums, i * size, weights[i * width + j] as number, vectors, j * size, size);
  return sums;
}

/** Makes vectors orthonormal in place (modified Gram–Schmidt, twice). */
function orthonormal(vectors: Float64Array, size: number, generator: Generator): Float64Array {
  for (let at = 0; at < vectors.length; at += size) {
    const before = Math.sqrt(dot(vectors, vectors, size, at, at));
    let length = orthogonalize(vectors, at, size);
    if (!(length > 1e-10 * before)) {
      // It is in the others' span, as happens with a matrix of lower rank: use any other direction.
      const random = new Float32Array(size);
      generator.fillNormal(random);
      vectors.set(random, at);
      length = orthogonalize(vectors, at, size);
    }
    for (let i = at; i < at + size; i++) vectors[i] = (vectors[i] as number) / length;
  }
  return vectors;
}

/** Makes a vector orthogonal to those before it; returns its length. */
function orthogonalize(vectors: Float64Array, at: number, size: number): number {
  for (let round = 0; round < 2; round++)
    for (let other = 0; other < at; other += size)
      add(vectors, at, -dot(vectors, vectors, size, at, other), vectors, other, size);
  return Math.sqrt(dot(vectors, vectors, size, at, at));
}

function largestResidual(
  vectors: Float64Array,
  images: Float64Array,
  values: Float64Array,
  count: number,
  size: number,
): number {
  let largest = 0;
  for (let c = 0; c < count; c++) {
    let sum = 0;
    for (let i = c * size; i < (c + 1) * size; i++)
      sum += ((images[i] as number) - (values[c] as number) * (vectors[i] as number)) ** 2;
    largest = Math.max(largest, Math.sqrt(sum));
  }
  return largest === 0 ? 0 : largest / Math.max(values[0] as number, Number.MIN_VALUE);
}

/** Negates a vector whose largest absolute value is negative. */
function fixSign(vector: Float64Array): void {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  if (largest < 0) for (let i = 0; i < vector.length; i++) vector[i] = -(vector[i] as number);
}
