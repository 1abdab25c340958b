import * as tf from '@tensorflow/tfjs-core';
import { type BatchedProgram, type Compiled, compile, portable } from 'tfjs-to-onnx';
import type { Rows } from '../data/rows.ts';
import { onnxruntime } from '../train/engines/onnx.ts';
import { useTfjsBackend } from '../train/engines/tfjs.ts';

/** Runs a program of several on arrays. */
export type Run<Name extends string> = Compiled<Name>['run'];

/** Compiles tfjs programs for ONNX Runtime, and frees them after the work. */
export async function withPrograms<Name extends string, T>(
  programs: { readonly [name in Name]: BatchedProgram },
  work: (run: Run<Name>) => Promise<T>,
): Promise<T> {
  if (!tf.getBackend()) await useTfjsBackend('tfjs-cpu', 0); // where constants of a program live
  const { ort, session } = onnxruntime(0);
  const extra = { session: { intra_op: { allow_spinning: '0' } } }; // waiting threads sleep
  const options = { variables: {}, target: portable, ort, session: { ...session, extra } };
  const compiled = await compile(programs, options);
  try {
    return await work((program, feeds) => compiled.run(program, feeds));
  } finally {
    await compiled.dispose();
  }
}

/** Rows as programs take them: relative to an origin near their mean, so that float32 keeps their differences. */
export interface RelativeRows {
  /** `[count, size]` */
  readonly rows: Float32Array;
  /** Half their squared lengths, `[count]`. */
  readonly halves: Float32Array;
}

/**
 * `count` rows from `from` on, relative to an origin. Those after the last are zeros, of infinite length.
 * @param rows `[n, size]` @param origin `[size]`
 */
export function relativeRows(
  rows: Rows | Float64Array,
  origin: Float64Array,
  from: number,
  count: number,
): RelativeRows {
  const size = origin.length;
  const relative = new Float32Array(count * size);
  const halves = new Float32Array(count).fill(Number.POSITIVE_INFINITY);
  for (let row = 0, at = 0, source = from * size; row < count && source < rows.length; row++) {
    let squares = 0;
    for (let j = 0; j < size; j++, at++, source++) {
      const value = Math.fround((rows[source] as number) - (origin[j] as number));
      relative[at] = value;
      squares += value * value;
    }
    halves[row] = squares / 2;
  }
  return { rows: relative, halves };
}

/**
 * How far float32 may be from a · b − ‖b‖² / 2 of relative rows, as a multiple of (‖a‖ + ‖b‖)². The bound of a sum of `size`
 * products in any order (Higham, "Accuracy and stability of numerical algorithms", 3.1) and a few more roundings.
 */
export const roundingOf = (size: number): number => (size + 8) * 2 ** -24;

/**
 * The `most` highest a · b − ‖b‖² / 2 of each row a over `count` rows b: those of the nearest. `halves` are the ‖b‖² / 2.
 */
export const nearestOf = (count: number, size: number, most: number): BatchedProgram => ({
  inputs: {
    a: { shape: ['N', size], dtype: 'float32' },
    b: { shape: [count, size], dtype: 'float32' },
    halves: { shape: [count], dtype: 'float32' },
  },
  compute: ({ a, b, halves }) => {
    const bias = tf.neg(halves as tf.Tensor1D);
    const products = tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, transposeB: true, bias });
    const { values, indices } = tf.topk(products, most);
    return { values, indices };
  },
});
