import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product } from '../ir.ts';
import { cast } from './elementwise.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { axisOf, choose, expandDims, filled, reshape, sequence, tensorLike, transpose } from './shape.ts';

/** Indices as ONNX's operators on positions take them. */
export const places = (indices: Value): Value => retyped(indices, 'int64');

/**
 * Indices below 0 as one that is beyond any size, which no graph accepts either: ONNX would count them from the end,
 * where tfjs throws.
 */
const fromStart = (indices: Value): Value =>
  onnx.Where(onnx.Less(indices, filled([], 0, 'int32')), filled([], 2 ** 31 - 1, 'int32'), indices);

/** Slices of x along an axis, by indices that differ for each element of the leading axes. */
function gatherInBatches(x: Value, indices: Value, axis: number, batchDims: number): Value {
  const { batchSize, outerSize, dimSize, sliceSize, outputShape } = backend_util.segment_util.collectGatherOpShapeInfo(
    tensorLike(x),
    tensorLike(indices),
    axis,
    batchDims,
  );
  if (batchSize === 0) throw new Error(`[${indices.shape}] has no batches of indices`);
  const count = product(indices.shape) / batchSize;
  const slices = transpose(reshape(x, [batchSize, outerSize, dimSize, sliceSize]), [0, 2, 1, 3]);
  const found = onnx.GatherND(slices, places(reshape(fromStart(indices), [batchSize, count, 1])), {
    batch_dims: 1,
  });
  return reshape(transpose(found, [0, 2, 1, 3]), outputShape);
}

/**
 * For each value its place in the sorted row of the same number: how many numbers of the row are smaller, or not
 * larger.
 */
function searchSorted(row: Value, values: Value, side: 'left' | 'right'): Value {
  const dtype = row.dtype === values.dtype && row.dtype !== 'bool' ? row.dtype : 'float32';
  const [numbers, limits] = [expandDims(cast(row, dtype), -2), expandDims(cast(values, dtype), -1)];
  const before = side === 'left' ? onnx.Less(numbers, limits) : onnx.LessOrEqual(numbers, limits);
  const counts = onnx.ReduceSum(cast(before, 'int32'), [before.shape.length - 1], { keepdims: 0 });
  return product(row.shape) === 0 ? filled(values.shape, 0, 'int32') : counts;
}

/** Reads at the positions in a tensor of indices, and positions of values. */
export const gathering = {
  GatherNd: rule<tf.GatherNdInputs>(({ params, indices }) => {
    const [shape] = backend_util.prepareAndValidate(tensorLike(params), tensorLike(indices));
    return product(shape) === 0 ? filled(shape, 0, params.dtype) : onnx.GatherND(params, places(indices));
  }),
  GatherV2: rule<tf.GatherV2Inputs, tf.GatherV2Attrs>(({ x, indices }, { axis, batchDims }) => {
    const along = axisOf(axis, x);
    if (x.shape[along] === 0 && product(indices.shape) > 0) throw new Error(`axis ${along} of x has no elements`);
    if (batchDims) return gatherInBatches(x, indices, along, batchDims);
    return onnx.Gather(x, fromStart(indices), { axis: along });
  }),
  LowerBound: rule<tf.LowerBoundInputs>(({ sortedSequence, values }) => searchSorted(sortedSequence, values, 'left')),
  // By comparison with 0 … depth − 1: unlike ONNX's `OneHot` it takes int32 on every execution provider, and gives
  // `offValue` for an index outside.
  OneHot: rule<tf.OneHotInputs, tf.OneHotAttrs>(({ indices }, { depth, onValue, offValue, dtype }) => {
    const hit = onnx.Equal(expandDims(indices, -1), sequence(0, 1, depth, 'int32'));
    if (onValue === 1 && offValue === 0) return cast(hit, dtype);
    return choose(hit, filled([], onValue, dtype), filled([], offValue, dtype));
  }),
  SearchSorted: rule<tf.SearchSortedInputs, tf.SearchSortedAttrs>(({ sortedSequence, values }, { side }) =>
    searchSorted(sortedSequence, values, side),
  ),
  UpperBound: rule<tf.UpperBoundInputs>(({ sortedSequence, values }) => searchSorted(sortedSequence, values, 'right')),
} satisfies Family;
