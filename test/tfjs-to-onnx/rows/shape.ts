import type { Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, given, int } from '../support/tensors.ts';

const noGradients = { gradients: false };

export const shapeRows: Row[] = [
  row('reshape', { x: float([2, 3, 4]) }, ({ x }) => [
    tf.reshape(x, [6, 4]),
    tf.reshape(x, [-1, 2]),
    tf.reshape(x, [24]),
  ]),
  row('reshape to and from a scalar', { x: float([1, 1]) }, ({ x }) => tf.reshape(tf.reshape(x, []), [1, 1, 1])),
  row('flatten an image', { x: float([2, 3, 4, 5]) }, ({ x }) => tf.reshape(x, [2, -1])),
  row('expandDims', { x: float([2, 3]) }, ({ x }) => [tf.expandDims(x, 0), tf.expandDims(x, 1), tf.expandDims(x, -1)]),
  row('squeeze', { x: float([1, 2, 1, 3]) }, ({ x }) => [tf.squeeze(x), tf.squeeze(x, [0])]),
  row('clone', { x: float([2, 3]) }, ({ x }) => tf.clone(x)),
  row('an input as an output, twice', { x: int([2, 3]) }, ({ x }) => [x, x]),
  row('an output three times', { x: int([2, 3]) }, ({ x }) => {
    const y = tf.neg(x);
    return [y, y, y];
  }),
  row('transpose', { x: float([2, 3, 4]) }, ({ x }) => [tf.transpose(x), tf.transpose(x, [1, 0, 2])]),
  row('transpose, axes of length 1', { x: float([1, 3, 1, 4]) }, ({ x }) => [
    tf.transpose(x, [1, 0, 2, 3]),
    tf.transpose(x, [3, 2, 1, 0]),
  ]),
  row('concat', { a: float([2, 3]), b: float([2, 1]), c: float([2, 2]) }, ({ a, b, c }) => tf.concat([a, b, c], 1)),
  row('concat, negative axis', { a: float([2, 3, 1]), b: float([2, 3, 4]) }, ({ a, b }) => tf.concat([a, b], -1)),
  row('concat, first axis', { a: float([2, 3]), b: float([1, 3]) }, ({ a, b }) => tf.concat([a, b], 0)),
  row('concat int32 and bool', { a: int([2]), b: int([3]), c: bool([1]), d: bool([2]) }, ({ a, b, c, d }) => [
    tf.concat([a, b]),
    tf.concat([c, d]),
  ]),
  row(
    'concat with an empty tensor',
    { a: float([2, 3]), b: float([0, 3]) },
    ({ a, b }) => tf.concat([a, b], 0),
    noGradients,
  ),
  row('concat constants of one number', { a: float([2, 3]) }, ({ a }) => tf.concat([a, tf.zeros([2, 2])], 1)),
  row('stack', { a: float([2, 3]), b: float([2, 3]) }, ({ a, b }) => tf.stack([a, b], 1)),
  row('stack, negative axis', { a: float([2, 3]), b: float([2, 3]) }, ({ a, b }) => tf.stack([a, b], -1), noGradients),
  row('stack scalars', { a: float([]), b: float([]) }, ({ a, b }) => tf.stack([a, b])),
  row('unstack', { x: float([3, 4]) }, ({ x }) => [...tf.unstack(x, 1), ...tf.unstack(x, 0)]),
  row('unstack, negative axis', { x: float([2, 3, 2]) }, ({ x }) => tf.unstack(x, -1)),
  row('unstack one', { x: float([1, 4]) }, ({ x }) => tf.unstack(x, 0), noGradients),
  row('split', { x: float([6, 4]) }, ({ x }) => [...tf.split(x, 3), ...tf.split(x, 2, 1)]),
  row('split by sizes', { x: float([2, 7]) }, ({ x }) => tf.split(x, [1, 4, 2], -1)),
  row('slice', { x: float([4, 5]) }, ({ x }) => [
    tf.slice(x, [1, 2], [2, 3]),
    tf.slice(x, [1]),
    tf.slice(x, [0, 1], [-1, 2]),
  ]),
  row('slice everything', { x: float([4, 5]) }, ({ x }) => tf.slice(x, [0, 0], [4, 5])),
  row('slice images', { x: float([2, 5, 6, 3]) }, ({ x }) => tf.slice(x, [0, 1, 2, 1], [2, 3, 4, 1])),
  row('slice int32', { x: int([6]) }, ({ x }) => tf.slice(x, 2, 3)),
  row('pad', { x: float([2, 3]) }, ({ x }) =>
    tf.pad(x, [
      [1, 2],
      [0, 3],
    ]),
  ),
  row('pad with a number', { x: float([2, 3]) }, ({ x }) =>
    tf.pad(
      x,
      [
        [1, 0],
        [0, 1],
      ],
      0.5,
    ),
  ),
  row('pad int32', { x: int([4]) }, ({ x }) => tf.pad(x, [[2, 1]], 7)),
  row('pad images', { x: float([1, 2, 3, 2]) }, ({ x }) =>
    tf.pad(x, [
      [0, 0],
      [1, 2],
      [3, 0],
      [0, 0],
    ]),
  ),
  row('tile', { x: float([2, 3]) }, ({ x }) => [tf.tile(x, [2, 1]), tf.tile(x, [1, 3])]),
  row('broadcastTo', { x: float([3, 1]) }, ({ x }) => tf.broadcastTo(x, [2, 3, 4])),
  row('reverse', { x: float([3, 4]) }, ({ x }) => [tf.reverse(x, 0), tf.reverse(x, -1), tf.reverse(x)]),
  row('reverse int32', { x: int([5]) }, ({ x }) => tf.reverse(x)),
  row('gather', { x: float([5, 3]), i: int([4], 0, 5) }, ({ x, i }) => tf.gather(x, i), noGradients),
  row(
    'gather along an axis',
    { x: float([2, 5, 3]), i: int([2, 2], 0, 3) },
    ({ x, i }) => [tf.gather(x, i, 1), tf.gather(x, i, -1)],
    noGradients,
  ),
  row(
    'gather by one index',
    { x: float([5, 3]), i: given([], [3], 'int32') },
    ({ x, i }) => tf.gather(x, i),
    noGradients,
  ),
  row('gather int32', { x: int([5]), i: int([7], 0, 5) }, ({ x, i }) => tf.gather(x, i)),
  row('oneHot', { i: int([6], 0, 4) }, ({ i }) => [tf.oneHot(i, 4), tf.oneHot(i, 4, 2.5, -1, 'float32')]),
  row('oneHot of indices outside', { i: given([5], [-1, 0, 3, 4, 9], 'int32') }, ({ i }) => tf.oneHot(i, 4)),
  row('oneHot float32 of a matrix', { i: int([2, 3], 0, 4) }, ({ i }) => tf.oneHot(i, 4, 1, 0, 'float32')),
  row('oneHot bool', { i: int([4], 0, 4) }, ({ i }) => tf.oneHot(i, 4, 1, 0, 'bool')),
  row(
    'cast',
    { f: float([6], -3, 3), i: int([6]), b: bool([6]) },
    ({ f, i, b }) => [
      tf.cast(f, 'int32'),
      tf.cast(f, 'bool'),
      tf.cast(i, 'float32'),
      tf.cast(i, 'bool'),
      tf.cast(b, 'float32'),
      tf.cast(b, 'int32'),
      tf.cast(f, 'float32'),
    ],
    noGradients,
  ),
  row('cast and its gradient', { f: float([6]), i: int([6]) }, ({ f, i }) => tf.mul(f, tf.cast(i, 'float32'))),
  row('fill, range, linspace, eye', { x: float([2, 3]) }, ({ x }) => [
    tf.mul(x, tf.fill([2, 3], 0.5)),
    tf.range(0, 5, 2, 'int32'),
    tf.range(3, -1, -1),
    tf.range(0, 1, 0.3),
    tf.fill([2], 3, 'int32'),
    tf.fill([3], 1, 'bool'),
    tf.fill([], 3),
  ]),
  row(
    'zerosLike and onesLike',
    { x: float([2, 3]), i: int([4]), b: bool([2]) },
    ({ x, i, b }) => [tf.zerosLike(x), tf.onesLike(x), tf.zerosLike(i), tf.onesLike(i), tf.zerosLike(b)],
    noGradients,
  ),
  row(
    'constants of one number',
    { x: float([2, 3]) },
    ({ x }) => [tf.add(tf.zeros([3]), tf.ones([3])), tf.mul(x, tf.ones([2, 3]))],
    noGradients,
  ),
  row(
    'stridedSlice',
    { x: float([5, 6]) },
    ({ x }) => [
      tf.stridedSlice(x, [0, 1], [5, 6], [2, 3]),
      tf.stridedSlice(x, [4, 5], [0, -7], [-1, -2]),
      tf.stridedSlice(x, [1, 0], [3, 2], [1, 1], 0, 2),
      tf.stridedSlice(x, [2], [3], [1], 0, 0, 0, 0, 1),
      tf.stridedSlice(x, [0, 0, 1], [0, 5, 4], [1, 1, 1], 0, 0, 0, 1),
      tf.stridedSlice(x, [-1, 0], [-6, 6], [-1, 1]),
    ],
    noGradients,
  ),
  row('cumsum', { x: float([3, 4]) }, ({ x }) => [
    tf.cumsum(x, 1),
    tf.cumsum(x, 0),
    tf.cumsum(x, 1, true),
    tf.cumsum(x, 1, false, true),
    tf.cumsum(x, 1, true, true),
  ]),
  row('cumsum int32', { x: int([2, 5]) }, ({ x }) => tf.cumsum(x, 1)),
  row('topk', { x: float([3, 7]) }, ({ x }) => Object.values(tf.topk(x, 3)), noGradients),
  row('topk with ties', { x: int([3, 9], 0, 3) }, ({ x }) => Object.values(tf.topk(x, 5))),
  row('gather and its gradient', { x: float([5, 3]), i: int([4], 0, 5) }, ({ x, i }) => tf.gather(x, i)),
  row('gather along an axis and its gradient', { x: float([2, 5, 3]), i: int([4], 0, 5) }, ({ x, i }) =>
    tf.gather(x, i, 1),
  ),
  row(
    'unsortedSegmentSum',
    { x: float([6, 2]), i: given([6], [0, 2, 0, -1, 5, 2], 'int32') },
    ({ x, i }) => tf.unsortedSegmentSum(x, i as Tensor1D, 3),
    noGradients,
  ),
  row('gatherND', { x: float([3, 4, 2]), i: int([5, 2], 0, 3) }, ({ x, i }) => tf.gatherND(x, i), noGradients),
  row(
    'scatterND',
    { u: float([4, 2]), i: given([4, 1], [1, 0, 4, 1], 'int32') },
    ({ u, i }) => tf.scatterND(i, u, [5, 2]),
    noGradients,
  ),
  row(
    'tensorScatterUpdate',
    { x: float([4, 2]), u: float([2, 2]), i: given([2, 1], [3, 1], 'int32') },
    ({ x, u, i }) => tf.tensorScatterUpdate(x, i, u),
    noGradients,
  ),
  row('linspace', { x: float([4]) }, ({ x }) => tf.mul(x, tf.linspace(-1, 2, 4))),
  row('ranges', { x: float([1]) }, ({ x }) => [
    x,
    tf.range(4, -2, -1),
    tf.range(0, -10, -1, 'int32'),
    tf.range(5, 0),
    tf.range(0, 4, 0.3),
    tf.range(0, 4, 0.7, 'int32'),
    tf.range(3, 3),
    tf.range(2, 0, 3),
    tf.linspace(2, 5, 1),
    tf.linspace(0, 1, 12),
  ]),
  row(
    'concat of int32, booleans and float32',
    { i: int([2]), f: float([2], -3, 3), b: bool([2]) },
    ({ i, f, b }) => [
      tf.concat([i, f, b]),
      tf.concat([f, i]),
      tf.concat([tf.slice(i, 0, 0), f, b]),
      tf.concat([tf.slice(i, 0, 0), f]),
    ],
    noGradients,
  ),
  ...[float([4, 2, 3, 2]), int([4, 2, 3, 2]), bool([4, 2, 3, 2])].map((x) =>
    row(
      `blocks of ${x.dtype}`,
      { x },
      ({ x }) => [
        tf.batchToSpaceND(
          x,
          [2, 2],
          [
            [0, 1],
            [1, 0],
          ],
        ),
        tf.spaceToBatchND(
          x,
          [3, 2],
          [
            [1, 0],
            [0, 1],
          ],
        ),
        tf.mirrorPad(
          x,
          [
            [0, 0],
            [1, 1],
            [2, 0],
            [0, 1],
          ],
          'reflect',
        ),
        tf.mirrorPad(
          x,
          [
            [0, 0],
            [2, 1],
            [3, 0],
            [0, 2],
          ],
          'symmetric',
        ),
      ],
      noGradients,
    ),
  ),
];
