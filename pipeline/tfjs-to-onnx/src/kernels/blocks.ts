import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product } from '../ir.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { choose, filled, pad, reshape, sequence, slice, transpose } from './shape.ts';

/** Blocks of pixels moved to other axes, and parts of matrices about the diagonal. */
export const blocks = {
  BatchToSpaceND: rule<tf.BatchToSpaceNDInputs, tf.BatchToSpaceNDAttrs>(({ x }, { blockShape: block, crops }) => {
    const [shape, size] = [[...x.shape], product(block)];
    const grid = reshape(x, backend_util.getReshaped(shape, block, size));
    const moved = transpose(grid, backend_util.getPermuted(grid.shape.length, block.length));
    const full = reshape(moved, backend_util.getReshapedPermuted(shape, block, size));
    const begin = backend_util.getSliceBeginCoords(crops, block.length);
    return slice(full, begin, backend_util.getSliceSize([...full.shape], crops, block.length));
  }),
  SpaceToBatchND: rule<tf.SpaceToBatchNDInputs, tf.SpaceToBatchNDAttrs>(({ x }, { blockShape: block, paddings }) => {
    const every = x.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]);
    const padded = every.flat().every((n) => n === 0) ? x : pad(x, every);
    const [shape, size] = [[...padded.shape], product(block)];
    const grid = reshape(padded, backend_util.getReshaped(shape, block, size, false));
    const moved = transpose(grid, backend_util.getPermuted(grid.shape.length, block.length, false));
    return reshape(moved, backend_util.getReshapedPermuted(shape, block, size, false));
  }),
  // A diagonal tensor of twice the rank: x where the flat positions agree, else 0.
  Diag: rule<tf.DiagInputs>(({ x }) => {
    const size = product(x.shape);
    const places = sequence(0, 1, size, 'int32');
    const diagonal = onnx.Equal(reshape(places, [size, 1]), places);
    return reshape(choose(diagonal, reshape(x, [size]), filled([], 0, x.dtype)), [...x.shape, ...x.shape]);
  }),
  // Element [i, j] stays where i − j ≤ numLower and j − i ≤ numUpper; a negative number keeps all.
  MatrixBandPart: rule<tf.MatrixBandPartInputs>(({ input, numLower, numUpper }) => {
    const [rows = 1, columns = 1] = input.shape.slice(-2);
    const [i, j] = [reshape(sequence(0, 1, rows, 'int32'), [rows, 1]), sequence(0, 1, columns, 'int32')];
    const within = (distance: Value, limit: Value) =>
      onnx.Or(onnx.Less(limit, filled([], 0, 'int32')), onnx.LessOrEqual(distance, limit));
    const band = onnx.And(within(onnx.Sub(i, j), numLower), within(onnx.Sub(j, i), numUpper));
    return choose(band, input, filled([], 0, input.dtype));
  }),
} satisfies Family;
