import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int, whole } from '../support/tensors.ts';

type Pool = typeof tf.maxPool;

const windows: readonly [[number, number], [number, number], 'same' | 'valid' | number][] = [
  [[2, 2], [2, 2], 'valid'],
  [[2, 2], [2, 2], 'same'],
  [[3, 3], [1, 1], 'same'],
  [[3, 2], [2, 3], 'same'],
  [[3, 3], [2, 2], 'valid'],
  [[3, 3], [3, 3], 1],
  [[1, 1], [2, 2], 'valid'],
  [[2, 2], [1, 1], 'same'],
];

const images = { x: float([2, 7, 9, 3]) };

const pools: readonly [string, Pool][] = [
  ['maxPool', tf.maxPool],
  ['avgPool', tf.avgPool],
];

const { NaN: nan, NEGATIVE_INFINITY: least } = Number;

const without = { gradients: false };

export const poolRows: Row[] = [
  ...pools.flatMap(([name, pool]) => [
    ...windows.map(([size, strides, pad]) =>
      row(`${name} ${size}, strides ${strides}, pad ${pad}`, images, ({ x }) => pool(x, size, strides, pad)),
    ),
    row(`${name} of one image without a batch`, { x: float([6, 6, 2]) }, ({ x }) => pool(x, 2, 2, 'same')),
    row(
      `${name} between convolutions`,
      { x: float([2, 8, 8, 16]), w: float([3, 3, 16, 16]) },
      ({ x, w }) => tf.conv2d(pool(tf.conv2d(x, w, 1, 'same'), 2, 2, 'same'), w, 1, 'same'),
      { tolerance: 3e-5 },
    ),
  ]),
  ...([tf.maxPool, tf.avgPool] as const).map((pool) =>
    // tfjs's gradients round down.
    row(`a pooling of rounded sizes`, images, ({ x }) => pool(x, 3, 2, 0, 'ceil')),
  ),
  row('maxPool of int32', { x: int([2, 5, 4, 3], -(2 ** 30), 2 ** 30) }, ({ x }) =>
    tf.maxPool(x, [2, 3], [1, 2], 'same'),
  ),
  row('maxPool of int32 with wide pads', { x: int([1, 3, 3, 2], -9, -1) }, ({ x }) => tf.maxPool(x, 2, 2, 3)),
  row('maxPool of bool', { x: bool([2, 5, 4, 3]) }, ({ x }) => tf.maxPool(x, 2, 1, 'same')),
  row('maxPool3d of int32', { x: int([1, 3, 4, 3, 2]) }, ({ x }) => tf.maxPool3d(x, 2, 2, 'same')),
  // ONNX does not say what the maximum of NaN and a number is, and ONNX Runtime may give −3.4e38 for −∞ alone.
  row('maxPool of −∞', { x: given([1, 3, 3, 1], [least, 5, 1, least, least, 2, 3, 4, 0]) }, ({ x }) =>
    tf.maxPool(x, 2, 1, 'same'),
  ),
  row('avgPool of −∞ and NaN', { x: given([1, 3, 3, 1], [least, 5, 1, nan, 8, 9, -1, -2, 4]) }, ({ x }) =>
    tf.avgPool(x, 2, 1, 'same'),
  ),
  row('maxPool3d of what has ties', { x: whole([2, 4, 4, 4, 2]) }, ({ x }) => tf.maxPool3d(tf.relu(x), 2, 2, 'same')),
  ...[false, true].flatMap((byBatch) =>
    (['same', 'valid', 1] as const).map((pad) =>
      row(
        `maxPoolWithArgmax, pad ${pad}${byBatch ? ', index by batch' : ''}`,
        { x: whole([2, 5, 6, 3]) },
        ({ x }) => {
          const { result, indexes } = tf.maxPoolWithArgmax(x, [3, 2], [2, 1], pad as 'same', byBatch);
          return [result as tf.Tensor, indexes as tf.Tensor];
        },
        without,
      ),
    ),
  ),
  row(
    'maxPoolWithArgmax of NaN',
    { x: given([1, 3, 3, 1], [nan, 1, 2, 3, 4, 5, 6, 7, 9]) },
    ({ x }) => {
      const { result, indexes } = tf.maxPoolWithArgmax(x, 2, 1, 'valid');
      return [result as tf.Tensor, indexes as tf.Tensor];
    },
    without,
  ),
  ...[1, 2, 7].map((radius) =>
    row(`local response normalisation, radius ${radius}`, { x: float([2, 3, 4, 5], -2, 2) }, ({ x }) =>
      tf.localResponseNormalization(x, radius, 1.5, 0.4, 0.7),
    ),
  ),
  row('maxPool of what has ties', { x: float([2, 6, 6, 2], -3, 2) }, ({ x }) => tf.maxPool(tf.relu(x), 3, 2, 'same')),
];
