import * as tf from '@tensorflow/tfjs-core';
import type { BatchedProgram } from 'tfjs-to-onnx';
import { countCompleteRows, type Rows } from '../data/rows.ts';
import type { Pause } from '../io/stages.ts';
import { symmetric } from './matrix.ts';
import { relativeRows, withPrograms } from './programs.ts';

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
function columnSquares(rows: Rows, size: number, mean: Float64Array): Float64Array {
  const sums = new Float64Array(size);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) sums[j] = (sums[j] as number) + ((rows[i + j] as number) - (mean[j] as number)) ** 2;
  return sums;
}

/** Mean over the columns of their variances. @param rows `[n, size]` */
export function meanVariance(rows: Rows, size: number): number {
  const squares = columnSquares(rows, size, columnMeans(rows, size));
  return squares.reduce((sum, square) => sum + square, 0) / rows.length;
}

/**
 * Means and standard deviations (dividing by the number of rows; 1 for constant columns) of the columns, and the rows relative
 * to both. @param rows `[n, size]`
 */
export function standardized(rows: Rows, size: number) {
  const n = rows.length / size;
  const mean = columnMeans(rows, size);
  const std = columnSquares(rows, size, mean).map((square, j) => {
    const rounding = (n * Number.EPSILON * (mean[j] as number)) ** 2;
    return square / n > rounding ? Math.sqrt(square / n) : 1;
  });
  const values = new Float32Array(rows.length);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) values[i + j] = ((rows[i + j] as number) - (mean[j] as number)) / (std[j] as number);
  return { mean, std, rows: values };
}

/** Rows whose products are added at a time, and bits of a part of a number: float32 adds that many products exactly. */
const EXACT = { rows: 1024, bits: 8 };
/** Parts of a number: all bits that float32 has for the largest of its column. */
const PARTS = 3;

/** The products of the columns of integers up to 128: of numbers in several parts, one after another. */
const squaresOf = (size: number, parts: number): BatchedProgram => ({
  inputs: { row: { shape: ['N', size], dtype: 'float32' }, scale: { shape: [size], dtype: 'float32' } },
  compute({ row, scale }) {
    const split: tf.Tensor2D[] = [];
    let rest = tf.mul(row as tf.Tensor2D, scale as tf.Tensor1D);
    for (let part = 0; part < parts; part++) {
      const integers = tf.round(rest) as tf.Tensor2D;
      split.push(integers);
      rest = tf.mul(tf.sub(rest, integers), 2 ** EXACT.bits);
    }
    const all = tf.concat(split, 1);
    return { products: tf.matMul(all, all, true, false) };
  },
});

/**
 * Mean and covariance of rows. Numbers are divided into integers of 8 bits, whose products float32 adds without rounding (Ozaki,
 * Ogita, Oishi and Rump 2012, "Error-free transformations of matrix multiplication"). So the covariance is that of the centred rows
 * in float32, and positive semidefinite where there are fewer rows than columns.
 * @param rows `[n, size]`, at least one row
 */
export async function momentsOf(rows: Rows, size: number, pause: Pause): Promise<Moments> {
  const n = rows.length / size;
  const mean = columnMeans(rows, size);
  const bytes = rows instanceof Uint8Array;
  const parts = bytes ? 1 : PARTS;
  const largest = foldColumns(rows, size, 0, (most, value, j) => Math.max(most, Math.abs(value - (mean[j] as number))));
  /** Powers of 2, so that scaling is exact. */
  const scale = Float32Array.from(largest, (most) => (bytes ? 1 : 2 ** Math.min(120, 6 - Math.floor(Math.log2(most)))));
  /** On the grid of the last part, so that zeros are exact. */
  const origin = mean.map((value, j) => {
    const steps = (scale[j] as number) * 2 ** (EXACT.bits * (parts - 1));
    return bytes ? 128 : Math.round(value * steps) / steps;
  });
  const width = size * parts;
  const sums = new Float64Array(width * width);
  await withPrograms({ squares: squaresOf(size, parts) }, async (run) => {
    for (let from = 0; from < n; from += EXACT.rows) {
      const count = Math.min(EXACT.rows, n - from);
      const { products = [] } = await run('squares', { row: relativeRows(rows, origin, from, count).rows, scale });
      for (let at = 0; at < sums.length; at++) sums[at] = (sums[at] as number) + (products[at] as number);
      await pause((from + count) / n);
    }
  });
  const sumOf = (i: number, j: number) => {
    let sum = 0;
    for (let a = parts - 1; a >= 0; a--)
      for (let b = parts - 1; b >= 0; b--)
        sum += (sums[(a * size + i) * width + b * size + j] as number) * 2 ** (-EXACT.bits * (a + b));
    return sum / (scale[i] as number) / (scale[j] as number);
  };
  const shift = mean.map((value, j) => value - (origin[j] as number));
  const centred = (i: number, j: number) => sumOf(i, j) - n * (shift[i] as number) * (shift[j] as number);
  return { mean, covariance: symmetric(size, (i, j) => centred(i, j) / Math.max(1, n - 1)) };
}
