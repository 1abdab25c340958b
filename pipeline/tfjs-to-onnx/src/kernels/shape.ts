import type * as tf from '@tensorflow/tfjs-core';
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import { formOnAxes, nchw, plain, plainValue, splat, Value } from '../forms.ts';
import { product, type Shape, sameShape } from '../ir.ts';
import { cast, number, numbers } from './elementwise.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';

/** The part of tfjs's Tensor that its shape helpers read. */
export const tensorLike = ({ shape, dtype }: Value) =>
  ({ dataId: {}, shape: [...shape], dtype }) as unknown as tf.Tensor;

/** @throws Error where the tensor has no such axis */
export const axisOf = (axis: number, { shape }: Value): number => util.parseAxisParam(axis, [...shape])[0] ?? 0;

export function reshape(x: Value, shape: Shape): Value {
  if (formOnAxes([x]) !== plain && keepsPixels(x.shape, shape)) {
    const channelsFirst = nchw.order(shape.length).map((axis) => shape[axis] ?? 1);
    return new Value(shape, x.dtype, nchw, (g) => g.reshape(x.as(nchw, g), channelsFirst));
  }
  return plainValue(shape, x.dtype, (g) => g.reshape(x.as(plain, g), shape));
}

/** Whether a reshape adds and removes only axes of length 1 between the first and the last one. */
function keepsPixels(from: Shape, to: Shape): boolean {
  const pixels = (shape: Shape) => shape.slice(1, -1).filter((d) => d !== 1);
  const ends = from[0] === to[0] && from.at(-1) === to.at(-1);
  return from.length > 2 && to.length > 2 && ends && sameShape(pixels(from), pixels(to));
}

export const transpose = (x: Value, perm: readonly number[]): Value => {
  const shape = perm.map((axis) => x.shape[axis] ?? 1);
  return plainValue(shape, x.dtype, (g) => g.transpose(x.as(plain, g), perm));
};

/** @param openSizes whether sizes are assumed: the slice is then written even if it is the whole */
export function slice(x: Value, begin: number | number[], size: number | number[], openSizes = false): Value {
  const [from = [], count = []] = slice_util.parseSliceParams(tensorLike(x), begin, size);
  slice_util.assertParamsValid(tensorLike(x), from, count);
  if ([...from, ...count].some((n) => n < 0)) throw new Error(`begin [${from}] is not within [${x.shape}]`);
  const axes = x.shape.flatMap((d, axis) => (openSizes || from[axis] !== 0 || count[axis] !== d ? [axis] : []));
  if (axes.length === 0) return x;
  const starts = axes.map((axis) => from[axis] ?? 0);
  const ends = axes.map((axis) => (from[axis] ?? 0) + (count[axis] ?? 0));
  return onnx.Slice(x, starts, ends, axes);
}

const split = (x: Value, pieces: number | number[], axis: number): readonly Value[] =>
  onnx.Split(x, backend_util.prepareSplitSize(tensorLike(x), pieces, axis), { axis });

/** tfjs leaves parts without elements out. The first part gives the type, unless only one has elements. */
function concat(values: readonly Value[], axis: number): Value {
  const shapes = values.map(({ shape }) => [...shape]);
  const along = util.parseAxisParam(axis, shapes[0] ?? [])[0] ?? 0;
  backend_util.assertParamsConsistent(shapes, along);
  const dtype = values[0]?.dtype ?? 'float32';
  const parts = values.filter(({ shape }) => product(shape) > 0);
  const [first] = parts;
  if (!first) return filled(backend_util.computeOutShape(shapes, along), 0, dtype);
  if (parts.length === 1) return first;
  if (dtype === 'bool' && parts.some((part) => part.dtype !== 'bool')) {
    throw new Error('numbers after booleans; cast them to one type');
  }
  return onnx.Concat(
    parts.map((part) => cast(part, dtype)),
    { axis: along },
  );
}

/** A new axis of length 1 at `axis`, counted from the end where negative. */
export function expandDims(x: Value, axis: number): Value {
  const shape = [...x.shape];
  if (axis < -shape.length - 1 || axis > shape.length) {
    throw new Error(`axis ${axis} is not in [${-shape.length - 1}, ${shape.length}]`);
  }
  shape.splice(axis < 0 ? shape.length + axis + 1 : axis, 0, 1);
  return reshape(x, shape);
}

export function pad(x: Value, paddings: readonly (readonly number[])[], value = 0): Value {
  const pads = [...paddings.map(([before = 0]) => before), ...paddings.map(([, after = 0]) => after)];
  if (pads.some((n) => n < 0)) throw new Error(`paddings [${pads}] are negative; use slice`);
  // ONNX Runtime refuses to pad a tensor without elements.
  if (product(x.shape) === 0) return filled(paddedShape(x.shape, paddings), value, x.dtype);
  return onnx.Pad(x, pads, filled([], value, x.dtype));
}

const paddedShape = (shape: Shape, paddings: readonly (readonly number[])[]): Shape =>
  shape.map((d, axis) => d + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0));

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

/** Elements of one of two tensors of the same type; ONNX Runtime chooses no booleans. */
export function choose(condition: Value, yes: Value, no: Value): Value {
  if (yes.dtype !== 'bool') return onnx.Where(condition, yes, no);
  return cast(onnx.Where(condition, cast(yes, 'int32'), cast(no, 'int32')), 'bool');
}

/** A tensor of one number, kept as that number. */
export function filled(shape: Shape, value: number, dtype: tf.DataType): Value {
  if (dtype === 'bool' && value !== 0 && value !== 1) throw new Error(`${value} is no boolean; use 0 or 1`);
  return new Value(shape, dtype, splat, (g) => number(g, value, dtype));
}

/** `length` numbers from `start` in steps, which tfjs adds one after the other in the result's type. */
export function sequence(start: number, step: number, length: number, dtype: 'float32' | 'int32' | 'bool'): Value {
  return plainValue([length], dtype, (g) => {
    const values = util.makeZerosTypedArray(length, dtype);
    if (length > 0) values[0] = start;
    for (let i = 1; i < length; i++) values[i] = (values[i - 1] ?? 0) + step;
    return numbers(g, values, [length], dtype);
  });
}

/** tfjs's rule for the length and direction of a range, that of its `cpu` backend. */
function range(start: number, stop: number, step: number, dtype: 'float32' | 'int32'): Value {
  const empty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
  const length = empty ? 0 : Math.abs(Math.ceil((stop - start) / step));
  return sequence(start, stop < start && step === 1 ? -1 : step, length, dtype);
}

/** Set where a trace assumes sizes that may be others. */
export interface OpenSizes {
  readonly openSizes?: boolean;
}

/** Reshaping, slicing and joining, and new tensors. */
export const shaping = {
  BroadcastTo: rule<tf.BroadcastToInputs, tf.BroadCastToAttrs>(({ x }, { shape }) => onnx.Expand(x, shape)),
  Concat: rule<tf.ConcatInputs, tf.ConcatAttrs>((values, { axis }) => concat(values, axis)),
  ExpandDims: rule<tf.ExpandDimsInputs, tf.ExpandDimsAttrs>(({ input }, { dim }) => expandDims(input, dim)),
  Fill: rule<unknown, tf.FillAttrs>((_, { shape, value, dtype }) => filled(shape, Number(value), dtype)),
  LinSpace: rule<unknown, tf.LinSpaceAttrs>((_, { start, stop, num }) =>
    sequence(start, (stop - start) / (num - 1), num, 'float32'),
  ),
  MirrorPad: rule<tf.MirrorPadInputs, tf.MirrorPadAttrs>(({ x }, { paddings, mode }) => {
    const border = mode === 'symmetric' ? 1 : 0;
    return paddings.reduce((value, padding, axis) => {
      if (padding.every((n) => n === 0)) return value;
      const size = x.shape[axis] ?? 1;
      if (padding.some((n) => n < 0 || n > size - 1 + border)) {
        throw new Error(`paddings [${padding}] of axis ${axis} are not in [0, ${size - 1 + border}]`);
      }
      const places = mirrored(size, padding, border);
      const indices = plainValue([places.length], 'int32', (g) => g.constant(places));
      return onnx.Gather(value, indices, { axis });
    }, x);
  }),
  OnesLike: rule<tf.OnesLikeInputs>(({ x }) => filled(x.shape, 1, x.dtype)),
  Pack: rule<tf.PackInputs, tf.PackAttrs>((values, { axis }) => {
    const [first] = values;
    const other = values.find(({ shape, dtype }) => !sameShape(shape, first?.shape ?? []) || dtype !== first?.dtype);
    if (other) {
      const found = [first, other].map((value) => `${value?.dtype}[${value?.shape}]`).join(' and ');
      throw new Error(`tensors of one shape and type were expected, found ${found}`);
    }
    const parts = values.map((value) => expandDims(value, axis));
    return concat(parts, axis);
  }),
  PadV2: rule<tf.PadV2Inputs, tf.PadV2Attrs>(({ x }, { paddings, constantValue }) => pad(x, paddings, constantValue)),
  Range: rule<unknown, tf.RangeAttrs>((_, { start, stop, step, dtype }) => range(start, stop, step, dtype)),
  // Gradients of additions reshape to the same shape: that must not cost a change of form.
  Reshape: rule<tf.ReshapeInputs, tf.ReshapeAttrs>(({ x }, { shape }) => {
    const target = util.inferFromImplicitShape(shape, product(x.shape));
    if (product(target) !== product(x.shape)) throw new Error(`[${x.shape}] does not have the size of [${target}]`);
    return sameShape(target, x.shape) ? x : reshape(x, target);
  }),
  Reverse: rule<tf.ReverseInputs, tf.ReverseAttrs>(({ x }, { dims }) => reverse(x, dims)),
  Slice: rule<tf.SliceInputs, tf.SliceAttrs & OpenSizes>(({ x }, { begin, size, openSizes }) =>
    slice(x, begin, size, openSizes),
  ),
  SplitV: rule<tf.SplitVInputs, tf.SplitVAttrs>(({ x }, { numOrSizeSplits, axis }) =>
    split(x, numOrSizeSplits, axisOf(axis, x)),
  ),
  StridedSlice: rule<tf.StridedSliceInputs, tf.StridedSliceAttrs & OpenSizes>(({ x }, attrs) => {
    const { beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attrs;
    const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
    const info = slice_util.sliceInfo([...x.shape], attrs.begin, attrs.end, attrs.strides, ...masks);
    const { begin, end, strides, finalShape } = info;
    if (product(finalShape) === 0 && !attrs.openSizes) return filled(finalShape, 0, x.dtype);
    const changes = (d: number, axis: number) =>
      attrs.openSizes || begin[axis] !== 0 || end[axis] !== d || strides[axis] !== 1;
    const axes = x.shape.flatMap((d, axis) => (changes(d, axis) ? [axis] : []));
    // A negative step may end beyond the first element.
    const ends = end.map((to) => (to < 0 ? -(2 ** 31) : to));
    const pick = (list: readonly number[]) => axes.map((axis) => list[axis] ?? 0);
    const sliced = axes.length === 0 ? x : onnx.Slice(x, pick(begin), pick(ends), axes, pick(strides));
    return reshape(sliced, finalShape);
  }),
  Tile: rule<tf.TileInputs, tf.TileAttrs>(({ x }, { reps }) => (reps.every((n) => n === 1) ? x : onnx.Tile(x, reps))),
  Transpose: rule<tf.TransposeInputs, tf.TransposeAttrs>(({ x }, { perm }) => transpose(x, perm)),
  Unpack: rule<tf.UnpackInputs, tf.UnpackAttrs>(({ value }, { axis }) => {
    const along = axisOf(axis, value);
    const [shape, count] = [value.shape.filter((_, i) => i !== along), value.shape[along] ?? 1];
    return count === 0 ? [] : split(value, count, along).map((part) => reshape(part, shape));
  }),
  ZerosLike: rule<tf.ZerosLikeInputs>(({ x }) => filled(x.shape, 0, x.dtype)),
} satisfies Family;
