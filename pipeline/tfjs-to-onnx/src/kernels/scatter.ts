import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product, type Shape } from '../ir.ts';
import { cast } from './elementwise.ts';
import { places } from './gather.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { choose, filled, reshape, slice, tensorLike } from './shape.ts';

/** Indices as `[updates, axes]` and updates as `[updates, …slice]`; tfjs takes a list of indices along the first axis. */
function scattered(shape: Shape, indices: Value, updates: Value): { indices: Value; updates: Value; count: number } {
  const info = backend_util.calculateShapes(tensorLike(updates), tensorLike(indices), [...shape]);
  const { sliceRank, numUpdates: count } = info;
  const sliceShape = [count, ...shape.slice(sliceRank)];
  // A single number updates every place.
  const single = updates.shape.length === 0;
  return {
    indices: places(reshape(indices, [count, sliceRank])),
    updates: single ? onnx.Expand(updates, sliceShape) : reshape(updates, sliceShape),
    count,
  };
}

/** 0 … length − 1. It is computed, so that the length may be the batch size. */
const counting = (length: number): Value =>
  onnx.CumSum(filled([length], 1, 'int32'), filled([], 0, 'int32'), { exclusive: 1 });

/** ONNX adds no booleans, and tfjs makes numbers above 1 of them. */
function refuseBooleans({ dtype }: Value): void {
  if (dtype === 'bool') throw new Error('sums of booleans are not lowered; cast them to int32');
}

/** Sums of the updates of each place. */
function scatterAdd(shape: Shape, to: Value, by: Value): Value {
  refuseBooleans(by);
  const { indices, updates, count } = scattered(shape, to, by);
  const zeros = filled(shape, 0, by.dtype);
  return count === 0 ? zeros : onnx.ScatterND(zeros, indices, updates, { reduction: 'add' });
}

/**
 * Replaces slices of x. The last of the updates of one place counts, as in tfjs: ONNX leaves open which does, so each
 * place first finds the largest number of an update that it has.
 */
function scatterReplace(x: Value, to: Value, by: Value): Value {
  const { indices, updates, count } = scattered(x.shape, to, by);
  if (count === 0) return x;
  if (count === 1) return onnx.ScatterND(x, indices, updates);
  const outer = x.shape.slice(0, indices.shape[1]);
  const none = filled(outer, -1, 'int32');
  const last = onnx.ScatterND(none, indices, counting(count), { reduction: 'max' });
  const replaced = reshape(onnx.GreaterOrEqual(last, filled([], 0, 'int32')), [
    ...outer,
    ...x.shape.slice(outer.length).map(() => 1),
  ]);
  return choose(replaced, onnx.Gather(updates, onnx.Max(last, filled([], 0, 'int32'))), x);
}

/** Sums of x's slices along the first axis by number, 0 … count − 1; slices of other numbers drop out. */
function segmentSum(x: Value, numbers: Value, count: number): Value {
  const [zero, limit] = [filled([], 0, 'int32'), filled([], count, 'int32')];
  const within = onnx.And(onnx.GreaterOrEqual(numbers, zero), onnx.Less(numbers, limit));
  // Other numbers are sent to a last slice, which is cut off.
  const target = onnx.Where(within, numbers, limit);
  const sums = scatterAdd([count + 1, ...x.shape.slice(1)], target, x);
  return slice(sums, 0, count);
}

/** How often each of the numbers 0 … size − 1 occurs in each row, `[rows, size]`, or the sums of their weights. */
function countRows(x: Value, weights: Value, size: number): Value {
  const [rows = 1] = x.shape;
  refuseBooleans(weights);
  if (product(x.shape) === 0) return filled([rows, size], 0, weights.dtype);
  const weight = product(weights.shape) === 0 ? filled(x.shape, 1, weights.dtype) : reshape(weights, x.shape);
  const [zero, limit] = [filled([], 0, 'int32'), filled([], size, 'int32')];
  const within = onnx.And(onnx.GreaterOrEqual(x, zero), onnx.Less(x, limit));
  // Other numbers are sent to a last column, which is cut off.
  const columns = onnx.Where(within, x, limit);
  const none = filled([rows, size + 1], 0, weight.dtype);
  const sums = onnx.ScatterElements(none, columns, weight, { axis: 1, reduction: 'add' });
  return onnx.Slice(sums, [0], [size], [1]);
}

const counts = (x: Value, weights: Value, size: number): Value =>
  reshape(countRows(reshape(x, [1, product(x.shape)]), weights, size), [size]);

/** Writes at the positions in a tensor of indices, and sums by number. */
export const scattering = {
  Bincount: rule<tf.BincountInputs, tf.BincountAttrs>(({ x, weights }, { size }) => counts(x, weights, size)),
  DenseBincount: rule<tf.DenseBincountInputs, tf.DenseBincountAttrs>(({ x, weights }, { size, binaryOutput }) => {
    // Like tfjs, which looks at `binaryOutput` for matrices only.
    if (x.shape.length === 1) return counts(x, weights, size);
    if (x.shape.length !== 2) throw new Error(`x has rank ${x.shape.length}; 1 or 2 was expected`);
    if (!binaryOutput) return countRows(x, weights, size);
    const found = onnx.Greater(countRows(x, filled([0], 0, 'int32'), size), filled([], 0, 'int32'));
    return cast(found, weights.dtype);
  }),
  ScatterNd: rule<tf.ScatterNdInputs, tf.ScatterNdAttrs>(({ indices, updates }, { shape }) =>
    scatterAdd(shape, indices, updates),
  ),
  SparseToDense: rule<tf.SparseToDenseInputs, tf.SparseToDenseAttrs>(
    ({ sparseIndices, sparseValues, defaultValue }, { outputShape }) => {
      const background = onnx.Expand(reshape(cast(defaultValue, sparseValues.dtype), []), outputShape);
      return scatterReplace(background, sparseIndices, sparseValues);
    },
  ),
  TensorScatterUpdate: rule<tf.TensorScatterUpdateInputs>(({ tensor, indices, updates }) =>
    scatterReplace(tensor, indices, updates),
  ),
  UnsortedSegmentSum: rule<tf.UnsortedSegmentSumInputs, tf.UnsortedSegmentSumAttrs>(
    ({ x, segmentIds }, { numSegments }) => {
      if (segmentIds.shape.length !== 1) throw new Error(`segmentIds is [${segmentIds.shape}]; a list was expected`);
      return segmentSum(cast(x, 'float32'), segmentIds, numSegments);
    },
  ),
} satisfies Family;
