import type * as tf from '@tensorflow/tfjs-core';
import { util } from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { formOnAxes, inverse, plain, plainValue, splat, Value } from '../forms.ts';
import { type ElementType, product, type Ref, sameShape } from '../ir.ts';
import { cast, combine, elementwise, float, requireFloat, stored } from './elementwise.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { axisOf, filled } from './shape.ts';

type Reduction = OperatorOf<[Ref, Ref | undefined, { keepdims: number }]> & `Reduce${string}`;
type Inputs = Pick<tf.NamedTensorInfoMap, 'x'>;
export interface ReduceAttrs {
  readonly axis: number | number[];
  readonly keepDims: boolean;
}

interface ReduceOptions {
  /** The result of reducing no elements. */
  readonly nothing?: number;
  /** The type that it is computed in, by default the tensor's. */
  readonly working?: 'double' | 'int64' | undefined;
}

/** Reduces over axes; a full reduction takes the tensor in whatever form it has. */
function reduce(
  op: Reduction,
  x: Value,
  { axis, keepDims }: ReduceAttrs,
  { nothing = 0, working }: ReduceOptions = {},
): Value {
  const axes = util.parseAxisParam(axis, [...x.shape]);
  const ones = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const shape = keepDims ? ones : x.shape.filter((_, i) => !axes.includes(i));
  if (product(x.shape) === 0) return filled(shape, nothing, x.dtype);
  if (axes.length === 0) return x;
  const inForm = keepDims && !working ? reducedInForm(op, x, axes, ones) : undefined;
  if (inForm) return inForm;
  return plainValue(shape, x.dtype, (g) => {
    const result = working ? inType(g, op, x, axes, working) : reduced(g, op, x, axes);
    return g.reshape(stored(g, result, x.dtype), shape);
  });
}

const inType = (g: GraphBuilder, op: Reduction, x: Value, axes: readonly number[], working: ElementType): Ref =>
  g[op](g.cast(x.as(plain, g), working), g.ints(axes), { keepdims: 0 });

/** A reduction that keeps all axes, and therefore channels first where x is that. */
function reducedInForm(op: Reduction, x: Value, axes: readonly number[], shape: readonly number[]): Value | undefined {
  const form = formOnAxes([x]);
  if (form === plain || axes.length === shape.length) return undefined;
  const places = inverse(form.order(shape.length));
  const along = axes.map((axis) => places[axis] ?? axis).sort((a, b) => a - b);
  return new Value(shape, x.dtype, form, (g) =>
    stored(g, g[op](x.as(form, g), g.ints(along), { keepdims: 1 }), x.dtype),
  );
}

function reduced(g: GraphBuilder, op: Reduction, x: Value, axes: readonly number[]): Ref {
  if (axes.length === x.shape.length) {
    const form = x.forms.find((one) => one !== splat) ?? plain;
    return g[op](x.as(form, g), undefined, { keepdims: 0 });
  }
  if (op === 'ReduceSum' && x.shape.length === 4 && sameShape(axes, [0, 1, 2])) {
    const form = x.forms.find(({ channelSums }) => channelSums);
    if (form?.channelSums) return form.channelSums(x.as(form, g), g);
  }
  if (op === 'ReduceSum' && x.shape.length === 4 && sameShape(axes, [1, 2])) {
    const form = x.forms.find(({ pixelSums }) => pixelSums);
    if (form?.pixelSums) return form.pixelSums(x.as(form, g), g);
  }
  const form = formOnAxes([x]);
  const order = form.order(x.shape.length);
  // Channels first only if what is left has the order of tfjs.
  const left = order.filter((axis) => !axes.includes(axis));
  if (form === plain || left.some((axis, i) => i > 0 && axis < (left[i - 1] ?? 0))) {
    return g[op](x.as(plain, g), g.ints(axes), { keepdims: 0 });
  }
  const places = inverse(order);
  return g[op](x.as(form, g), g.ints(axes.map((axis) => places[axis] ?? axis).sort((a, b) => a - b)), { keepdims: 0 });
}

const numeric = (x: Value): Value => (x.dtype === 'bool' ? cast(x, 'int32') : x);

const logical = (op: Reduction) =>
  rule<Inputs, ReduceAttrs>(({ x }, attrs) => cast(reduce(op, cast(numeric(x), 'int32'), attrs), x.dtype));

/** The largest or smallest number, NaN where there is one: ONNX Runtime drops NaN, a sum of zeros and NaN keeps it. */
function extreme(op: Reduction, x: Value, attrs: ReduceAttrs): Value {
  if (x.dtype !== 'float32') return cast(reduce(op, numeric(x), attrs), x.dtype);
  const found = reduce(op, x, attrs, { nothing: Number.NaN });
  const zeros = elementwise([x], ([ref], g) => g.Clip(ref, g.float(0), g.float(0)));
  return combine('Add', found, reduce('ReduceSum', zeros, attrs));
}

/**
 * Position of the first largest or smallest element along an axis, int32. As in tfjs, nothing is larger or smaller than
 * a NaN in the first place, and NaN elsewhere is passed over.
 */
const argReduction = (op: 'ArgMax' | 'ArgMin') =>
  rule<Inputs, { readonly axis: number }>(({ x }, { axis }) => {
    const along = axisOf(axis, x);
    const shape = x.shape.filter((_, i) => i !== along);
    if (product(x.shape) === 0) return filled(shape, 0, 'int32');
    const position = (value: Value) => retyped(onnx[op](value, { axis: along, keepdims: 0 }), 'int32');
    if (x.dtype !== 'float32') return position(numeric(x));
    const least = filled([], op === 'ArgMax' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY, 'float32');
    const first = onnx.IsNaN(onnx.Gather(x, filled([], 0, 'int32'), { axis: along }));
    return onnx.Where(first, filled([], 0, 'int32'), position(onnx.Where(onnx.IsNaN(x), least, x)));
  });

type Cumulative = tf.CumsumAttrs;

/** The products of all elements up to each one along an axis, one after the other: other orders overflow elsewhere. */
function cumulativeProduct(x: Value, { axis, exclusive, reverse }: Cumulative): Value {
  const along = axisOf(axis, x);
  const size = x.shape[along] ?? 1;
  if (product(x.shape) === 0) return x;
  const parts = onnx.Split(x, new Array<number>(size).fill(1), { axis: along });
  const ordered = reverse ? parts.toReversed() : [...parts];
  const one = filled((parts[0] as Value).shape, 1, x.dtype);
  const factors = exclusive ? [one, ...ordered.slice(0, -1)] : ordered;
  const products: Value[] = [];
  for (const factor of factors) {
    const before = products.at(-1);
    products.push(before ? combine('Mul', before, factor) : factor);
  }
  return onnx.Concat(reverse ? products.toReversed() : products, { axis: along });
}

/** Reductions along axes, and normalization. */
export const reductions = {
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
  Cumprod: rule<tf.CumprodInputs, tf.CumprodAttrs>(({ x }, attrs) => cumulativeProduct(numeric(x), attrs)),
  Cumsum: rule<tf.CumsumInputs, tf.CumsumAttrs>(({ x }, { axis, exclusive, reverse }) => {
    const values = numeric(x);
    const along = axisOf(axis, x);
    if (product(x.shape) === 0) return values;
    const attrs = { exclusive: Number(exclusive), reverse: Number(reverse) };
    return onnx.CumSum(values, filled([], along, 'int32'), attrs);
  }),
  LogSoftmax: rule<tf.LogSoftmaxInputs, tf.LogSoftmaxAttrs>(({ logits }, { axis }) =>
    onnx.LogSoftmax(float(logits), { axis: axisOf(axis, logits) }),
  ),
  Max: rule<tf.MaxInputs, tf.MaxAttrs>(({ x }, { reductionIndices: axis, keepDims }) =>
    extreme('ReduceMax', x, { axis, keepDims }),
  ),
  Mean: rule<tf.MeanInputs, tf.MeanAttrs>(({ x }, attrs) => reduce('ReduceMean', float(x), attrs)),
  Min: rule<Inputs, ReduceAttrs>(({ x }, attrs) => extreme('ReduceMin', x, attrs)),
  // ONNX Runtime's sums and products of int32 stop at the largest, where those of typed arrays go on modulo 2³².
  Prod: rule<Inputs, ReduceAttrs>(({ x }, attrs) =>
    x.dtype === 'float32'
      ? reduce('ReduceProd', x, attrs, { nothing: 1 })
      : reduce('ReduceProd', numeric(x), attrs, { nothing: 1, working: 'double' }),
  ),
  Softmax: rule<tf.SoftmaxInputs, tf.SoftmaxAttrs>(({ logits }, { dim }) =>
    onnx.Softmax(float(logits), { axis: axisOf(dim, logits) }),
  ),
  Sum: rule<Inputs, ReduceAttrs>(({ x }, attrs) =>
    reduce('ReduceSum', numeric(x), attrs, { working: x.dtype === 'int32' ? 'int64' : undefined }),
  ),
  // Sorted in any case: tfjs promises no order without it, and ONNX Runtime would not break ties by position.
  TopK: rule<tf.TopKInputs, tf.TopKAttrs>(({ x }, { k }) => {
    const [values, indices] = onnx.TopK(numeric(x), [k], { axis: x.shape.length - 1, largest: 1, sorted: 1 });
    return [cast(values, x.dtype), retyped(indices, 'int32')];
  }),
  // (x − mean) · scale / √(variance + ε) + offset; as one product and one sum, what is near its mean would cancel out
  FusedBatchNorm: rule<BatchNormInputs, tf.FusedBatchNormAttrs>(
    ({ x, mean, variance, offset, scale }, { varianceEpsilon }) => {
      requireFloat(x);
      const inverse = elementwise([float(variance)], ([v], g) => {
        return g.Reciprocal(g.Sqrt(g.Add(v, g.float(varianceEpsilon))));
      });
      const factor = scale ? combine('Mul', float(scale), inverse) : inverse;
      const normal = combine('Mul', combine('Sub', x, float(mean)), factor);
      return offset ? combine('Add', normal, float(offset)) : normal;
    },
  ),
} satisfies Family;

/** Rows, `[…, C]`, minus their mean and divided by their deviation, times `scale` plus `offset`, both `[C]`. */
export const layerNorm = (
  { x, scale, offset }: { readonly x: Value; readonly scale: Value; readonly offset?: Value },
  { epsilon }: { readonly epsilon: number },
): Value => onnx.LayerNormalization(x, scale, offset, { axis: -1, epsilon });

/** tfjs requires all of them in its type, and leaves scale and offset out where they are not given. */
type BatchNormInputs = Pick<tf.FusedBatchNormInputs, 'x' | 'mean' | 'variance'> &
  Partial<Pick<tf.FusedBatchNormInputs, 'scale' | 'offset'>>;
