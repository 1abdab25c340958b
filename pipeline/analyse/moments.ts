import { countCompleteRows, countNonzeros, type Rows } from '../data/rows.ts';
import type { Pause } from '../io/stages.ts';
import { symmetric } from './matrix.ts';
import { Nonzeros } from './nonzeros.ts';

/** Statistics of columns, one entry for each; `std` divides by the number of rows. */
export interface Spread {
  readonly mean: number[];
  readonly std: number[];
  readonly min: number[];
  readonly max: number[];
}

/**
 * Mean, standard deviation, minimum and maximum of each column.
 * @param rows `[n, size]`, at least one row
 */
export function spreadOf(rows: Float32Array, size: number): Spread {
  const n = countCompleteRows(rows, size);
  const mean = columnSums(rows, size).map((sum) => sum / n);
  const std = columnSquares(rows, size, mean).map((sum) => Math.sqrt(sum / n));
  const min = foldColumns(rows, size, Number.POSITIVE_INFINITY, (least, value) => Math.min(least, value));
  const max = foldColumns(rows, size, Number.NEGATIVE_INFINITY, (most, value) => Math.max(most, value));
  return { mean: Array.from(mean), std: Array.from(std), min: Array.from(min), max: Array.from(max) };
}

/** @param index in the array of all rows */
type Step = (result: number, value: number, column: number, index: number) => number;

/** Reduces each column, from its first row to its last, `[size]`. @param rows `[n, size]` */
export function foldColumns(rows: Rows, size: number, initial: number, step: Step): Float64Array {
  const results = new Float64Array(size).fill(initial);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) results[j] = step(results[j] as number, rows[i + j] as number, j, i + j);
  return results;
}

export interface Moments {
  /** `[size]` */
  readonly mean: Float64Array;
  /** `[size, size]`, divided by the number of rows − 1 (by 1 if there is one row) */
  readonly covariance: Float64Array;
}

/** Share of nonzero values below which it is faster to multiply only nonzeros (measured). */
const SPARSE = 0.4;
/** Number of rows whose products are added together. */
const BLOCK = 128;

function columnSums(rows: Rows, size: number): Float64Array {
  const sums = new Float64Array(size);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) sums[j] = (sums[j] as number) + (rows[i + j] as number);
  return sums;
}

/** Means of the columns. @param rows `[n, size]` */
export const columnMeans = (rows: Rows, size: number): Float64Array =>
  columnSums(rows, size).map((sum) => (sum * size) / rows.length);

/** Sums of the columns' squared differences from their means. @param rows `[n, size]` */
export function columnSquares(rows: Rows, size: number, mean: Float64Array): Float64Array {
  const sums = new Float64Array(size);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) sums[j] = (sums[j] as number) + ((rows[i + j] as number) - (mean[j] as number)) ** 2;
  return sums;
}

/** Mean and covariance of rows. @param rows `[n, size]`, at least one row */
export async function momentsOf(rows: Rows, size: number, pause: Pause): Promise<Moments> {
  const n = rows.length / size;
  const mean = columnMeans(rows, size);
  const sums = countNonzeros(rows) < SPARSE * rows.length ? sparse(rows, size, mean) : dense(rows, size, mean);
  for (let from = 0; from < n; from += BLOCK) {
    const to = Math.min(from + BLOCK, n);
    sums.add(from, to);
    await pause(to / n);
  }
  return { mean, covariance: symmetric(size, (i, j) => sums.of(i, j) / Math.max(1, n - 1)) };
}

/** Sums of the products of centred columns. */
interface Products {
  /** Adds the rows `from` to before `to`, at most `BLOCK`. */
  add(from: number, to: number): void;
  /** The sum for the columns i ≤ j. */
  of(i: number, j: number): number;
}

/** Multiplies the nonzeros of each row, and centres at the end. */
function sparse(rows: Rows, size: number, mean: Float64Array): Products {
  const sums = new Float64Array(size * size);
  const nonzeros = new Nonzeros(size);
  const { columns, values } = nonzeros;
  const n = rows.length / size;
  return {
    add(from, to) {
      for (let row = from; row < to; row++) {
        nonzeros.read(rows, row * size);
        const { count } = nonzeros;
        for (let a = 0; a < count; a++) {
          const line = (columns[a] as number) * size;
          const value = values[a] as number;
          for (let b = a; b < count; b++) {
            const at = line + (columns[b] as number);
            sums[at] = (sums[at] as number) + value * (values[b] as number);
          }
        }
      }
    },
    of: (i, j) => (sums[i * size + j] as number) - n * (mean[i] as number) * (mean[j] as number),
  };
}

/** Multiplies transposed blocks of rows, in tiles of 4 × 4 columns whose sums stay in registers. */
function dense(rows: Rows, size: number, mean: Float64Array): Products {
  const padded = Math.ceil(size / 4) * 4;
  const sums = new Float64Array(padded * padded);
  const block = new Float64Array(padded * BLOCK);
  return {
    add(from, to) {
      for (let row = from; row < to; row++)
        for (let j = 0; j < size; j++)
          block[j * BLOCK + row - from] = (rows[row * size + j] as number) - (mean[j] as number);
      for (let i = 0; i < padded; i += 4)
        for (let j = i; j < padded; j += 4) addTile(block, to - from, sums, padded, i, j);
    },
    of: (i, j) => sums[i * padded + j] as number,
  };
}

function addTile(block: Float64Array, count: number, sums: Float64Array, width: number, i: number, j: number): void {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let a = i * BLOCK, b = j * BLOCK, end = a + count; a < end; a++, b++) {
    const a0 = block[a] as number;
    const a1 = block[a + BLOCK] as number;
    const a2 = block[a + 2 * BLOCK] as number;
    const a3 = block[a + 3 * BLOCK] as number;
    const b0 = block[b] as number;
    const b1 = block[b + BLOCK] as number;
    const b2 = block[b + 2 * BLOCK] as number;
    const b3 = block[b + 3 * BLOCK] as number;
    s00 += a0 * b0;
    s01 += a0 * b1;
    s02 += a0 * b2;
    s03 += a0 * b3;
    s10 += a1 * b0;
    s11 += a1 * b1;
    s12 += a1 * b2;
    s13 += a1 * b3;
    s20 += a2 * b0;
    s21 += a2 * b1;
    s22 += a2 * b2;
    s23 += a2 * b3;
    s30 += a3 * b0;
    s31 += a3 * b1;
    s32 += a3 * b2;
    s33 += a3 * b3;
  }
  addLine(sums, i * width + j, s00, s01, s02, s03);
  addLine(sums, (i + 1) * width + j, s10, s11, s12, s13);
  addLine(sums, (i + 2) * width + j, s20, s21, s22, s23);
  addLine(sums, (i + 3) * width + j, s30, s31, s32, s33);
}

function addLine(sums: Float64Array, at: number, s0: number, s1: number, s2: number, s3: number): void {
  sums[at] = (sums[at] as number) + s0;
  sums[at + 1] = (sums[at + 1] as number) + s1;
  sums[at + 2] = (sums[at + 2] as number) + s2;
  sums[at + 3] = (sums[at + 3] as number) + s3;
}
