import type * as tf from '@tensorflow/tfjs-core';
import { util } from '@tensorflow/tfjs-core';
import type { GraphBuilder, OperatorOf } from '../builder.ts';
import { nchw, plain, plainValue, splat, Value } from '../forms.ts';
import { type Ref, sameShape } from '../ir.ts';
import { cast, combine, elementwise, map } from './elementwise.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';

type Reduction = OperatorOf<[Ref, Ref | undefined, { keepdims: number }]> & `Reduce${string}`;
type Inputs = Pick<tf.NamedTensorInfoMap, 'x'>;
export interface ReduceAttrs {
  readonly axis: number | number[];
  readonly keepDims: boolean;
}

/** Reduces over axes; a full reduction takes the tensor in whatever form it has. */
function reduce(op: Reduction, x: Value, axis: number | number[], keepDims: boolean): Value {
  const axes = util.parseAxisParam(axis, [...x.shape]);
  const ones = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
  const shape = keepDims ? ones : x.shape.filter((_, i) => !axes.includes(i));
  return plainValue(shape, x.dtype, (g) => g.reshape(reduced(g, op, x, axes), shape));
}

function reduced(g: GraphBuilder, op: Reduction, x: Value, axes: readonly number[]): Ref {
  if (axes.length === 0) return x.as(plain, g);
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
  return g[op](x.as(plain, g), g.ints(axes), { keepdims: 0 });
}

const reduction = (op: Reduction) =>
  rule<Inputs, ReduceAttrs>(({ x }, { axis, keepDims }) => reduce(op, x, axis, keepDims));

/** ONNX reduces no booleans. */
const logical = (op: Reduction) =>
  rule<Inputs, ReduceAttrs>(({ x }, { axis, keepDims }) => cast(reduce(op, cast(x, 'int32'), axis, keepDims), 'bool'));

/** Position of the largest or smallest element along an axis, int32. */
const argReduction = (op: 'ArgMax' | 'ArgMin') =>
  rule<Inputs, { readonly axis: number }>(({ x }, { axis }) => {
    const [along = 0] = util.parseAxisParam(axis, [...x.shape]);
    return retyped(onnx[op](x, { axis: along, keepdims: 0 }), 'int32');
  });

/** Reductions along axes, and normalization. */
export const reductions = {
  All: logical('ReduceMin'),
  Any: logical('ReduceMax'),
  ArgMax: argReduction('ArgMax'),
  ArgMin: argReduction('ArgMin'),
  Cumsum: rule<tf.CumsumInputs, tf.CumsumAttrs>(({ x }, { axis, exclusive, reverse }) =>
    onnx.CumSum(x, filled([], axis, 'int32'), { exclusive: Number(exclusive), reverse: Number(reverse) }),
  ),
  Max: rule<tf.MaxInputs, tf.MaxAttrs>(({ x }, { reductionIndices, keepDims }) =>
    reduce('ReduceMax', x, reductionIndices, keepDims),
  ),
  Mean: rule<tf.MeanInputs, tf.MeanAttrs>(({ x }, { axis, keepDims }) =>
    reduce('ReduceMean', cast(x, 'float32'), axis, keepDims),
  ),
  Min: reduction('ReduceMin'),
  Prod: reduction('ReduceProd'),
  Softmax: rule<tf.SoftmaxInputs, tf.SoftmaxAttrs>(({ logits }, { dim }) => onnx.Softmax(logits, { axis: dim })),
  Sum: reduction('ReduceSum'),
  TopK: rule<tf.TopKInputs, tf.TopKAttrs>(({ x }, { k, sorted }) => {
    const [values, indices] = onnx.TopK(x, [k], { axis: x.shape.length - 1, largest: 1, sorted: Number(sorted) });
    return [values, retyped(indices, 'int32')];
  }),
  // (x − mean) / √(variance + ε) · scale + offset as one product and one sum with numbers per channel
  FusedBatchNorm: rule<BatchNormInputs, tf.FusedBatchNormAttrs>(
    ({ x, mean, variance, offset, scale }, { varianceEpsilon }) => {
      const inverse = elementwise([variance], ([v], g) => g.Reciprocal(g.Sqrt(g.Add(v, g.float(varianceEpsilon)))));
      const factor = scale ? combine('Mul', scale, inverse) : inverse;
      const moved = combine('Mul', mean, factor);
      const shift = offset ? combine('Sub', offset, moved) : map('Neg', moved);
      return combine('Add', combine('Mul', x, factor), shift);
    },
  ),
  // ONNX divides alpha by the number of channels that are summed.
  LRN: rule<tf.LRNInputs, tf.LRNAttrs>(({ x }, { depthRadius, bias, alpha, beta }) => {
    const size = 2 * depthRadius + 1;
    const attrs = { size, bias, alpha: alpha * size, beta };
    return new Value(x.shape, 'float32', nchw, (g) => g.LRN(x.as(nchw, g), attrs));
  }),
} satisfies Family;

/** tfjs requires all of them in its type, and leaves scale and offset out where they are not given. */
type BatchNormInputs = Pick<tf.FusedBatchNormInputs, 'x' | 'mean' | 'variance'> &
  Partial<Pick<tf.FusedBatchNormInputs, 'scale' | 'offset'>>;
