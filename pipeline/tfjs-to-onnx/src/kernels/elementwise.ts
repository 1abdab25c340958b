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
  if (product(shape) === 0) return new Value(shape, dtype, splat, (g) => number(g, 0, dtype));
  const tensors = values.filter((value) => !isScalar(value));
  if (tensors.length === 0) {
    const scalars = (g: GraphBuilder) => values.map((value) => scalar(value, g));
    return new Value(shape, dtype, splat, (g) => combined(scalars(g), g));
  }
  const full = tensors.filter((value) => sameShape(value.shape, shape));
  const partial = tensors.find((value) => !full.includes(value));
  const preferred = preferredForm(full);
  const form = !partial || values.length === 2 || preferred.order ? preferred : plain;
  const { withChannels } = form;
  if (form !== plain && withChannels && partial && values.length === 2 && isPerChannel(partial, shape)) {
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
  const common = partial && !form.order ? plain : form;
  const coversShape = sameShape(shape, broadcast(...tensors.map((value) => value.shape)));
  // With a scalar, ONNX Runtime walks the last axis: many times slower where that has length 1.
  const lastAxisIsOne = common === plain && !partial && tensors.length < values.length && shape.at(-1) === 1;
  const { apart, together } = common;
  return new Value(shape, dtype, common, (g) => {
    const byParts = (refs: readonly Ref[]): Ref => {
      if (!apart || !together) return combined(refs, g);
      const parts = refs.map((ref, i) => (isScalar(values[i] as Value) ? undefined : apart(ref, g)));
      const count = parts.find((list) => list)?.length ?? 0;
      return together(
        Array.from({ length: count }, (_, part) =>
          combined(
            refs.map((ref, i) => parts[i]?.[part] ?? ref),
            g,
          ),
        ),
        g,
      );
    };
    const refs = values.map((value) => {
      if (isScalar(value) && coversShape) return scalar(value, g);
      const ref = (common === plain ? value : inRank(value, shape.length)).as(common, g);
      return lastAxisIsOne ? g.reshape(ref, withoutLastOnes(shape)) : ref;
    });
    const result = byParts(refs);
    return lastAxisIsOne ? g.reshape(result, shape) : result;
  });
}

/** The value with axes of length 1 before its own: broadcasting adds them, and then their order may change. */
function inRank(value: Value, rank: number): Value {
  const missing = rank - value.shape.length;
  if (missing === 0) return value;
  const shape = [...new Array<number>(missing).fill(1), ...value.shape];
  return new Value(shape, value.dtype, plain, (g) => g.reshape(value.as(plain, g), shape));
}

/** A unary operator on each element. */
export const map = (op: OperatorOf<[Ref]>, x: Value, dtype = x.dtype): Value =>
  elementwise([x], ([ref], g) => g[op](ref), dtype);

/** A binary operator on each pair of elements, which have one dtype. */
export const combine = (op: OperatorOf<[Ref, Ref]>, a: Value, b: Value, dtype = a.dtype): Value =>
  elementwise([a, b], ([x, y], g) => g[op](x, y), dtype);

/** Element types that kernels compute in. */
type Working = 'float' | 'double' | 'int32';

/**
 * Computes elementwise as tfjs's `cpu` does: in double precision, and stored as a typed array of the result's dtype
 * stores numbers. Of float32 alone, float gives the same, except where a kernel asks for double.
 */
export function computed<const Operands extends readonly Value[]>(
  operands: Operands,
  combine: (refs: Refs<Operands>, g: GraphBuilder) => Ref,
  { dtype = operands[0]?.dtype ?? 'float32', working = workingType(operands) }: Stored = {},
): Value {
  const typed = (refs: Refs<Operands>, g: GraphBuilder) => refs.map((ref) => g.cast(ref, working)) as Refs<Operands>;
  return elementwise(operands, (refs, g) => stored(g, combine(typed(refs, g), g), dtype), dtype);
}

interface Stored {
  readonly dtype?: DataType;
  readonly working?: Working;
}

/** float or double, by whether all operands are float32. */
const workingType = (operands: readonly Value[]): Working =>
  operands.every(({ dtype }) => dtype === 'float32') ? 'float' : 'double';

/** int32 for integers and booleans, which have the same sums, products and order as in double precision. */
export const exactType = (...operands: readonly Value[]): Working =>
  operands.some(({ dtype }) => dtype === 'float32') ? workingType(operands) : 'int32';

/** A number as a typed array of a dtype stores it; booleans are what is not 0 when stored as an integer. */
export function stored(g: GraphBuilder, x: Ref, dtype: DataType): Ref {
  if (dtype === 'float32') return g.cast(x, 'float');
  const whole = x.type === 'bool' ? x : truncated(g, x);
  return g.cast(whole, elementType(dtype));
}

/**
 * The int32 that JavaScript makes of a number: truncated, modulo 2³², and 0 where it is not finite. A cast of NaN to
 * int64 gives a number whose lowest 32 bits are 0. Between two casts, ONNX Runtime would drop the first; it keeps the
 * mask.
 */
function truncated(g: GraphBuilder, x: Ref): Ref {
  if (x.type !== 'float' && x.type !== 'double') return g.cast(x, 'int32');
  const whole = g.cast(g.Mod(x, g.like(x, 2 ** 32), { fmod: 1 }), 'int64');
  return g.cast(g.BitwiseAnd(whole, g.constant(BigInt64Array.of(2n ** 32n - 1n), [])), 'int32');
}

/** tfjs's cast: numbers to booleans by whether they differ from 0, to integers as typed arrays store them. */
export function cast(x: Value, dtype: DataType): Value {
  if (x.dtype === dtype) return x;
  return elementwise([x], ([ref], g) => (dtype === 'bool' ? g.cast(ref, 'bool') : stored(g, ref, dtype)), dtype);
}

export const float = (x: Value): Value => cast(x, 'float32');

/** @throws Error for integers and booleans, to which some kernels of tfjs give fractions */
export function requireFloat({ dtype }: Value): void {
  if (dtype !== 'float32') throw new Error(`${dtype} is not lowered: tfjs rounds nothing there; use float32`);
}

/** One number of a tfjs dtype. */
export const number = (g: GraphBuilder, value: number, dtype: DataType): Ref => numbers(g, [value], [], dtype);

/** A constant of a tfjs dtype. */
export function numbers(
  g: GraphBuilder,
  values: ArrayLike<number>,
  shape: Shape,
  dtype: DataType,
  weight?: Weight,
  name?: string,
): Ref {
  const type = elementType(dtype);
  const data = { float: Float32Array, int32: Int32Array, bool: Uint8Array }[type as 'float' | 'int32' | 'bool'];
  return g.constant(values instanceof data ? values : data.from(values), shape, name, type, weight);
}

const isScalar = (value: Value): boolean => value.has(splat) || product(value.shape) === 1;

const scalar = (value: Value, g: GraphBuilder): Ref =>
  value.has(splat) ? value.as(splat, g) : g.reshape(value.first(g), []);

const withoutLastOnes = (shape: Shape): Shape => shape.slice(0, shape.findLastIndex((d) => d !== 1) + 1);

/** Whether the value has one number per channel, or per image and channel. */
const isPerChannel = ({ shape }: Value, full: Shape): boolean =>
  full.length > 2 &&
  shape.at(-1) === full.at(-1) &&
  (product(shape) === shape.at(-1) ||
    sameShape(shape, [full[0] ?? 1, ...full.slice(1, -1).map(() => 1), full.at(-1) ?? 1]));

/** The form that most of the values have; among equals another than plain, which convolutions would not take. */
function preferredForm(values: readonly Value[]): Form {
  const count = (form: Form) => values.filter((value) => value.has(form)).length;
  let best: Form = plain;
  for (const form of new Set(values.flatMap(({ forms }) => forms))) {
    if (form === plain) continue;
    const tie = (best === plain || best === nchw) && count(form) === count(best);
    if (tie || count(form) > count(best)) best = form;
  }
  return best;
}
