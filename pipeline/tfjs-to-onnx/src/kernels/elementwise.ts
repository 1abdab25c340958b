import type { DataType } from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { elementType, type Form, nchw, plain, splat, Value } from '../forms.ts';
import { broadcast, product, type Ref, type Shape, sameShape, type Weight } from '../ir.ts';

type Refs<Operands extends readonly Value[]> = { readonly [I in keyof Operands]: Ref };

/**
 * Combines tensors elementwise in a form that they already have, so that none has to change its form. Splats and single
 * numbers take part as scalars, one number per channel as the form provides for.
 * @param dtype the result's; by default the first operand's
 */
export function elementwise<const Operands extends readonly Value[]>(
  operands: Operands,
  combine: (refs: Refs<Operands>, g: GraphBuilder) => Ref,
  dtype: DataType = operands[0]?.dtype ?? 'float32',
): Value {
  const values: readonly Value[] = operands;
  const combined = (refs: readonly Ref[], g: GraphBuilder) => combine(refs as Refs<Operands>, g);
  const shape = broadcast(...values.map((value) => value.shape));
  const tensors = values.filter((value) => !isScalar(value));
  if (tensors.length === 0) {
    const scalars = (g: GraphBuilder) => values.map((value) => scalar(value, g));
    return new Value(shape, dtype, splat, (g) => combined(scalars(g), g));
  }
  const full = tensors.filter((value) => sameShape(value.shape, shape));
  const partial = tensors.find((value) => !full.includes(value));
  const form = !partial || values.length === 2 ? preferredForm(full) : plain;
  const { withChannels } = form;
  if (form !== plain && withChannels && partial && isPerChannel(partial, shape)) {
    const other = values.find((value) => value !== partial) as Value;
    return new Value(shape, dtype, form, (g) => {
      const [{ shape: given }, channels] = [partial, shape.at(-1) ?? 1];
      const perChannel = g.reshape(
        partial.as(plain, g),
        product(given) === channels ? [channels] : [given[0] ?? 1, channels],
      );
      const inOrder = (x: Ref, vector: Ref) => combined(values[0] === partial ? [vector, x] : [x, vector], g);
      return withChannels(other.as(form, g), perChannel, inOrder, g);
    });
  }
  const common = partial ? plain : form;
  const coversShape = sameShape(shape, broadcast(...tensors.map((value) => value.shape)));
  // With a scalar, ONNX Runtime walks the last axis: many times slower where that has length 1.
  const lastAxisIsOne = common === plain && !partial && tensors.length < values.length && shape.at(-1) === 1;
  return new Value(shape, dtype, common, (g) => {
    const refs = values.map((value) => {
      if (isScalar(value) && coversShape) return scalar(value, g);
      const ref = value.as(common, g);
      return lastAxisIsOne ? g.reshape(ref, withoutLastOnes(shape)) : ref;
    });
    const result = combined(refs, g);
    return lastAxisIsOne ? g.reshape(result, shape) : result;
  });
}

/** A unary operator on each element. */
export const map = (op: OperatorOf<[Ref]>, x: Value, dtype = x.dtype): Value =>
  elementwise([x], ([ref], g) => g[op](ref), dtype);

/** A binary operator on each pair of elements. */
export const combine = (op: OperatorOf<[Ref, Ref]>, a: Value, b: Value, dtype = a.dtype): Value =>
  elementwise([a, b], ([x, y], g) => g[op](x, y), dtype);

export const cast = (x: Value, dtype: DataType): Value =>
  x.dtype === dtype ? x : elementwise([x], ([ref], g) => g.cast(ref, elementType(dtype)), dtype);

/** One number of a tfjs dtype. */
export const number = (g: GraphBuilder, value: number, dtype: DataType): Ref => numbers(g, [value], [], dtype);

/** A constant of a tfjs dtype; a weight's under its name. */
export function numbers(g: GraphBuilder, values: ArrayLike<number>, shape: Shape, dtype: DataType, weight?: Weight) {
  const type = elementType(dtype);
  const data = { float: Float32Array, int32: Int32Array, bool: Uint8Array }[type as 'float' | 'int32' | 'bool'];
  return g.constant(data.from(values), shape, weight?.name, type, weight);
}

const isScalar = (value: Value): boolean => value.has(splat) || product(value.shape) === 1;

const scalar = (value: Value, g: GraphBuilder): Ref =>
  value.has(splat) ? value.as(splat, g) : g.reshape(value.first(g), []);

const withoutLastOnes = (shape: Shape): Shape => shape.slice(0, shape.findLastIndex((d) => d !== 1) + 1);

/** Whether the value has one number per channel, or per image and channel. */
const isPerChannel = ({ shape }: Value, full: Shape): boolean =>
  full.length === 4 &&
  shape.at(-1) === full.at(-1) &&
  (product(shape) === shape.at(-1) || sameShape(shape, [full[0] ?? 1, 1, 1, full[3] ?? 1]));

/** The form that most of the values have; among equals another than plain, which convolutions would not take. */
function preferredForm(values: readonly Value[]): Form {
  const count = (form: Form) => values.filter((value) => value.has(form)).length;
  let best = plain;
  for (const form of new Set(values.flatMap(({ forms }) => forms))) {
    if (form === plain) continue;
    const tie = (best === plain || best === nchw) && count(form) === count(best);
    if (tie || count(form) > count(best)) best = form;
  }
  return best;
}
