import type * as tf from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product } from '../ir.ts';
import { activate } from './arithmetic.ts';
import { onnx } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { reshape, transpose } from './shape.ts';

/** Products of matrices or of stacks of them; a single pair as a `Gemm`, which takes transposes and bias. */
function matMul(a: Value, b: Value, { transposeA, transposeB }: tf.BatchMatMulAttrs, bias?: Value): Value {
  const single = [a, b].every(({ shape }) => product(shape.slice(0, -2)) === 1);
  const row = !bias || product(bias.shape) === bias.shape.at(-1);
  const rank = Math.max(a.shape.length, b.shape.length);
  if (single && row) {
    const [x, y] = [reshape(a, a.shape.slice(-2)), reshape(b, b.shape.slice(-2))];
    const c = bias && reshape(bias, [bias.shape.at(-1) ?? 1]);
    const out = onnx.Gemm(x, y, c, { transA: Number(transposeA), transB: Number(transposeB) });
    return reshape(out, [...new Array<number>(rank - 2).fill(1), ...out.shape]);
  }
  const swapped = ({ shape: { length } }: Value) =>
    Array.from({ length }, (_, i) => (i < length - 2 ? i : 2 * length - 3 - i));
  const out = onnx.MatMul(transposeA ? transpose(a, swapped(a)) : a, transposeB ? transpose(b, swapped(b)) : b);
  return bias ? onnx.Add(out, bias) : out;
}

/** Products of matrices and tensors. */
export const products = {
  BatchMatMul: rule<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>(({ a, b }, attrs) => matMul(a, b, attrs)),
  _FusedMatMul: rule<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>(
    ({ a, b, bias, preluActivationWeights: prelu }, attrs) =>
      activate(matMul(a, b, attrs, bias), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  ),
  Einsum: rule<tf.EinsumInputs, tf.EinsumAttrs>((values, { equation }) => onnx.Einsum(values, { equation })),
} satisfies Family;
