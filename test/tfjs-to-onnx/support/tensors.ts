import type { DataType, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

interface Ranks {
  1: Tensor1D;
  2: Tensor2D;
  3: Tensor3D;
  4: Tensor4D;
  5: Tensor5D;
}
/** tfjs's type of a tensor of a known rank. */
type Ranked<S extends readonly number[]> = S['length'] extends keyof Ranks ? Ranks[S['length']] : Tensor;

/** An input of a test program: what it looks like, and how to make it. */
export interface Spec<T extends Tensor = Tensor> {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  make(seed: number): T;
}

export type Specs = Readonly<Record<string, Spec>>;
export type Tensors<I extends Specs> = { readonly [K in keyof I]: I[K] extends Spec<infer T> ? T : Tensor };

const spec = <S extends readonly number[]>(shape: S, dtype: DataType, make: (seed: number) => Tensor) =>
  ({ shape, dtype, make: (seed: number) => make(seed) as Ranked<S> }) satisfies Spec;

/** Uniform float32 numbers in [low, high). */
export const float = <const S extends readonly number[]>(shape: S, low = -1, high = 1) =>
  spec(shape, 'float32', (seed) => tf.randomUniform([...shape], low, high, 'float32', seed));

/** Whole numbers from low to high − 1, as float32, and `fraction`. */
export const whole = <const S extends readonly number[]>(shape: S, { low = -2, high = 3, fraction = 0 } = {}) =>
  spec(shape, 'float32', (seed) =>
    tf.add(tf.floor(tf.randomUniform([...shape], low, high, 'float32', seed)), fraction),
  );

/** Uniform int32 numbers in [low, high). */
export const int = <const S extends readonly number[]>(shape: S, low = -5, high = 6) =>
  spec(shape, 'int32', (seed) => tf.cast(tf.floor(tf.randomUniform([...shape], low, high, 'float32', seed)), 'int32'));

export const bool = <const S extends readonly number[]>(shape: S) =>
  spec(shape, 'bool', (seed) => tf.less(tf.randomUniform([...shape], 0, 1, 'float32', seed), 0.5));

/** Numbers chosen by hand. */
export const given = <const S extends readonly number[]>(shape: S, values: number[], dtype: DataType = 'float32') =>
  spec(shape, dtype, () => tf.tensor(values, [...shape], dtype));

/** Makes the inputs; the same numbers each time. */
export function makeInputs(specs: Specs): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(specs).map(([name, { make }], i) => [name, make(17 * i + 3)]));
}
