import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, int } from '../support/tensors.ts';

type Axes = number | number[] | undefined;
type Reduce = (x: Tensor, axis?: Axes, keepDims?: boolean) => Tensor;

type Cumulate = (x: Tensor, axis: number, exclusive: boolean, reverse: boolean) => Tensor;

const reductions: readonly [string, Reduce][] = [
  ['sum', tf.sum],
  ['mean', tf.mean],
  ['max', tf.max],
  ['min', tf.min],
  ['prod', tf.prod],
];

const axes: readonly Axes[] = [undefined, 0, 1, -1, [0, 2], [-1, -3], [0, 1, 2]];

/** tfjs's gradient of a product needs methods that tensors have only where all of tfjs is imported. */
const withoutGradients = new Set(['prod']);

const named = (axis: Axes) => (axis === undefined ? 'all axes' : `axis ${axis}`);

export const reduceRows: Row[] = [
  ...reductions.flatMap(([name, op]) => [
    ...axes.map((axis) =>
      row(`${name}, ${named(axis)}`, { x: float([3, 4, 5], 0.5, 1.5) }, ({ x }) => op(x, axis), {
        gradients: !withoutGradients.has(name),
      }),
    ),
    row(`${name}, keepDims`, { x: float([3, 4, 5], 0.5, 1.5) }, ({ x }) => op(x, [0, -1], true), {
      gradients: !withoutGradients.has(name),
    }),
    row(`${name}, int32`, { x: int([3, 4, 5], -2, 3) }, ({ x }) => op(x, 1)),
    row(`${name} of a scalar`, { x: float([]) }, ({ x }) => op(x), {
      gradients: !withoutGradients.has(name),
    }),
  ]),
  row('sum of images by channel', { x: float([2, 3, 4, 5]) }, ({ x }) => tf.sum(x, [0, 1, 2])),
  row('sum over no axes', { x: float([2, 3]) }, ({ x }) => tf.sum(x, [])),
  row('sum of bools', { x: bool([3, 4]) }, ({ x }) => tf.sum(x, 1)),
  row('mean of bools', { x: bool([3, 4]) }, ({ x }) => tf.mean(x)),
  row('all', { x: bool([3, 2]) }, ({ x }) => [tf.all(x), tf.all(x, 0), tf.all(x, -1, true)]),
  row('any', { x: bool([3, 2]) }, ({ x }) => [tf.any(x), tf.any(x, 0), tf.any(x, -1, true)]),
  row('argMax', { x: float([3, 4, 5]) }, ({ x }) => [tf.argMax(x), tf.argMax(x, 1), tf.argMax(x, -1)], {
    gradients: false,
  }),
  row('argMin', { x: float([3, 4, 5]) }, ({ x }) => [tf.argMin(x), tf.argMin(x, 1), tf.argMin(x, -1)], {
    gradients: false,
  }),
  row('argMax with ties', { x: int([6, 7], 0, 2) }, ({ x }) => tf.argMax(x, 1)),
  ...[false, true].flatMap((exclusive) =>
    [false, true].map((reverse) =>
      row(
        `cumsum and cumprod${exclusive ? ', exclusive' : ''}${reverse ? ', reverse' : ''}`,
        { x: float([3, 4, 5]), n: int([3, 4]), one: float([1]) },
        ({ x, n, one }) =>
          [tf.cumsum, tf.cumprod].flatMap((op: Cumulate) => [
            op(x, 1, exclusive, reverse),
            op(x, 2, exclusive, reverse),
            op(n, 0, exclusive, reverse),
            op(one, 0, exclusive, reverse),
          ]),
        { gradients: false },
      ),
    ),
  ),
  row('softmax', { x: float([3, 4, 5], -3, 3) }, ({ x }) => tf.softmax(x)),
  row('softmax of a vector', { x: float([5], -3, 3) }, ({ x }) => tf.softmax(x)),
  row('logSoftmax', { x: float([3, 4], -3, 3) }, ({ x }) => tf.logSoftmax(x)),
  row('logSumExp', { x: float([3, 4, 5], -3, 3) }, ({ x }) => tf.logSumExp(x, [0, -1], true)),
  row('batch normalization far from 0', { x: float([2, 3, 3, 4], 9999, 10001) }, ({ x }) =>
    tf.batchNorm(x, tf.fill([4], 10000), tf.fill([4], 0.25), tf.ones([4]), tf.ones([4])),
  ),
  row('moments', { x: float([3, 4, 5]) }, ({ x }) => tf.moments(x, [0, 2]).variance),
  row('norm', { x: float([3, 4]) }, ({ x }) => tf.norm(x, 2, 1)),
  row('mean squared error', { a: float([3, 4]), b: float([3, 4]) }, ({ a, b }) => tf.losses.meanSquaredError(a, b)),
  row('sigmoid cross-entropy', { a: float([3, 4], 0, 1), b: float([3, 4], -4, 4) }, ({ a, b }) =>
    tf.losses.sigmoidCrossEntropy(a, b),
  ),
  row('softmax cross-entropy', { a: float([3, 4], 0, 1), b: float([3, 4]) }, ({ a, b }) =>
    tf.losses.softmaxCrossEntropy(a, b),
  ),
];
