import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { float } from '../support/tensors.ts';

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

export const poolRows: Row[] = [
  ...pools.flatMap(([name, pool]) => [
    ...windows.map(([size, strides, pad]) =>
      row(`${name} ${size}, strides ${strides}, pad ${pad}`, images, ({ x }) => pool(x, size, strides, pad)),
    ),
    row(`${name} of one image without a batch`, { x: float([6, 6, 2]) }, ({ x }) => pool(x, 2, 2, 'same')),
    row(`${name} rounding up`, images, ({ x }) => pool(x, 2, 2, 0, 'ceil'), { gradients: false }),
    row(
      `${name} between convolutions`,
      { x: float([2, 8, 8, 16]), w: float([3, 3, 16, 16]) },
      ({ x, w }) => tf.conv2d(pool(tf.conv2d(x, w, 1, 'same'), 2, 2, 'same'), w, 1, 'same'),
      { tolerance: 3e-5 },
    ),
  ]),
  row('maxPool of what has ties', { x: float([2, 6, 6, 2], -3, 2) }, ({ x }) => tf.maxPool(tf.relu(x), 3, 2, 'same')),
];
