import type { NamedTensorMap, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int } from '../support/tensors.ts';

const noGradients = { gradients: false };

/** A kernel that tfjs has no op and no `cpu` kernel for, with what it should compute. */
const kernel = (name: string, inputs: NamedTensorMap, attrs: object, expected: () => Tensor): Tensor =>
  tf.getKernel(name, tf.getBackend()) ? tf.engine().runKernel(name, inputs, { ...attrs }) : expected();

const sorted = given([2, 4], [-1, 0, 0, 2, 1, 3, 5, 5]);
const sought = given([2, 5], [0, 2, -3, 9, 1, 5, 0, 4, 9, 3]);

export const scatterRows: Row[] = [
  row(
    'scatterND adds the updates of one place',
    { u: float([5, 2]), i: given([5, 1], [1, 0, 4, 1, 1], 'int32') },
    ({ u, i }) => tf.scatterND(i, u, [5, 2]),
    noGradients,
  ),
  row(
    'scatterND of numbers by pairs, a list, and int32',
    { u: float([3]), n: int([3]), i: given([3, 2], [1, 0, 0, 1, 1, 0], 'int32'), l: given([3], [4, 0, 4], 'int32') },
    ({ u, n, i, l }) => [tf.scatterND(i, u, [2, 3]), tf.scatterND(l, u, [5]), tf.scatterND(l, n, [5])],
    noGradients,
  ),
  row(
    'tensorScatterUpdate keeps the last update of one place',
    { x: float([4, 2]), u: float([5, 2]), i: given([5, 1], [3, 1, 3, 3, 1], 'int32') },
    ({ x, u, i }) => tf.tensorScatterUpdate(x, i, u),
    noGradients,
  ),
  row(
    'tensorScatterUpdate by pairs, of booleans, and of one number',
    { x: float([2, 3]), b: bool([2, 3]), u: float([3]), v: bool([3]), i: given([3, 2], [1, 0, 0, 1, 1, 0], 'int32') },
    ({ x, b, u, v, i }) => [tf.tensorScatterUpdate(x, i, u), tf.tensorScatterUpdate(b, i, v)],
    noGradients,
  ),
  row(
    'sparseToDense',
    { v: float([3]), n: float([]), i: given([3, 2], [1, 0, 0, 1, 1, 2], 'int32'), l: given([3], [4, 0, 2], 'int32') },
    ({ v, n, i, l }) => [
      tf.sparseToDense(i, v, [2, 3], 0.5),
      tf.sparseToDense(l, v, [5]),
      tf.sparseToDense(l, n, [6]),
      tf.sparseToDense(tf.scalar(2, 'int32'), n, [4]),
    ],
    noGradients,
  ),
  row('unsortedSegmentSum of int32', { x: int([6, 2]), i: given([6], [0, 2, 0, -1, 5, 2], 'int32') }, ({ x, i }) =>
    tf.unsortedSegmentSum(x, i as Tensor1D, 3),
  ),
  row(
    'bincount',
    { x: given([6], [0, 2, 2, 5, 9, 2], 'int32'), w: float([6]), n: int([6]) },
    ({ x, w, n }) => [
      tf.bincount(x, w as Tensor1D, 6),
      tf.bincount(x, tf.tensor1d([]), 6),
      tf.bincount(x, n as Tensor1D, 3),
    ],
    noGradients,
  ),
  row(
    'denseBincount',
    { x: given([2, 3], [0, 2, 2, 5, 1, 9], 'int32'), l: given([4], [0, 1, 1, 7], 'int32'), w: float([2, 3]) },
    ({ x, l, w }) => [
      tf.denseBincount(x, w as Tensor2D, 4),
      tf.denseBincount(x, tf.tensor2d([], [0, 0]), 4),
      tf.denseBincount(x, tf.tensor2d([], [0, 0]), 4, true),
      tf.denseBincount(l, tf.tensor1d([]), 3),
    ],
    noGradients,
  ),
  row(
    'searchSorted, lowerBound and upperBound',
    { s: sorted, v: sought, n: int([2, 4]) },
    ({ s, v, n }) => [
      tf.searchSorted(s, v, 'left'),
      tf.searchSorted(s, v, 'right'),
      tf.searchSorted(tf.reshape(s, [2, 1, 4]), tf.reshape(v, [2, 1, 5])),
      tf.searchSorted(tf.cast(s, 'int32'), n),
      kernel('LowerBound', { sortedSequence: s, values: v }, {}, () => tf.lowerBound(s, v)),
      kernel('UpperBound', { sortedSequence: s, values: v }, {}, () => tf.upperBound(s, v)),
    ],
    noGradients,
  ),
  row(
    'gather in batches',
    { x: float([2, 3, 4, 2]), i: given([2, 3], [0, 2, 1, 1, 1, 0], 'int32') },
    ({ x, i }) =>
      [tf.gather(x, i, 1, 1), tf.gather(x, i, 2, 1), tf.gather(x, i, 2, -1), tf.gather(x, i, -2, 1)].map((y) =>
        tf.clone(y),
      ),
    noGradients,
  ),
  row(
    'diag and band part',
    { x: float([2, 3]), b: bool([2]), m: float([2, 4, 3]) },
    ({ x, b, m }) => [
      tf.diag(x),
      tf.diag(b),
      ...[
        [0, 0],
        [1, 0],
        [-1, 1],
        [2, -1],
      ].flatMap(([lower = 0, upper = 0]) => [
        tf.linalg.bandPart(m, lower, upper),
        kernel(
          'MatrixBandPart',
          { input: m, numLower: tf.scalar(lower, 'int32'), numUpper: tf.scalar(upper, 'int32') },
          {},
          () => tf.linalg.bandPart(m, lower, upper),
        ),
      ]),
    ],
    noGradients,
  ),
  row(
    'broadcastTo as a kernel',
    { x: float([3, 1]) },
    ({ x }) =>
      kernel('BroadcastTo', { x }, { shape: [2, 3, 4], inputShape: x.shape }, () => tf.broadcastTo(x, [2, 3, 4])),
    noGradients,
  ),
  row(
    'topk not sorted',
    { x: float([3, 7]), n: int([2, 65], 0, 2) },
    ({ x, n }) => {
      const [all, ties] = [tf.topk(x, 7, false), tf.topk(n, 65, false)];
      return [tf.sum(all.values, 1), tf.sum(all.indices, 1), tf.sum(ties.values, 1), tf.sum(ties.indices, 1)];
    },
    noGradients,
  ),
];
