import type * as tf from '@tensorflow/tfjs-core';
import { plain, plainValue, type Value } from '../forms.ts';
import { einsumShape } from '../infer.ts';
import { broadcast, product } from '../ir.ts';
import { activate } from './arithmetic.ts';
import { type Family, rule } from './rule.ts';

/** Products of matrices or of stacks of them; a single pair as a `Gemm`, which takes transposes and bias. */
function matMul(a: Value, b: Value, { transposeA, transposeB }: tf.BatchMatMulAttrs, bias?: Value): Value {
  const stacks = [a, b].map(({ shape }) => shape.slice(0, -2));
  const [rows, columns] = [a.shape.at(transposeA ? -1 : -2) ?? 1, b.shape.at(transposeB ? -2 : -1) ?? 1];
  const shape = [...broadcast(...stacks), rows, columns];
  const single = stacks.every((stack) => product(stack) === 1);
  const row = !bias || product(bias.shape) === bias.shape.at(-1);
  return plainValue(shape, a.dtype, (g) => {
    const [x, y] = [a.as(plain, g), b.as(plain, g)];
    if (single && row) {
      const c = bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);
      const flags = { transA: Number(transposeA), transB: Number(transposeB) };
      const out = g.Gemm(g.reshape(x, x.shape.slice(-2)), g.reshape(y, y.shape.slice(-2)), c, flags);
      return g.reshape(out, shape);
    }
    const swapped = (rank: number) => Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    const left = transposeA ? g.transpose(x, swapped(x.shape.length)) : x;
    const right = transposeB ? g.transpose(y, swapped(y.shape.length)) : y;
    const out = g.MatMul(left, right);
    return bias ? g.Add(out, bias.as(plain, g)) : out;
  });
}

/** Products of matrices and tensors. */
export const products = {
  BatchMatMul: rule<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>(({ a, b }, attrs) => matMul(a, b, attrs)),
  _FusedMatMul: rule<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>(
    ({ a, b, bias, preluActivationWeights: prelu }, attrs) =>
      activate(matMul(a, b, attrs, bias), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  ),
  Einsum: rule<tf.EinsumInputs, tf.EinsumAttrs>((values, { equation }) => {
    return plainValue(einsumShape(equation, values), values[0]?.dtype ?? 'float32', (g) =>
      g.Einsum(
        values.map((value) => value.as(plain, g)),
        { equation },
      ),
    );
  }),
} satisfies Family;
