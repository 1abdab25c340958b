import { plain, plainValue, type Value } from '../forms.ts';
import type { GraphBuilder } from '../graph.ts';
import { product } from '../infer.ts';

/** Products of matrices or of stacks of them; where there is but one pair, a `Gemm`, which takes transposes and bias. */
export function matMul(
  g: GraphBuilder,
  a: Value,
  b: Value,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
  bias?: Value,
): Value {
  const [x, y] = [a.as(plain, g), b.as(plain, g)];
  const single = product(x.shape.slice(0, -2)) === 1 && product(y.shape.slice(0, -2)) === 1;
  const row = bias && product(bias.shape) === bias.shape.at(-1);
  if (single && (!bias || row)) {
    const c = bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);
    const out = g.op('Gemm', [g.reshape(x, x.shape.slice(-2)), g.reshape(y, y.shape.slice(-2)), c], {
      transA: Number(transposeA),
      transB: Number(transposeB),
    });
    const rank = Math.max(x.shape.length, y.shape.length);
    return plainValue(g.reshape(out, [...new Array<number>(rank - 2).fill(1), ...out.shape]));
  }
  const swapped = (rank: number) => Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
  const left = transposeA ? g.transpose(x, swapped(x.shape.length)) : x;
  const right = transposeB ? g.transpose(y, swapped(y.shape.length)) : y;
  const out = g.op('MatMul', [left, right]);
  return plainValue(bias ? g.op('Add', [out, bias.as(plain, g)]) : out);
}

export function einsum(g: GraphBuilder, values: readonly Value[], equation: string): Value {
  const refs = values.map((value) => value.as(plain, g));
  return plainValue(g.op('Einsum', refs, { equation }));
}
