import { nchw, Value } from '../forms.ts';
import type { GraphBuilder, Ref } from '../graph.ts';
import { elementwise } from './elementwise.ts';
import { combine } from './simple.ts';

interface BatchNorm {
  readonly x: Value;
  readonly mean: Value;
  readonly variance: Value;
  readonly offset?: Value | undefined;
  readonly scale?: Value | undefined;
}

/** `(x − mean) / √(variance + ε) · scale + offset` as one product and one sum with numbers per channel. */
export function batchNorm(g: GraphBuilder, { x, mean, variance, offset, scale }: BatchNorm, epsilon: number): Value {
  const inverse = elementwise(g, [variance], ([v]) =>
    g.op('Reciprocal', [g.op('Sqrt', [g.op('Add', [v, g.float(epsilon)])])]),
  );
  const factor = scale ? combine(g, 'Mul', scale, inverse) : inverse;
  const moved = combine(g, 'Mul', mean, factor);
  const shift = offset ? combine(g, 'Sub', offset, moved) : elementwise(g, [moved], ([v]) => g.op('Neg', [v as Ref]));
  return combine(g, 'Add', combine(g, 'Mul', x, factor), shift);
}

/** tfjs's local response normalisation; ONNX divides alpha by the number of channels that are summed. */
export function localResponse(
  g: GraphBuilder,
  x: Value,
  { depthRadius, bias, alpha, beta }: { depthRadius: number; bias: number; alpha: number; beta: number },
): Value {
  const size = 2 * depthRadius + 1;
  return new Value(x.shape, 'float32', nchw, g.op('LRN', [x.as(nchw, g)], { size, bias, alpha: alpha * size, beta }));
}
