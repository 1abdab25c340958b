import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { elementType, plain, plainValue, type Value } from '../forms.ts';
import type { Ref, Shape } from '../ir.ts';
import { number } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { expandDims, filled } from './shape.ts';

const places = (g: GraphBuilder, indices: Value): Ref => g.cast(indices.as(plain, g), 'int64');
const zeros = (g: GraphBuilder, shape: Shape, { dtype }: Value): Ref => filled(shape, 0, dtype).as(plain, g);

/** Reading and writing at places that a tensor names. */
export const gathering = {
  GatherNd: rule<tf.GatherNdInputs>(({ params, indices }) => {
    const depth = indices.shape.at(-1) ?? 0;
    const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
    return plainValue(shape, params.dtype, (g) => g.GatherND(params.as(plain, g), places(g, indices)));
  }),
  GatherV2: rule<tf.GatherV2Inputs, tf.GatherV2Attrs>(({ x, indices }, { axis: at, batchDims }) => {
    if (batchDims) throw new Error('batchDims other than 0 are not lowered');
    const axis = at < 0 ? at + x.shape.length : at;
    const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
    return plainValue(shape, x.dtype, (g) => g.Gather(x.as(plain, g), indices.as(plain, g), { axis }));
  }),
  // By comparison with 0 … depth − 1: unlike ONNX's `OneHot` it takes int32 on every execution provider, and gives
  // `offValue` for an index outside.
  OneHot: rule<tf.OneHotInputs, tf.OneHotAttrs>(({ indices }, { depth, onValue, offValue, dtype }) =>
    plainValue([...indices.shape, depth], dtype, (g) => {
      const classes = g.constant(Int32Array.from({ length: depth }, (_, i) => i));
      const hit = g.Equal(expandDims(indices, -1).as(plain, g), classes);
      if (onValue === 1 && offValue === 0) return g.cast(hit, elementType(dtype));
      return g.Where(hit, number(g, onValue, dtype), number(g, offValue, dtype));
    }),
  ),
  ScatterNd: rule<tf.ScatterNdInputs, tf.ScatterNdAttrs>(({ indices, updates }, { shape }) =>
    plainValue(shape, updates.dtype, (g) =>
      g.ScatterND(zeros(g, shape, updates), places(g, indices), updates.as(plain, g), { reduction: 'add' }),
    ),
  ),
  TensorScatterUpdate: rule<tf.TensorScatterUpdateInputs>(({ tensor, indices, updates }) =>
    plainValue(tensor.shape, tensor.dtype, (g) =>
      g.ScatterND(tensor.as(plain, g), places(g, indices), updates.as(plain, g)),
    ),
  ),
  // Sums of the slices along the first axis with equal ids, 0 … numSegments − 1; other ids drop out.
  UnsortedSegmentSum: rule<tf.UnsortedSegmentSumInputs, tf.UnsortedSegmentSumAttrs>(
    ({ x, segmentIds }, { numSegments: count }) => {
      const slices = x.shape.slice(segmentIds.shape.length);
      return plainValue([count, ...slices], x.dtype, (g) => {
        const id = segmentIds.as(plain, g);
        const within = g.And(g.GreaterOrEqual(id, number(g, 0, 'int32')), g.Less(id, number(g, count, 'int32')));
        // What drops out goes to a last slice that is cut off.
        const target = g.Where(within, id, number(g, count, 'int32'));
        const start = zeros(g, [count + 1, ...slices], x);
        const index = g.cast(g.reshape(target, [...id.shape, 1]), 'int64');
        const sums = g.ScatterND(start, index, x.as(plain, g), { reduction: 'add' });
        return g.Slice(sums, g.ints([0]), g.ints([count]), g.ints([0]));
      });
    },
  ),
} satisfies Family;
