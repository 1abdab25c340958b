import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Value } from '../forms.ts';
import { product } from '../ir.ts';
import { activate } from './arithmetic.ts';
import { cast, computed, exactType } from './elementwise.ts';
import { onnx, retyped } from './onnx.ts';
import { type Family, rule } from './rule.ts';
import { filled, reshape, tensorLike, transpose } from './shape.ts';

/**
 * Products of matrices or of stacks of them; a single pair of float32 as a `Gemm`, which takes transposes and bias.
 * @throws Error for booleans, of which tfjs makes numbers above 1
 */
function matMul(a: Value, b: Value, { transposeA, transposeB }: tf.BatchMatMulAttrs, bias?: Value): Value {
  if (a.dtype !== b.dtype) throw new Error(`a matrix of ${a.dtype} times one of ${b.dtype}; cast one of them`);
  if (a.dtype === 'bool') throw new Error('products of matrices of booleans are not lowered; cast them to int32');
  const single = [a, b].every(({ shape }) => product(shape.slice(0, -2)) === 1);
  const rank = Math.max(a.shape.length, b.shape.length);
  const [inner = 1, columns = 1] = transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
  const row =
    !bias ||
    (bias.dtype === a.dtype &&
      bias.shape.length <= rank &&
      bias.shape.at(-1) === columns &&
      product(bias.shape) === columns);
  if (single && row && inner > 0 && a.dtype === 'float32') {
    const [x, y] = [reshape(a, a.shape.slice(-2)), reshape(b, b.shape.slice(-2))];
    const c = bias && reshape(bias, [columns]);
    const out = onnx.Gemm(x, y, c, { transA: Number(transposeA), transB: Number(transposeB) });
    return reshape(out, [...new Array<number>(rank - 2).fill(1), ...out.shape]);
  }
  const swapped = ({ shape: { length } }: Value) =>
    Array.from({ length }, (_, i) => (i < length - 2 ? i : 2 * length - 3 - i));
  const stacked = onnx.MatMul(transposeA ? transpose(a, swapped(a)) : a, transposeB ? transpose(b, swapped(b)) : b);
  const out = inner > 0 ? stacked : filled(stacked.shape, 0, a.dtype);
  return bias ? computed([out, bias], ([x, y], g) => g.Add(x, y), { working: exactType(out, bias) }) : out;
}

/** Letters for the axes of an equation, as tfjs takes any character and ONNX only letters. */
const LETTERS = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];

/**
 * Sums of products over the axes that an equation such as `ij,jk->ik` leaves out.
 * @throws Error for what tfjs refuses, and for a repeated letter in the result
 */
function einsum(values: readonly Value[], equation: string): Value {
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, values.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, values.map(tensorLike));
  const odd = values.find(({ shape }, i) => shape.length !== idDims[i]?.length);
  if (odd) throw new Error(`${equation} has another number of axes than a term of shape [${odd.shape}]`);
  const result = equation.replace(/\s/g, '').split('->')[1] ?? '';
  if (new Set(result).size !== result.length) throw new Error(`the result of ${equation} repeats an axis`);
  if (allDims.length > LETTERS.length) throw new Error(`${equation} has more than ${LETTERS.length} axes`);
  const [first] = values;
  const other = values.find(({ dtype }) => dtype !== first?.dtype);
  if (!first || other) throw new Error(`terms of ${first?.dtype} and ${other?.dtype}; cast one of them`);
  const terms = idDims.map((ids) => ids.map((id) => LETTERS[id]).join(''));
  const letters = [...result].map((name) => LETTERS[allDims.indexOf(name)]).join('');
  const out = sumOfProducts(values, `${terms}->${letters}`, first.dtype);
  const summed = values.some(({ shape }) => product(shape) === 0) ? filled(out.shape, 0, out.dtype) : out;
  // tfjs's product of booleans is a boolean, the sum of them an int32.
  return summedDims.length === 0 ? cast(summed, first.dtype) : summed;
}

/** Integers as int64, because ONNX Runtime's sums of int32 stop at the largest, where tfjs's go on modulo 2³². */
function sumOfProducts(values: readonly Value[], equation: string, dtype: Value['dtype']): Value {
  if (dtype === 'float32') return onnx.Einsum(values, { equation });
  const wide = values.map((value) => retyped(value, 'int64'));
  return retyped(onnx.Einsum(wide, { equation }), 'int32');
}

/** Products of matrices and tensors. */
export const products = {
  BatchMatMul: rule<tf.BatchMatMulInputs, tf.BatchMatMulAttrs>(({ a, b }, attrs) => matMul(a, b, attrs)),
  _FusedMatMul: rule<tf._FusedMatMulInputs, tf._FusedMatMulAttrs>(
    ({ a, b, bias, preluActivationWeights: prelu }, attrs) =>
      activate(matMul(a, b, attrs, bias), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  ),
  Einsum: rule<tf.EinsumInputs, tf.EinsumAttrs>((values, { equation }) => einsum(values, equation)),
} satisfies Family;
