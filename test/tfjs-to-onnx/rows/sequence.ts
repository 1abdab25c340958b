import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { float, int } from '../support/tensors.ts';

/** Start, stop and step of ranges: up, down, by fractions, without elements. */
const ranges: readonly (readonly [number, number, number?])[] = [
  [0, 5, 2],
  [4, -2],
  [0, -10],
  [5.5, 0],
  [3, -1, -1],
  [0, 1, 0.1],
  [1, 0, 0.5],
  [0, 5, -1],
  [5, 0, 2],
  [2, 2],
  [-3, 100, 7],
  [0, 3, 0.5],
];
const lines: readonly (readonly [number, number, number])[] = [
  [-1, 2, 4],
  [1, 0, 11],
  [3, 7, 1],
  [5, 5, 3],
  [0, 1, 2],
];

export const sequenceRows: Row[] = [
  row('range of float32', { x: float([1]) }, ({ x }) => ranges.map((of) => tf.add(x, tf.range(...of))), {
    gradients: false,
  }),
  row('range of int32', { n: int([1]) }, ({ n }) =>
    ranges.map(([start, stop, step]) => tf.add(n, tf.range(start, stop, step, 'int32'))),
  ),
  row('linspace', { x: float([1]) }, ({ x }) => lines.map((of) => tf.add(x, tf.linspace(...of))), { gradients: false }),
];
