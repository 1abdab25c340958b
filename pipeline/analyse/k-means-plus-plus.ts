import * as tf from '@tensorflow/tfjs-core';
import type { BatchedProgram } from 'tfjs-to-onnx';
import type { Generator } from '../data/generator.ts';
import { type Pause, rowStretches } from '../io/stages.ts';
import { type RelativeRows, type Run, relativeRows, roundingOf } from './programs.ts';

/** Rows to be clustered. */
export interface ClusteredRows {
  /** `[n, size]` */
  readonly rows: Float32Array;
  readonly size: number;
  /** The mean of the columns, `[size]`. */
  readonly origin: Float64Array;
  readonly relative: RelativeRows;
}

/** Numbers drawn for each centre. */
const candidatesOf = (clusters: number): number => 2 + Math.floor(Math.log(clusters));

/**
 * Half the rows' squared distances to the nearest centre if each candidate were one, `[candidates, N]`, and their sums. Those
 * that may be due to rounding are 0, so that equal rows do not become centres.
 */
export const approach = (clusters: number, size: number): BatchedProgram => {
  const candidates = candidatesOf(clusters);
  return {
    inputs: {
      row: { shape: ['N', size], dtype: 'float32' },
      half: { shape: ['N'], dtype: 'float32' },
      nearest: { shape: ['N'], dtype: 'float32' },
      candidate: { shape: [candidates, size], dtype: 'float32' },
      candidateHalf: { shape: [candidates, 1], dtype: 'float32' },
    },
    compute: ({ row, half, nearest, candidate, candidateHalf }) => {
      // ‖a − b‖²/2 = ‖a‖²/2 + ‖b‖²/2 − a · b, and (‖a‖ + ‖b‖)² is at most 4 (‖a‖²/2 + ‖b‖²/2).
      const certain = 1 - 4 * roundingOf(size);
      const products = tf.fused.matMul({
        a: candidate as tf.Tensor2D,
        b: row as tf.Tensor2D,
        transposeB: true,
        bias: tf.mul(half as tf.Tensor, -certain),
      });
      const squares = tf.sub(tf.mul(candidateHalf as tf.Tensor, certain), products);
      const distances = tf.relu(tf.minimum(squares, nearest as tf.Tensor));
      return { distances, sums: tf.sum(distances, 1) };
    },
  };
};

/** Half the rows' squared distances to the nearest centre, and their sums by stretches of rows. */
interface Distances {
  readonly all: Float32Array;
  readonly sums: readonly number[];
  readonly sum: number;
}

/**
 * Chooses rows as initial centres, `[clusters, size]`, by greedy k-means++ (Arthur and Vassilvitskii 2007, "k-means++: the
 * advantages of careful seeding"): of 2 + ⌊ln k⌋ candidates, drawn with probability proportional to their squared distance
 * from the centres so far, the one that leaves the smallest sum of squared distances.
 */
export async function plusPlusCentres(
  { rows, size, origin, relative }: ClusteredRows,
  clusters: number,
  generator: Generator,
  run: Run<'approach'>,
  pause: Pause,
): Promise<Float64Array> {
  const n = rows.length / size;
  const stretches = [...rowStretches(n, size)];
  const centres = new Float64Array(clusters * size);
  const anyRow = () => Math.floor(generator.uniform() * n);
  const first = anyRow();
  let distances: Distances = { all: new Float32Array(n).fill(Number.POSITIVE_INFINITY), sums: [], sum: 0 };
  const buffers: Float32Array[] = Array.from({ length: candidatesOf(clusters) }, () => new Float32Array(n));
  for (let cluster = 0; cluster < clusters; cluster++) {
    const draw = () => (distances.sum > 0 ? drawRow(distances, stretches, generator) : anyRow());
    const chosen = buffers.map(() => (cluster === 0 ? first : draw()));
    const drawn = chosen.map((row) => relativeRows(rows, origin, row, 1));
    const candidate = Float32Array.from(drawn.flatMap(({ rows }) => [...rows]));
    const candidateHalf = Float32Array.from(drawn.flatMap(({ halves }) => [...halves]));
    const sums = chosen.map((): number[] => []);
    for (const { from, to } of stretches) {
      const row = relative.rows.subarray(from * size, to * size);
      const half = relative.halves.subarray(from, to);
      const nearest = distances.all.subarray(from, to);
      const found = await run('approach', { candidate, candidateHalf, row, half, nearest });
      for (let i = 0, at = 0; i < chosen.length; i++, at += to - from) {
        buffers[i]?.set((found.distances as Float32Array).subarray(at, at + to - from), from);
        sums[i]?.push(found.sums?.[i] as number);
      }
      await pause(0);
    }
    const totals = sums.map((parts) => parts.reduce((total, part) => total + part, 0));
    const best = totals.indexOf(Math.min(...totals));
    const [all, before] = [buffers[best] as Float32Array, distances.all];
    buffers[best] = before;
    distances = { all, sums: sums[best] as number[], sum: totals[best] as number };
    const row = chosen[best] as number;
    centres.set(rows.subarray(row * size, (row + 1) * size), cluster * size);
  }
  return centres;
}

/** Draws a row with probability proportional to its squared distance. */
function drawRow(
  { all, sums, sum }: Distances,
  stretches: readonly { from: number; to: number }[],
  generator: Generator,
): number {
  let rest = generator.uniform() * sum;
  let last = 0;
  for (const [i, { from, to }] of stretches.entries()) {
    const own = sums[i] as number;
    if (own === 0) continue;
    if (rest >= own && i < stretches.length - 1) {
      rest -= own;
      continue;
    }
    for (let row = from; row < to; row++) {
      const weight = all[row] as number;
      if (weight === 0) continue;
      last = row;
      rest -= weight;
      if (rest < 0) return row;
    }
  }
  return last; // reached because of rounding
}
