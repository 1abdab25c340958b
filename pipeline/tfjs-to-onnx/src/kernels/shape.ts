import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import { elementType, plain, plainValue, splat, Value } from '../forms.ts';
import type { GraphBuilder, Ref } from '../graph.ts';
import { product } from '../infer.ts';

/** The part of tfjs's TensorInfo that its shape helpers read. */
const info = ({ shape, dtype }: Value): TensorInfo => ({ dataId: {}, shape: [...shape], dtype });

export function slice(g: GraphBuilder, x: Value, begin: number | number[], size: number | number[]): Value {
  const [from = [], count = []] = slice_util.parseSliceParams(info(x), begin, size);
  const axes = x.shape.map((_, axis) => axis).filter((axis) => from[axis] !== 0 || count[axis] !== x.shape[axis]);
  if (axes.length === 0) return x;
  const starts = axes.map((axis) => from[axis] ?? 0);
  const ends = axes.map((axis) => (from[axis] ?? 0) + (count[axis] ?? 0));
  return plainValue(g.op('Slice', [x.as(plain, g), g.ints(starts), g.ints(ends), g.ints(axes)]));
}

interface StridedSlice {
  readonly begin: number[];
  readonly end: number[];
  readonly strides: number[];
  readonly beginMask: number;
  readonly endMask: number;
  readonly ellipsisMask: number;
  readonly newAxisMask: number;
  readonly shrinkAxisMask: number;
}

export function stridedSlice(g: GraphBuilder, x: Value, attrs: StridedSlice): Value {
  const { begin, end, strides, finalShape } = slice_util.sliceInfo(
    [...x.shape],
    attrs.begin,
    attrs.end,
    attrs.strides,
    attrs.beginMask,
    attrs.endMask,
    attrs.ellipsisMask,
    attrs.newAxisMask,
    attrs.shrinkAxisMask,
  );
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => {
      return begin[axis] !== 0 || end[axis] !== x.shape[axis] || strides[axis] !== 1;
    });
  // A step back beyond the first element ends "as far as it goes".
  const ends = axes.map((axis) => ((end[axis] ?? 0) < 0 ? -(2 ** 31) : (end[axis] ?? 0)));
  const pick = (list: readonly number[]) => g.ints(axes.map((axis) => list[axis] ?? 0));
  const sliced =
    axes.length === 0
      ? x.as(plain, g)
      : g.op('Slice', [x.as(plain, g), pick(begin), g.ints(ends), g.ints(axes), pick(strides)]);
  return plainValue(g.reshape(sliced, finalShape));
}

/** `pieces` along `axis`: a number of equal ones, or their sizes. */
export function split(g: GraphBuilder, x: Value, pieces: number | number[], axis: number): Value[] {
  const [along = 0] = util.parseAxisParam(axis, [...x.shape]);
  const sizes = backend_util.prepareSplitSize(
    info(x) as Parameters<typeof backend_util.prepareSplitSize>[0],
    pieces,
    along,
  );
  return g.ops('Split', [x.as(plain, g), g.ints(sizes)], { axis: along }).map(plainValue);
}

export function concat(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  const parts = values.filter(({ shape }) => product(shape) > 0);
  const [along = 0] = util.parseAxisParam(axis, [...(values[0]?.shape ?? [])]);
  if (parts.length < 2) return parts[0] ?? (values[0] as Value);
  return plainValue(
    g.op(
      'Concat',
      parts.map((value) => value.as(plain, g)),
      { axis: along },
    ),
  );
}

/** A new axis of length 1 at `axis`, counted from the end where negative. */
export function expandDims(g: GraphBuilder, x: Value, axis: number): Ref {
  const shape = [...x.shape];
  shape.splice(axis < 0 ? shape.length + axis + 1 : axis, 0, 1);
  return g.reshape(x.as(plain, g), shape);
}

export function pack(g: GraphBuilder, values: readonly Value[], axis: number): Value {
  return concat(
    g,
    values.map((value) => plainValue(expandDims(g, value, axis))),
    axis,
  );
}

export function unpack(g: GraphBuilder, x: Value, axis: number): Value[] {
  const [along = 0] = util.parseAxisParam(axis, [...x.shape]);
  const shape = x.shape.filter((_, i) => i !== along);
  return split(g, x, x.shape[along] ?? 1, along).map((part) => plainValue(g.reshape(part.as(plain, g), shape)));
}

export function pad(g: GraphBuilder, x: Value, paddings: readonly [number, number][], value: number): Value {
  const pads = [...paddings.map(([before]) => before), ...paddings.map(([, after]) => after)];
  return plainValue(g.op('Pad', [x.as(plain, g), g.ints(pads), numbers(g, [value], [], x.dtype)]));
}

/** Pads with what is inside, mirrored at the border: with the border itself ('symmetric') or without it. */
export function mirrorPad(
  g: GraphBuilder,
  x: Value,
  paddings: readonly [number, number][],
  mode: 'reflect' | 'symmetric',
): Value {
  const border = mode === 'symmetric' ? 1 : 0;
  const padded = paddings.reduce(
    (ref, [before, after], axis) => {
      const size = x.shape[axis] ?? 1;
      if (before === 0 && after === 0) return ref;
      const mirrored = Array.from({ length: before + size + after }, (_, at) => {
        const i = at - before;
        if (i < 0) return -i - border;
        return i < size ? i : 2 * (size - 1) - i + border;
      });
      return g.op('Gather', [ref, g.constant(Int32Array.from(mirrored))], { axis });
    },
    x.as(plain, g),
  );
  return plainValue(padded);
}

export function reverse(g: GraphBuilder, x: Value, dims: number | number[]): Value {
  const axes = util.parseAxisParam(dims, [...x.shape]);
  if (axes.length === 0) return x;
  const all = (n: number) => g.ints(axes.map(() => n));
  return plainValue(g.op('Slice', [x.as(plain, g), all(-1), all(-(2 ** 31)), g.ints(axes), all(-1)]));
}

/**
 * One-hot rows by comparison with 0 … depth − 1: unlike ONNX's `OneHot` it takes int32 on every execution provider,
 * and gives `off` for an index outside.
 */
export function oneHot(
  g: GraphBuilder,
  indices: Value,
  depth: number,
  on: number,
  off: number,
  dtype: DataType,
): Value {
  const classes = g.constant(Int32Array.from({ length: depth }, (_, i) => i));
  const hit = g.op('Equal', [expandDims(g, indices, -1), classes]);
  if (on === 1 && off === 0) return plainValue(g.cast(hit, elementType(dtype)));
  return plainValue(g.op('Where', [hit, numbers(g, [on], [], dtype), numbers(g, [off], [], dtype)]));
}

/** A tensor of one number, kept as that number. */
export const filled = (g: GraphBuilder, shape: readonly number[], value: number, dtype: DataType): Value =>
  new Value(shape, dtype, splat, numbers(g, [value], [], dtype));

/** A constant of a tfjs dtype. */
export function numbers(
  g: GraphBuilder,
  values: ArrayLike<number>,
  shape: readonly number[],
  dtype: DataType,
  name?: string,
): Ref {
  const type = elementType(dtype);
  if (type === 'float') return g.constant(Float32Array.from(values), shape, name);
  return type === 'bool'
    ? g.constant(Uint8Array.from(values), shape, name, 'bool')
    : g.constant(Int32Array.from(values), shape, name);
}

/** start, start + step … below stop. */
export function range(g: GraphBuilder, start: number, stop: number, step: number, dtype: DataType): Value {
  const length = Math.max(0, Math.ceil((stop - start) / step));
  const values = Array.from({ length }, (_, i) => start + i * step);
  return plainValue(numbers(g, values, [length], dtype));
}

/** `count` numbers from start to stop, both included. */
export function linspace(g: GraphBuilder, start: number, stop: number, count: number): Value {
  const step = (stop - start) / Math.max(1, count - 1);
  const values = Array.from({ length: count }, (_, i) => start + i * step);
  return plainValue(numbers(g, values, [count], 'float32'));
}
