import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { elementType, plain, plainValue, type Value } from '../forms.ts';
import { each } from '../infer.ts';
import type { Ref } from '../ir.ts';
import { cast, combine, elementwise, map, number } from './elementwise.ts';
import { type Family, rule } from './rule.ts';

type Unary = tf.UnaryInputs;
type Binary = tf.BinaryInputs;

const unary = (op: OperatorOf<[Ref]>) => rule<Unary>(({ x }) => map(op, x));
const predicate = (op: OperatorOf<[Ref]>) => rule<Unary>(({ x }) => map(op, x, 'bool'));

/** ONNX has no arithmetic of booleans. */
const boolAsInt = (x: Value): Value => (x.dtype === 'bool' ? cast(x, 'int32') : x);

const binary = (op: OperatorOf<[Ref, Ref]>) =>
  rule<Binary>(({ a, b }) => cast(combine(op, boolAsInt(a), boolAsInt(b)), a.dtype));

const comparison = (op: OperatorOf<[Ref, Ref]>) =>
  rule<Binary>(({ a, b }) => combine(op, boolAsInt(a), boolAsInt(b), 'bool'));

/** An operator that takes booleans too. */
const logical = (op: OperatorOf<[Ref, Ref]>) => rule<Binary>(({ a, b }) => combine(op, a, b, 'bool'));

/** a / b rounded down. ONNX divides integers towards zero. */
function floorQuotient(g: GraphBuilder, a: Ref, b: Ref): Ref {
  const quotient = g.Div(a, b);
  if (a.type === 'float') return g.Floor(quotient);
  const rest = g.Sub(a, g.Mul(quotient, b));
  const opposite = g.Less(g.Mul(rest, b), number(g, 0, 'int32'));
  return g.Sub(quotient, g.cast(opposite, 'int32'));
}

const clip = (x: Value, low: number, high: number): Value =>
  elementwise([x], ([ref], g) => g.Clip(ref, number(g, low, x.dtype), number(g, high, x.dtype)));

/** tfjs's fused activations. */
export function activate(
  y: Value,
  activation: string | undefined,
  { alpha = 0.2, prelu }: { readonly alpha?: number | undefined; readonly prelu?: Value | undefined } = {},
): Value {
  switch (activation) {
    case undefined:
    case 'linear':
      return y;
    case 'relu':
      return map('Relu', y);
    case 'relu6':
      return clip(y, 0, 6);
    case 'elu':
      return map('Elu', y);
    case 'sigmoid':
      return map('Sigmoid', y);
    case 'leakyrelu':
      return elementwise([y], ([ref], g) => g.LeakyRelu(ref, { alpha }));
    case 'prelu':
      if (prelu) return combine('PRelu', y, prelu);
  }
  throw new Error(`activation ${activation} is not lowered; apply it in its own layer`);
}

/** Arithmetic, comparison and logic, element by element. */
export const arithmetic = {
  ...each('Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Elu Erf Exp Floor Log Neg', unary),
  ...each('Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh Softplus Sqrt Tan Tanh', unary),
  ClipByValue: rule<tf.ClipByValueInputs, tf.ClipByValueAttrs>(({ x }, { clipValueMin, clipValueMax }) =>
    clip(x, clipValueMin, clipValueMax),
  ),
  // 1 where y ≥ 0, else exp(x) = y + 1
  EluGrad: rule<tf.EluGradInputs>(({ dy, y }) =>
    elementwise([dy, y], ([d, v], g) => g.Mul(d, g.Add(g.Min(v, g.float(0)), g.float(1)))),
  ),
  Expm1: rule<Unary>(({ x }) => elementwise([x], ([ref], g) => g.Sub(g.Exp(ref), g.float(1)))),
  IsFinite: rule<Unary>(({ x }) => elementwise([x], ([ref], g) => g.Not(g.Or(g.IsNaN(ref), g.IsInf(ref))), 'bool')),
  IsInf: predicate('IsInf'),
  IsNan: predicate('IsNaN'),
  LeakyRelu: rule<tf.LeakyReluInputs, tf.LeakyReluAttrs>(({ x }, attrs) => activate(x, 'leakyrelu', attrs)),
  Log1p: rule<Unary>(({ x }) => elementwise([x], ([ref], g) => g.Log(g.Add(ref, g.float(1))))),
  LogicalNot: unary('Not'),
  Relu6: rule<Unary>(({ x }) => clip(x, 0, 6)),
  Rsqrt: rule<Unary>(({ x }) => elementwise([x], ([ref], g) => g.Reciprocal(g.Sqrt(ref)))),
  Square: rule<Unary>(({ x }) => elementwise([x], ([ref], g) => g.Mul(ref, ref))),
  // 1 where x > 0, else alpha; `Where` and `Sign` are several times slower.
  Step: rule<tf.StepInputs, tf.StepAttrs>(({ x }, { alpha }) =>
    elementwise([x], ([ref], g) => {
      const positive = g.cast(g.Greater(ref, number(g, 0, x.dtype)), elementType(x.dtype));
      if (alpha === 0) return positive;
      const slope = number(g, alpha, x.dtype);
      return g.Add(g.Mul(positive, number(g, 1 - alpha, x.dtype)), slope);
    }),
  ),

  Add: binary('Add'),
  AddN: rule<tf.AddNInputs>((values) => values.reduce((a, b) => combine('Add', a, b))),
  // An arc tangent, half a turn further where x < 0.
  Atan2: rule<Binary>(({ a, b }) =>
    elementwise([a, b], ([y, x], g) => {
      const zero = g.float(0);
      const side = g.Where(g.Less(y, zero), g.float(-Math.PI), g.float(Math.PI));
      const turn = g.Where(g.Less(x, zero), side, zero);
      const slope = g.Atan(g.Div(y, x));
      // 0 / 0 is no slope; tfjs gives 0 there.
      return g.Add(g.Where(g.Equal(y, zero), zero, slope), turn);
    }),
  ),
  FloorDiv: rule<Binary>(({ a, b }) =>
    elementwise([a, b], ([x, y], g) => g.cast(floorQuotient(g, x, y), 'int32'), 'int32'),
  ),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  // The rest of a division rounded down has the divisor's sign.
  Mod: rule<Binary>(({ a, b }) => elementwise([a, b], ([x, y], g) => g.Sub(x, g.Mul(floorQuotient(g, x, y), y)))),
  Multiply: binary('Mul'),
  Pow: binary('Pow'),
  Prelu: rule<tf.PreluInputs>(({ x, alpha }) => combine('PRelu', x, alpha)),
  RealDiv: binary('Div'),
  // A condition of rank 1 decides on rows.
  Select: rule<tf.SelectInputs>(({ condition, t, e }) => {
    const byRow = condition.shape.length === 1 && t.shape.length > 1;
    const shape = t.shape.map((d, axis) => (axis === 0 ? d : 1));
    const rows = plainValue(shape, 'bool', (g) => g.reshape(condition.as(plain, g), shape));
    return elementwise([byRow ? rows : condition, t, e], ([where, x, y], g) => g.Where(where, x, y), t.dtype);
  }),
  SquaredDifference: rule<Binary>(({ a, b }) =>
    elementwise([a, b], ([x, y], g) => {
      const difference = g.Sub(x, y);
      return g.Mul(difference, difference);
    }),
  ),
  Sub: binary('Sub'),

  Equal: logical('Equal'),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  NotEqual: rule<Binary>(({ a, b }) => elementwise([a, b], ([x, y], g) => g.Not(g.Equal(x, y)), 'bool')),

  Cast: rule<tf.CastInputs, tf.CastAttrs>(({ x }, { dtype }) => cast(x, dtype)),
  Identity: rule<tf.IdentityInputs>(({ x }) => x),
} satisfies Family;
