import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { each } from '../infer.ts';
import type { Ref } from '../ir.ts';
import { activate, clip } from './arithmetic.ts';
import { cast, computed, elementwise, exactType, map } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';

type Unary = tf.UnaryInputs;
type Formula = (x: Ref, g: GraphBuilder) => Ref;

const unary = (op: OperatorOf<[Ref]>) => rule<Unary>(({ x }) => computed([x], ([ref], g) => g[op](ref)));

/** An operator that ONNX Runtime has for float alone. */
const float = (op: OperatorOf<[Ref]>) =>
  rule<Unary>(({ x }) => computed([x], ([ref], g) => g[op](ref), { working: 'float' }));

/** An operator that integers have too. */
const exact = (op: OperatorOf<[Ref]>) =>
  rule<Unary>(({ x }) => computed([x], ([ref], g) => g[op](ref), { working: exactType(x) }));

/** Rounding, which leaves integers and booleans as they are. */
const rounding = (op: OperatorOf<[Ref]>) => rule<Unary>(({ x }) => (x.dtype === 'float32' ? map(op, x) : x));

/** One formula for float32, and one for integers and booleans, which are computed in double precision. */
const either = (ofFloat: Formula, ofDouble: Formula) =>
  rule<Unary>(({ x }) => computed([x], ([ref], g) => (ref.type === 'float' ? ofFloat : ofDouble)(ref, g)));

/** What holds of float32 numbers alone; `others` is the answer for integers and booleans. */
const predicate = (formula: Formula, others = 0) =>
  rule<Unary>(({ x }) =>
    x.dtype === 'float32' ? elementwise([x], ([ref], g) => formula(ref, g), 'bool') : filled(x.shape, others, 'bool'),
  );

/** The input of the node that made a value, where that is an `op`. */
const argumentOf = (x: Ref, op: string): Ref | undefined => (x.producer?.op === op ? x.producer.inputs[0] : undefined);

/**
 * exp(x) − 1 as 2·sinh(x/2)·exp(x/2), which has no difference of near numbers. Below −100 it is −1, and the product
 * would be ∞ · 0.
 */
function expm1(x: Ref, g: GraphBuilder): Ref {
  const half = g.Mul(g.Max(x, g.float(-100)), g.float(0.5));
  return g.Mul(g.Mul(g.Sinh(half), g.float(2)), g.Exp(half));
}

/**
 * log(1 + x) with what the sum loses of x (Kahan): log(u) + (x − (u − 1)) / u for u = 1 + x. Nothing is lost below −½,
 * and nothing that matters above 10⁶. Of an exponential it is a hand-written softplus, as good without, and faster.
 */
function log1p(x: Ref, g: GraphBuilder): Ref {
  const one = g.float(1);
  const logarithm = g.Log(g.Add(x, one));
  if (argumentOf(x, 'Exp')) return logarithm;
  const near = g.Clip(x, g.float(-0.5), g.float(1e6));
  const sum = g.Add(near, one);
  return g.Add(logarithm, g.Div(g.Sub(near, g.Sub(sum, one)), sum));
}

/** log(x). ONNX Runtime's sigmoid is 0 below −18, where its logarithm is not. */
function log(x: Ref, g: GraphBuilder): Ref {
  const logit = argumentOf(x, 'Sigmoid');
  return logit ? g.Neg(g.Softplus(g.Neg(logit))) : g.Log(x);
}

/** 1, 0 or −1; 0 for NaN, where ONNX's `Sign` is NaN. */
const sign: Formula = (x, g) => {
  const zero = g.like(x, 0);
  return g.Sub(g.cast(g.Greater(x, zero), 'float'), g.cast(g.Less(x, zero), 'float'));
};

/** scale·x, or scale·alpha·(exp(x) − 1) where x < 0. */
function selu(x: Ref, g: GraphBuilder): Ref {
  const [scale, scaleAlpha] = [1.0507009873554805, 1.7580993408473768].map((factor) => g.like(x, factor));
  const below = g.Sub(g.Exp(g.Min(x, g.like(x, 0))), g.like(x, 1));
  return g.Add(g.Mul(g.Relu(x), scale as Ref), g.Mul(below, scaleAlpha as Ref));
}

/**
 * 1 where x > 0, else alpha. `Where` and `Sign` are several times slower than `Ceil` and `Clip`, but with a large alpha
 * a sum of 1 − alpha and alpha is not 1.
 */
function step(x: Ref, alpha: number, g: GraphBuilder): Ref {
  const [whole, zero, one] = [x.type === 'int32', g.like(x, 0), g.like(x, 1)];
  const slope = whole ? Math.trunc(alpha) : alpha;
  if (Math.abs(alpha) <= 2) {
    const positive = g.Clip(whole ? x : g.Ceil(x), zero, one);
    return slope === 0 ? positive : g.Add(g.Mul(positive, g.like(x, 1 - slope)), g.like(x, slope));
  }
  const below = g.like(x, slope);
  return g.Where(g.Greater(x, zero), one, whole ? below : g.Where(g.IsNaN(x), x, below));
}

/** Functions of one tensor. */
export const functions = {
  ...each('Cos Elu Reciprocal Sigmoid Sin Sqrt', unary),
  ...each('Acos Acosh Asin Asinh Atan Atanh Cosh Erf', float),
  ...each('Abs Neg Relu', exact),
  ...each('Ceil Floor Round', rounding),
  Cast: rule<tf.CastInputs, tf.CastAttrs>(({ x }, { dtype }) => cast(x, dtype)),
  ClipByValue: rule<tf.ClipByValueInputs, tf.ClipByValueAttrs>(({ x }, { clipValueMin, clipValueMax }) =>
    clip(x, clipValueMin, clipValueMax),
  ),
  // 1 where y ≥ 0, else exp(x) = y + 1
  EluGrad: rule<tf.EluGradInputs>(({ dy, y }) =>
    computed([dy, y], ([d, v], g) => g.Mul(d, g.Add(g.Min(v, g.float(0)), g.float(1))), {
      dtype: 'float32',
      working: 'float',
    }),
  ),
  Exp: rule<Unary>(({ x }) => computed([x], ([ref], g) => g.Exp(ref), { dtype: 'float32' })),
  Expm1: either(expm1, (x, g) => g.Sub(g.Exp(x), g.like(x, 1))),
  Identity: rule<tf.IdentityInputs>(({ x }) => x),
  IsFinite: predicate((x, g) => g.Not(g.Or(g.IsNaN(x), g.IsInf(x))), 1),
  IsInf: predicate((x, g) => g.IsInf(x)),
  IsNan: predicate((x, g) => g.IsNaN(x)),
  LeakyRelu: rule<tf.LeakyReluInputs, tf.LeakyReluAttrs>(({ x }, attrs) => activate(x, 'leakyrelu', attrs)),
  Log: either(log, (x, g) => g.Log(x)),
  Log1p: either(log1p, (x, g) => g.Log(g.Add(x, g.like(x, 1)))),
  LogicalNot: rule<Unary>(({ x }) => map('Not', cast(x, 'bool'))),
  Relu6: rule<Unary>(({ x }) => clip(x, 0, 6)),
  Rsqrt: rule<Unary>(({ x }) => computed([x], ([ref], g) => g.Reciprocal(g.Sqrt(ref)))),
  Selu: either((x, g) => g.Selu(x), selu),
  Sign: either(sign, (x, g) => g.Sign(x)),
  Sinh: either(
    (x, g) => g.Sinh(x),
    (x, g) => g.Mul(g.Sub(g.Exp(x), g.Exp(g.Neg(x))), g.like(x, 0.5)),
  ),
  // In double, ONNX Runtime's overflows.
  Softplus: either(
    (x, g) => g.Softplus(x),
    (x, g) => g.Add(g.Relu(x), g.Log(g.Add(g.Exp(g.Neg(g.Abs(x))), g.like(x, 1)))),
  ),
  Square: rule<Unary>(({ x }) => computed([x], ([ref], g) => g.Mul(ref, ref), { working: exactType(x) })),
  Step: rule<tf.StepInputs, tf.StepAttrs>(({ x }, { alpha }) =>
    computed([x], ([ref], g) => step(ref, alpha, g), { working: exactType(x) }),
  ),
  // Of a scalar, ONNX Runtime makes a Gelu that it then refuses to run.
  Tanh: rule<Unary>(({ x }) =>
    computed([x], ([ref], g) => (ref.shape.length === 0 ? g.reshape(g.Tanh(g.reshape(ref, [1])), []) : g.Tanh(ref))),
  ),
  // Near its poles the float of ONNX Runtime's library is not the nearest one.
  Tan: rule<Unary>(({ x }) => computed([x], ([ref], g) => g.Div(g.Sin(ref), g.Cos(ref)), { working: 'double' })),
} satisfies Family;
