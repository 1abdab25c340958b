import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { plain, plainValue, type Value } from '../forms.ts';
import { broadcast, type Ref, sameShape } from '../ir.ts';
import { cast, combine, computed, elementwise, exactType, map } from './elementwise.ts';
import { type Family, rule, type Values } from './rule.ts';

type Binary = tf.BinaryInputs;

/** An operator that integers have too. */
const exact = (op: OperatorOf<[Ref, Ref]>) =>
  rule<Binary>(({ a, b }) => computed([a, b], ([x, y], g) => g[op](x, y), { working: exactType(a, b) }));

/** A comparison, of numbers as they are. */
const compared = (op: OperatorOf<[Ref, Ref]>, { a, b }: Values<Binary>): Value =>
  computed([a, b], ([x, y], g) => g[op](x, y), { dtype: 'bool', working: exactType(a, b) });

const comparison = (op: OperatorOf<[Ref, Ref]>) => rule<Binary>((inputs) => compared(op, inputs));

const logical = (op: OperatorOf<[Ref, Ref]>) =>
  rule<Binary>(({ a, b }) => combine(op, cast(a, 'bool'), cast(b, 'bool'), 'bool'));

/** `Equal` compares booleans as they are. */
const equal = (inputs: Values<Binary>): Value =>
  inputs.a.dtype === 'bool' && inputs.b.dtype === 'bool'
    ? combine('Equal', inputs.a, inputs.b)
    : compared('Equal', inputs);

/**
 * The rest of a / b rounded down, which has the divisor's sign. `Mod` has the dividend's sign, as JavaScript's % has.
 */
function mod(a: Ref, b: Ref, g: GraphBuilder): Ref {
  const [zero, rest] = [g.like(a, 0), g.Mod(a, b, { fmod: 1 })];
  const opposite = g.Xor(g.Less(a, zero), g.Less(b, zero));
  return g.Where(opposite, g.Mod(g.Add(rest, b), b, { fmod: 1 }), rest);
}

/** aᵇ. JavaScript's is NaN for 1 to a power that is not finite, where C's is 1. */
function pow(a: Ref, b: Ref, g: GraphBuilder): Ref {
  const power = g.Pow(a, b);
  if (a.type !== 'float' || b.constant?.every(Number.isFinite)) return power;
  // b − b is 0, or NaN where b is not finite.
  return g.Where(g.Equal(g.Abs(a), g.float(1)), g.Add(power, g.Sub(b, b)), power);
}

/** The angle of the point (x, y): the arc tangent of |y / x|, turned into its quadrant. */
function atan2(y: Ref, x: Ref, g: GraphBuilder): Ref {
  // 1 / −0 is −∞.
  const isNegative = (ref: Ref) => g.Less(g.Add(ref, g.Reciprocal(ref)), g.float(0));
  const [height, width] = [g.Abs(y), g.Abs(x)];
  // 0 / 0 stands for 0 here, ∞ / ∞ for 1.
  const slope = g.Where(g.Equal(height, width), g.Sign(height), g.Div(height, width));
  const angle = g.Atan(slope);
  const above = g.Where(isNegative(x), g.Sub(g.float(Math.PI), angle), angle);
  return g.Where(isNegative(y), g.Neg(above), above);
}

/** A value within bounds; those of integers are truncated, as the results are. */
export function clip(x: Value, low: number, high: number): Value {
  const within = (bound: number) => Math.min(Math.max(bound, -(2 ** 31)), 2 ** 31 - 1);
  return computed(
    [x],
    ([ref], g) => {
      const [min, max] = ref.type === 'int32' ? [within(low), within(high)] : [low, high];
      return g.Clip(ref, g.like(ref, min), g.like(ref, max));
    },
    { working: exactType(x) },
  );
}

/** x, times alpha where it is negative; float32. */
function prelu(x: Value, alpha: Value): Value {
  const times = (ref: Ref, slope: Ref, g: GraphBuilder): Ref =>
    sameShape(broadcast(ref.shape, slope.shape), ref.shape)
      ? g.PRelu(ref, slope)
      : g.Where(g.Less(ref, g.float(0)), g.Mul(slope, ref), ref);
  return computed([x, alpha], ([ref, slope], g) => times(ref, slope, g), { dtype: 'float32', working: 'float' });
}

/** tfjs's fused activations. */
export function activate(
  y: Value,
  activation: string | undefined,
  { alpha = 0.2, prelu: slopes }: { readonly alpha?: number | undefined; readonly prelu?: Value | undefined } = {},
): Value {
  switch (activation) {
    case undefined:
    case 'linear':
      return y;
    case 'relu':
      return computed([y], ([ref], g) => g.Relu(ref), { working: exactType(y) });
    case 'relu6':
      return clip(y, 0, 6);
    case 'elu':
      return computed([y], ([ref], g) => g.Elu(ref));
    case 'sigmoid':
      return computed([y], ([ref], g) => g.Sigmoid(ref));
    case 'leakyrelu':
      return computed([y], ([ref], g) => g.LeakyRelu(ref, { alpha }), { dtype: 'float32', working: 'float' });
    case 'prelu':
      if (slopes) return prelu(y, slopes);
  }
  throw new Error(`activation ${activation} is not lowered; apply it in its own layer`);
}

/** A choice between two values; a condition of rank 1 decides on rows. */
function select(condition: Value, t: Value, e: Value): Value {
  const dtype = backend_util.upcastType(t.dtype, e.dtype);
  const byRow = condition.shape.length === 1 && t.shape.length > 1;
  const shape = t.shape.map((d, axis) => (axis === 0 ? d : 1));
  const rows = plainValue(shape, condition.dtype, (g) => g.reshape(condition.as(plain, g), shape));
  // ONNX Runtime's `Where` takes no booleans.
  const [x, y] = [t, e].map((value) => cast(value, dtype === 'bool' ? 'int32' : dtype)) as [Value, Value];
  const chosen = elementwise(
    [cast(byRow ? rows : condition, 'bool'), x, y],
    ([where, a, b], g) => g.Where(where, a, b),
    x.dtype,
  );
  return cast(chosen, dtype);
}

/** Arithmetic, comparison and logic of two tensors, element by element. */
export const arithmetic = {
  Add: exact('Add'),
  AddN: rule<tf.AddNInputs>((values) =>
    values.reduce((a, b) => computed([a, b], ([x, y], g) => g.Add(x, y), { working: exactType(a, b) })),
  ),
  Atan2: rule<Binary>(({ a, b }) => computed([a, b], ([y, x], g) => atan2(y, x, g), { working: 'float' })),
  BitwiseAnd: rule<Binary>(({ a, b }) => computed([a, b], ([x, y], g) => g.BitwiseAnd(x, y), { working: 'int32' })),
  // Integers are divided in double precision: ONNX Runtime ends the process where it divides them by 0.
  FloorDiv: rule<Binary>(({ a, b }) =>
    computed([a, b], ([x, y], g) => g.Floor(g.Div(x, y)), { dtype: 'int32', working: 'double' }),
  ),
  Maximum: exact('Max'),
  Minimum: exact('Min'),
  Mod: rule<Binary>(({ a, b }) => computed([a, b], ([x, y], g) => mod(x, y, g), { working: 'double' })),
  Multiply: exact('Mul'),
  Pow: rule<Binary>(({ a, b }) => computed([a, b], ([x, y], g) => pow(x, y, g))),
  Prelu: rule<tf.PreluInputs>(({ x, alpha }) => prelu(x, alpha)),
  RealDiv: rule<Binary>(({ a, b }) => computed([a, b], ([x, y], g) => g.Div(x, y))),
  Select: rule<tf.SelectInputs>(({ condition, t, e }) => select(condition, t, e)),
  SquaredDifference: rule<Binary>(({ a, b }) =>
    computed(
      [a, b],
      ([x, y], g) => {
        const difference = g.Sub(x, y);
        return g.Mul(difference, difference);
      },
      { working: exactType(a, b) },
    ),
  ),
  Sub: exact('Sub'),

  Equal: rule<Binary>(equal),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  LogicalXor: logical('Xor'),
  NotEqual: rule<Binary>((inputs) => map('Not', equal(inputs))),
} satisfies Family;
