import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import { backend_util, slice_util, util } from '@tensorflow/tfjs-core';
import type { GraphBuilder, Ref } from '../graph.ts';
import { product } from '../infer.ts';
import { elementType, plain, plainValue, splat, Value } from '../value.ts';

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
