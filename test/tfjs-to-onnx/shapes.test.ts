import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { lowerTape, portable, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { runOnce } from './support/ort.ts';
import { expectParity, refusalsOf, row } from './support/parity.ts';
import { bool, float, int, type Specs } from './support/tensors.ts';

type Program = (x: Tensor) => Tensor | readonly Tensor[];

const half = (x: Tensor) => x.shape.map((d) => Math.floor(d / 2));
const by = (n: number) => (x: Tensor) => x.shape.map(() => n);
const around = (x: Tensor) => x.shape.map((_, axis): [number, number] => [axis, 2]);
const within = (border: number) => (x: Tensor) =>
  x.shape.map((d): [number, number] => [Math.max(0, Math.min(1, d - 1 + border)), Math.max(0, d - 1 + border)]);
const pairsOf = (x: Tensor) => tf.range(0, x.size, 1, 'int32');

/** Programs that are tried on tensors of every type, with and without axes and elements. */
const programs: Readonly<Record<string, Program>> = {
  flatten: (x) => tf.reshape(x, [x.size]),
  'reshape to more axes': (x) => tf.reshape(x, [1, ...x.shape, 1]),
  'reshape with an open size': (x) => tf.reshape(x, [-1, 1]),
  expandDims: (x) => [tf.expandDims(x, 0), tf.expandDims(x, -1)],
  squeeze: (x) => tf.squeeze(x),
  clone: (x) => tf.clone(x),
  transpose: (x) => tf.transpose(x),
  'slice nothing off': (x) => tf.slice(x, by(0)(x), x.shape),
  'slice the second half': (x) => tf.slice(x, half(x)),
  'slice everything off': (x) => tf.slice(x, half(x), by(0)(x)),
  'slice of a scalar': (x) => tf.slice(tf.reshape(x, [x.size]), 0),
  'stridedSlice backwards': (x) =>
    tf.stridedSlice(
      x,
      x.shape.map((d) => d - 1),
      x.shape.map((d) => -d - 1),
      by(-1)(x),
    ),
  'stridedSlice every other': (x) => tf.stridedSlice(x, by(0)(x), x.shape, by(2)(x)),
  'stridedSlice to nothing': (x) => tf.stridedSlice(x, by(1)(x), by(1)(x), by(1)(x)),
  'stridedSlice with a new axis': (x) => tf.stridedSlice(x, [0, 0], [1, 2], [1, 1], 0, 0, 0, 1),
  'stridedSlice from an ellipsis': (x) => tf.stridedSlice(x, [0, 0], [0, 1], [1, 1], 0, 0, 1),
  'concat with itself': (x) => tf.concat([x, x], -1),
  'concat with nothing': (x) => tf.concat([x, tf.zeros([0, ...x.shape.slice(1)], x.dtype), x], 0),
  'concat of one': (x) => tf.concat([x], 0),
  stack: (x) => [tf.stack([x, x]), tf.stack([x, x], -1), tf.stack([x])],
  unstack: (x) => [x, ...tf.unstack(x, -1)],
  'split off nothing': (x) => tf.split(x, [0, x.shape[0] ?? 0]),
  'split into one': (x) => tf.split(x, 1, -1),
  'pad with 0': (x) => tf.pad(x, around(x)),
  'pad with 3': (x) => tf.pad(x, around(x), 3),
  'pad with nothing': (x) =>
    tf.pad(
      x,
      x.shape.map(() => [0, 0] as [number, number]),
    ),
  'reflect as far as possible': (x) => tf.mirrorPad(x, within(0)(x), 'reflect'),
  'mirror as far as possible': (x) => tf.mirrorPad(x, within(1)(x), 'symmetric'),
  tile: (x) => tf.tile(x, by(2)(x)),
  'tile once': (x) => tf.tile(x, by(1)(x)),
  'tile to nothing': (x) => tf.tile(x, by(0)(x)),
  broadcastTo: (x) => tf.broadcastTo(x, [2, ...x.shape]),
  reverse: (x) => tf.reverse(x),
  'reverse the last axis': (x) => tf.reverse(x, -1),
  'gather nothing': (x) => tf.gather(x, tf.tensor1d([], 'int32')),
  'gather by a number': (x) => tf.gather(x, tf.scalar(0, 'int32'), -1),
  'gather by a matrix': (x) => tf.gather(x, tf.zeros([2, 3], 'int32')),
  'gather in batches': (x) => tf.gather(x, tf.zeros([...x.shape.slice(0, 1), 2], 'int32'), -1, 1),
  gatherND: (x) => tf.gatherND(x, tf.zeros([3, x.rank], 'int32')),
  'gatherND slices': (x) => tf.gatherND(x, tf.zeros([2, 2, 1], 'int32')),
  scatterND: (x) => tf.scatterND(tf.reshape(pairsOf(x), [x.size, 1]), tf.reshape(x, [x.size]), [x.size + 2]),
  'scatterND by a list': (x) => tf.scatterND(pairsOf(x), tf.reshape(x, [x.size]), [x.size + 1]),
  'scatterND to one place': (x) => tf.scatterND(tf.zeros([x.size, 1], 'int32'), tf.reshape(x, [x.size]), [2]),
  'tensorScatterUpdate of one place': (x) =>
    tf.tensorScatterUpdate(tf.ones([2, 2], x.dtype), tf.ones([x.size, 2], 'int32'), tf.reshape(x, [x.size])),
  sparseToDense: (x) =>
    tf.sparseToDense(pairsOf(x), tf.reshape(x, [x.size]), [x.size + 1], tf.cast(1, x.dtype) as Scalar),
  'sparseToDense of a number': (x) => tf.sparseToDense(tf.tensor1d([1, 3], 'int32'), tf.sum(x), [5]),
  unsortedSegmentSum: (x) => tf.unsortedSegmentSum(x, tf.zeros([x.shape[0] ?? 1], 'int32') as Tensor1D, 2),
  'bincount of weights': (x) => tf.bincount(pairsOf(x) as Tensor1D, tf.reshape(x, [x.size]), x.size + 1),
  searchSorted: (x) => {
    const [rows, values] = [tf.reshape(x, [1, x.size]), tf.tensor2d([[-7, 0, 7]], [1, 3], x.dtype as 'int32')];
    const sorted = tf.cast(tf.reverse(tf.topk(tf.cast(rows, 'float32'), x.size).values, -1), x.dtype);
    return [tf.searchSorted(sorted, values, 'left'), tf.searchSorted(sorted, values, 'right')];
  },
  topk: (x) => Object.values(tf.topk(x, Math.min(2, x.shape.at(-1) ?? 0))),
  'topk of all, not sorted': (x) => {
    const { values, indices } = tf.topk(x, x.shape.at(-1), false);
    return [tf.sum(values, -1), tf.sum(indices, -1)];
  },
  diag: (x) => tf.diag(x),
  zerosLike: (x) => [tf.zerosLike(x), tf.onesLike(x)],
  cast: (x) => (['float32', 'int32', 'bool'] as const).map((dtype) => tf.cast(x, dtype)),
  oneHot: (x) => tf.oneHot(tf.cast(x, 'int32'), 3),
  'oneHot of each type': (x) =>
    (['float32', 'int32', 'bool'] as const).map((dtype) => tf.oneHot(tf.cast(x, 'int32'), 3, 0, 1, dtype)),
  'matMul with itself': (x) => tf.matMul(x, x, false, true),
  'matMul of nothing': (x) => tf.matMul(tf.reshape(x, [x.size, 1]), tf.zeros([1, 0], x.dtype)),
  'matMul over nothing': (x) => tf.matMul(tf.zeros([2, 0], x.dtype), tf.zeros([0, 3], x.dtype)),
  'matMul of its numbers': (x) => tf.matMul(tf.reshape(x, [1, x.size]), tf.reshape(x, [x.size, 1])),
  'einsum of a list': (x) => tf.einsum('i,i->', tf.reshape(x, [x.size]), tf.reshape(x, [x.size])),
  'einsum outer product': (x) => tf.einsum('i,j->ij', tf.reshape(x, [x.size]), tf.reshape(x, [x.size])),
};

const shapes = [[], [0], [1], [3], [1, 1], [2, 3], [2, 0, 3], [0, 2], [2, 1, 4], [1, 2, 1, 3], [2, 1, 2, 1, 2, 1, 3]];
const makers = { float32: float, int32: int, bool } as const;

/** What tfjs computes and the tracer refuses: sums of booleans, which tfjs keeps as numbers above 1. */
const refused = new Set([
  ...['pad with 3', 'scatterND', 'scatterND by a list', 'scatterND to one place', 'bincount of weights'],
  ...['matMul with itself', 'matMul of nothing', 'matMul over nothing', 'matMul of its numbers'],
]);

describe.each(Object.entries(programs))('%s', (name, program) => {
  test.each(['float32', 'int32', 'bool'] as const)('%s', async (dtype) => {
    const inputs: Specs = Object.fromEntries(shapes.map((shape) => [`[${shape}]`, makers[dtype](shape)]));
    const given = Object.keys(inputs).filter((input) => {
      const one = { [input]: inputs[input] as Specs[string] };
      const { tfjs, tracer } = refusalsOf(row(name, one, (x) => program(x[input] as Tensor)));
      if (tfjs !== undefined) expect(tracer, `${input}: ${tfjs}`).toBeDefined();
      else if (tracer !== undefined) expect(`${dtype} ${refused.has(name)}`, `${input}: ${tracer}`).toBe('bool true');
      return tracer === undefined;
    });
    // All shapes in one graph, as each graph costs a session.
    const chosen = Object.fromEntries(given.map((input) => [input, inputs[input] as Specs[string]]));
    const all = row(
      `${name} of ${given.join(' ')}`,
      chosen,
      (x) => given.flatMap((input) => program(x[input] as Tensor)),
      {
        gradients: false,
      },
    );
    if (given.length > 0) await expectParity(all);
  });
});

const places: Readonly<Record<string, (i: Tensor) => Tensor>> = {
  gather: (i) => tf.gather([1, 2, 3], i),
  gatherND: (i) => tf.gatherND([1, 2, 3], tf.reshape(i, [2, 1])),
  scatterND: (i) => tf.scatterND(tf.reshape(i, [2, 1]), tf.tensor1d([1, 2]), [3]),
  tensorScatterUpdate: (i) => tf.tensorScatterUpdate(tf.zeros([3]), tf.reshape(i, [2, 1]), tf.tensor1d([1, 2])),
};

describe.each(Object.entries(places))('an index outside, %s', (name, program) => {
  const graph = lowerTape(
    trace(({ i }) => ({ y: program(i) }), { inputs: { i: { shape: [2], dtype: 'int32' } } }),
    portable,
  );
  const run = (index: number) => runOnce(graph, { i: new ort.Tensor('int32', Int32Array.of(0, index), [2]) });

  test('is an error', async () => {
    await expect(run(3)).rejects.toThrow();
    await expect(run(-4)).rejects.toThrow();
  });

  // tfjs throws. The operators of ONNX count it from the end.
  test('from −1 down to −3 counts from the end, or is an error', async () => {
    if (name === 'gather') await expect(run(-1)).rejects.toThrow();
    else expect(await run(-1)).toEqual(await run(2));
  });
});
