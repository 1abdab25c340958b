import { Generator } from '../data/generator.ts';
import { countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { type Pause, pauses, rowStretches, type Tick } from '../io/stages.ts';
import { columnMeans, momentsOf } from './covariance.ts';
import { Nonzeros, padded, toWidth } from './nonzeros.ts';
import { leadingEigenvectors, type Operator } from './subspace.ts';

export interface Pca {
  readonly size: number;
  /** `[size]` */
  readonly mean: Float64Array;
  /** Orthonormal, the one of the greatest variance first, each one's number of largest size positive, `[count, size]`. */
  readonly components: Float64Array;
  /** Of the rows along the components (divided by the number of rows less one), `[count]`. */
  readonly variances: Float64Array;
  /** Rows that the components were found from: fewer than were given where those hold very many numbers. */
  readonly rows: number;
  /** Largest error of a component as an eigenvector of the covariance, relative to the greatest variance. */
  readonly residual: number;
}

export interface PcaOptions {
  /** Components; 10 when not given, and never more than numbers in a row. */
  readonly components?: number | undefined;
  readonly seed?: number | undefined;
  readonly tick?: Tick | undefined;
}

/** Longest rows whose covariance is computed whole. */
const WHOLE = 1024;
/** Numbers of longer rows that are used at most: each pass goes over all of them. */
const MOST_NUMBERS = 1.5e7;
/** When the search ends: with a residual small enough, or after so many products. */
const ENDS = { rows: { enough: 1e-4, passes: 12 }, covariance: { enough: 1e-8, passes: 300 } };

/**
 * Principal components: the leading eigenvectors of the rows' covariance, by subspace iteration. Rows of more than 1,024
 * numbers are multiplied pass by pass (as in Halko, Martinsson and Tropp 2011, "Finding structure with randomness"), a
 * subset of them evenly spread where they hold more than 15 million numbers. Gives way to other events.
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
  if (size <= WHOLE) {
    const { mean, covariance } = await momentsOf(rows, size, pause);
    const operator = matrixProduct(covariance, size, pause);
    const found = await leadingEigenvectors(operator, size, count, { generator, ...ENDS.covariance });
    return { size, mean, ...found, rows: n };
  }
  const used = pickRows(rows, size, spreadRows(n, MOST_NUMBERS / size));
  const mean = columnMeans(used, size);
  const operator = covarianceProduct(used, size, mean, pause);
  const found = await leadingEigenvectors(operator, size, count, { generator, ...ENDS.rows });
  return { size, mean, ...found, rows: used.length / size };
}

/** The rows' places along the components, `[n, count]`. @param rows `[n, size]` */
export async function project({ size, mean, components }: Pca, rows: Rows, tick?: Tick): Promise<Float32Array> {
  const [n, count] = [countRows(rows, size), components.length / size];
  const pause = pauses(tick);
  const columns = toWidth(transposed(components, size), count, padded(count));
  const origin = timesRow(mean, columns);
  const sums = new Float64Array(padded(count));
  const nonzeros = new Nonzeros(size);
  const places = new Float32Array(n * count);
  for (const { from, to } of rowStretches(n, size)) {
    for (let row = from; row < to; row++) {
      nonzeros.read(rows, row * size);
      nonzeros.times(columns, sums);
      for (let c = 0; c < count; c++) places[row * count + c] = (sums[c] as number) - (origin[c] as number);
    }
    await pause(to / n);
  }
  return places;
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

/** Vectors times a symmetric matrix. */
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

/** Vectors times the covariance of rows, which is not computed: X v, then (X v)ᵀ X, both of centred rows. */
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
      await pause(Math.min(1, (pass + to / n) / ENDS.rows.passes));
    }
    pass++;
    const centred = products.map(
      (product, at) =>
        (product - (mean[Math.floor(at / width)] as number) * (total[at % width] as number)) / Math.max(1, n - 1),
    );
    return transposed(toWidth(centred, width, count), count);
  };
}
