import type * as tf from '@tensorflow/tfjs-core';
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import { plain, plainValue, splat, Value } from '../forms.ts';
import { product, type Shape, sameShape } from '../ir.ts';
import { number, numbers } from './elementwise.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';

/** The part of tfjs's Tensor that its shape helpers read. */
const tensorLike = ({ shape, dtype }: Value) => ({ dataId: {}, shape: [...shape], dtype }) as unknown as tf.Tensor;

const axisOf = (axis: number, { shape }: Value): number => util.parseAxisParam(axis, [...shape])[0] ?? 0;

export const reshape = (x: Value, shape: Shape): Value =>
  plainValue(shape, x.dtype, (g) => g.reshape(x.as(plain, g), shape));

export const transpose = (x: Value, perm: readonly number[]): Value => {
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  return plainValue(shape, x.dtype, (g) => g.transpose(x.as(plain, g), perm));
};

function slice(x: Value, begin: number | number[], size: number | number[]): Value {
  const [from = [], count = []] = slice_util.parseSliceParams(tensorLike(x), begin, size);
  const axes = x.shape.flatMap((d, axis) => (from[axis] !== 0 || count[axis] !== d ? [axis] : []));
  if (axes.length === 0) return x;
  const starts = axes.map((axis) => from[axis] ?? 0);
  const ends = axes.map((axis) => (from[axis] ?? 0) + (count[axis] ?? 0));
  return onnx.Slice(x, starts, ends, axes);
}

const split = (x: Value, pieces: number | number[], axis: number): readonly Value[] =>
  onnx.Split(x, backend_util.prepareSplitSize(tensorLike(x), pieces, axis), { axis });

function concat(values: readonly Value[], axis: number): Value {
  const parts = values.filter(({ shape }) => product(shape) > 0);
  const [first = values[0] as Value] = parts;
  return parts.length < 2 ? first : onnx.Concat(parts, { axis: axisOf(axis, first) });
}

/** A new axis of length 1 at `axis`, counted from the end where negative. */
export function expandDims(x: Value, axis: number): Value {
  const shape = [...x.shape];
  shape.splice(axis < 0 ? shape.length + axis + 1 : axis, 0, 1);
  return reshape(x, shape);
}

function pad(x: Value, paddings: readonly (readonly number[])[], value = 0): Value {
  const pads = [...paddings.map(([before = 0]) => before), ...paddings.map(([, after = 0]) => after)];
  return onnx.Pad(x, pads, filled([], value, x.dtype));
}

/** Where the elements of a mirrored axis come from; `border` is 1 if the outermost element is repeated. */
function mirrored(size: number, [before = 0, after = 0]: readonly number[], border: number): Int32Array {
  return Int32Array.from({ length: before + size + after }, (_, at) => {
    const i = at - before;
    if (i < 0) return -i - border;
    return i < size ? i : 2 * (size - 1) - i + border;
  });
}

export function reverse(x: Value, dims: number | number[]): Value {
  const axes = util.parseAxisParam(dims, [...x.shape]);
  const all = (n: number) => axes.map(() => n);
  return axes.length === 0 ? x : onnx.Slice(x, all(-1), all(-(2 ** 31)), axes, all(-1));
}

/** A tensor of one number, kept as that number. */
export const filled = (shape: Shape, value: number, dtype: tf.DataType): Value =>
  new Value(shape, dtype, splat, (g) => number(g, value, dtype));

/** `length` numbers from `start` in steps. */
export function sequence(start: number, step: number, length: number, dtype: tf.DataType): Value {
  const values = Array.from({ length }, (_, i) => start + i * step);
  return plainValue([length], dtype, (g) => numbers(g, values, [length], dtype));
}

/** tfjs's reshape target with its −1 filled in. */
function resolved(shape: Shape, from: Shape): Shape {
  const known = product(shape.filter((d) => d !== -1));
  return shape.map((d) => (d === -1 ? product(from) / known : d));
}

/** Reshaping, slicing and joining, and new tensors. */
export const shaping = {
  BatchToSpaceND: rule<tf.BatchToSpaceNDInputs, tf.BatchToSpaceNDAttrs>(({ x }, { blockShape: block, crops }) => {
    const [shape, size] = [[...x.shape], product(block)];
    const grid = reshape(x, backend_util.getReshaped(shape, block, size));
    const moved = transpose(grid, backend_util.getPermuted(grid.shape.length, block.length));
    const full = reshape(moved, backend_util.getReshapedPermuted(shape, block, size));
    const begin = backend_util.getSliceBeginCoords(crops, block.length);
    return slice(full, begin, backend_util.getSliceSize([...full.shape], crops, block.length));
  }),
  Concat: rule<tf.ConcatInputs, tf.ConcatAttrs>((values, { axis }) => concat(values, axis)),
  ExpandDims: rule<tf.ExpandDimsInputs, tf.ExpandDimsAttrs>(({ input }, { dim }) => expandDims(input, dim)),
  Fill: rule<unknown, tf.FillAttrs>((_, { shape, value, dtype }) => filled(shape, Number(value), dtype)),
  LinSpace: rule<unknown, tf.LinSpaceAttrs>((_, { start, stop, num }) =>
    sequence(start, (stop - start) / Math.max(1, num - 1), num, 'float32'),
  ),
  MirrorPad: rule<tf.MirrorPadInputs, tf.MirrorPadAttrs>(({ x }, { paddings, mode }) => {
    const border = mode === 'symmetric' ? 1 : 0;
    return paddings.reduce((value, padding, axis) => {
      if (padding.every((n) => n === 0)) return value;
      const places = mirrored(x.shape[axis] ?? 1, padding, border);
      const indices = plainValue([places.length], 'int32', (g) => g.constant(places));
      return onnx.Gather(value, indices, { axis });
    }, x);
  }),
  OnesLike: rule<tf.OnesLikeInputs>(({ x }) => filled(x.shape, 1, x.dtype)),
  Pack: rule<tf.PackInputs, tf.PackAttrs>((values, { axis }) =>
    concat(
      values.map((value) => expandDims(value, axis)),
      axis,
    ),
  ),
  PadV2: rule<tf.PadV2Inputs, tf.PadV2Attrs>(({ x }, { paddings, constantValue }) => pad(x, paddings, constantValue)),
  Range: rule<unknown, tf.RangeAttrs>((_, { start, stop, step, dtype }) =>
    sequence(start, step, Math.max(0, Math.ceil((stop - start) / step)), dtype),
  ),
  // Gradients of additions reshape to the same shape: that must not cost a change of form.
  Reshape: rule<tf.ReshapeInputs, tf.ReshapeAttrs>(({ x }, { shape }) => {
    const target = resolved(shape, x.shape);
    return sameShape(target, x.shape) ? x : reshape(x, target);
  }),
  Reverse: rule<tf.ReverseInputs, tf.ReverseAttrs>(({ x }, { dims }) => reverse(x, dims)),
  Slice: rule<tf.SliceInputs, tf.SliceAttrs>(({ x }, { begin, size }) => slice(x, begin, size)),
  SpaceToBatchND: rule<tf.SpaceToBatchNDInputs, tf.SpaceToBatchNDAttrs>(({ x }, { blockShape: block, paddings }) => {
    const every = x.shape.map((_, axis) => paddings[axis - 1] ?? [0, 0]);
    const padded = every.flat().every((n) => n === 0) ? x : pad(x, every);
    const [shape, size] = [[...padded.shape], product(block)];
    const grid = reshape(padded, backend_util.getReshaped(shape, block, size, false));
    const moved = transpose(grid, backend_util.getPermuted(grid.shape.length, block.length, false));
    return reshape(moved, backend_util.getReshapedPermuted(shape, block, size, false));
  }),
  SplitV: rule<tf.SplitVInputs, tf.SplitVAttrs>(({ x }, { numOrSizeSplits, axis }) =>
    split(x, numOrSizeSplits, axisOf(axis, x)),
  ),
  StridedSlice: rule<tf.StridedSliceInputs, tf.StridedSliceAttrs>(({ x }, attrs) => {
    const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
    const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
    const info = slice_util.sliceInfo([...x.shape], attrs.begin, attrs.end, attrs.strides, ...masks);
    const { begin, end, strides, finalShape } = info;
    const changes = (d: number, axis: number) => begin[axis] !== 0 || end[axis] !== d || strides[axis] !== 1;
    const axes = x.shape.flatMap((d, axis) => (changes(d, axis) ? [axis] : []));
    // A negative step may end beyond the first element.
    const ends = end.map((to) => (to < 0 ? -(2 ** 31) : to));
    const pick = (list: readonly number[]) => axes.map((axis) => list[axis] ?? 0);
    const sliced = axes.length === 0 ? x : onnx.Slice(x, pick(begin), pick(ends), axes, pick(strides));
    return reshape(sliced, finalShape);
  }),
  Tile: rule<tf.TileInputs, tf.TileAttrs>(({ x }, { reps }) => onnx.Tile(x, reps)),
  Transpose: rule<tf.TransposeInputs, tf.TransposeAttrs>(({ x }, { perm }) => transpose(x, perm)),
  Unpack: rule<tf.UnpackInputs, tf.UnpackAttrs>(({ value }, { axis }) => {
    const along = axisOf(axis, value);
    const shape = value.shape.filter((_, i) => i !== along);
    return split(value, value.shape[along] ?? 1, along).map((part) => reshape(part, shape));
  }),
  ZerosLike: rule<tf.ZerosLikeInputs>(({ x }) => filled(x.shape, 0, x.dtype)),
} satisfies Family;
