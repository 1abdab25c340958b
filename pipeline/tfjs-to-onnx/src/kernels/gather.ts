import type * as tf from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import type { Shape } from '../ir.ts';
import { cast } from './elementwise.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { expandDims, filled, reshape, sequence } from './shape.ts';

const places = (indices: Value): Value => retyped(indices, 'int64');

const scatterAdd = (shape: Shape, indices: Value, updates: Value): Value =>
  onnx.ScatterND(filled(shape, 0, updates.dtype), places(indices), updates, { reduction: 'add' });

/** Reads and writes at the positions in a tensor of indices. */
export const gathering = {
  GatherNd: rule<tf.GatherNdInputs>(({ params, indices }) => onnx.GatherND(params, places(indices))),
  GatherV2: rule<tf.GatherV2Inputs, tf.GatherV2Attrs>(({ x, indices }, { axis, batchDims }) => {
    if (batchDims) throw new Error('batchDims other than 0 are not lowered');
    return onnx.Gather(x, indices, { axis: axis < 0 ? axis + x.shape.length : axis });
  }),
  // By comparison with 0 … depth − 1: unlike ONNX's `OneHot` it takes int32 on every execution provider, and gives
  // `offValue` for an index outside.
  OneHot: rule<tf.OneHotInputs, tf.OneHotAttrs>(({ indices }, { depth, onValue, offValue, dtype }) => {
    const hit = onnx.Equal(expandDims(indices, -1), sequence(0, 1, depth, 'int32'));
    if (onValue === 1 && offValue === 0) return cast(hit, dtype);
    return onnx.Where(hit, filled([], onValue, dtype), filled([], offValue, dtype));
  }),
  ScatterNd: rule<tf.ScatterNdInputs, tf.ScatterNdAttrs>(({ indices, updates }, { shape }) =>
    scatterAdd(shape, indices, updates),
  ),
  TensorScatterUpdate: rule<tf.TensorScatterUpdateInputs>(({ tensor, indices, updates }) =>
    onnx.ScatterND(tensor, places(indices), updates),
  ),
  // Sums of the slices along the first axis with equal ids, 0 … numSegments − 1; other ids drop out.
  UnsortedSegmentSum: rule<tf.UnsortedSegmentSumInputs, tf.UnsortedSegmentSumAttrs>(
    ({ x, segmentIds: id }, { numSegments }) => {
      const [zero, count] = [filled([], 0, 'int32'), filled([], numSegments, 'int32')];
      const within = onnx.And(onnx.GreaterOrEqual(id, zero), onnx.Less(id, count));
      // Other ids are sent to a last slice, which is cut off.
      const target = reshape(onnx.Where(within, id, count), [...id.shape, 1]);
      const sums = scatterAdd([numSegments + 1, ...x.shape.slice(id.shape.length)], target, x);
      return onnx.Slice(sums, [0], [numSegments], [0]);
    },
  ),
} satisfies Family;
