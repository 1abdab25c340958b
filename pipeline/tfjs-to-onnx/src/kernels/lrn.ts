import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, plain, plainValue, Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { requireFloat } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isEmpty } from './window.ts';

/** Sums over the channels within `depthRadius` of `[…, C]`. */
function sumNear(g: GraphBuilder, values: Ref, depthRadius: number): Ref {
  const channels = values.shape.at(-1) ?? 1;
  const near = Float32Array.from({ length: channels ** 2 }, (_, i) =>
    Number(Math.abs(Math.floor(i / channels) - (i % channels)) <= depthRadius),
  );
  return g.MatMul(values, g.constant(near, [channels, channels]));
}

/** bias + alpha · Σ x² */
const sumOfSquares = (g: GraphBuilder, x: Ref, { depthRadius, bias, alpha }: tf.LRNAttrs): Ref =>
  g.Add(g.Mul(sumNear(g, g.Mul(x, x), depthRadius), g.float(alpha)), g.float(bias));

/** Local response normalisation: x · (bias + alpha · Σ x²)^−beta, summed over the channels within `depthRadius`. */
export const localResponse = {
  // ONNX divides alpha by the number of channels that are summed; ONNX Runtime takes positive numbers only.
  LRN: rule<tf.LRNInputs, tf.LRNAttrs>(({ x }, given) => {
    requireFloat(x);
    if (isEmpty(x.shape)) return filled(x.shape, 0, 'float32');
    const { depthRadius, bias, alpha, beta } = given;
    if (alpha > 0 && beta > 0) {
      const size = 2 * depthRadius + 1;
      const attrs = { size, bias, alpha: alpha * size, beta };
      return new Value(x.shape, 'float32', nchw, (g) => g.LRN(x.as(nchw, g), attrs));
    }
    return plainValue(x.shape, 'float32', (g) => {
      const image = x.as(plain, g);
      return g.Mul(image, g.Pow(sumOfSquares(g, image, given), g.float(-beta)));
    });
  }),
  // With s for the sum in brackets: dy · s^−beta − 2 · alpha · beta · x · Σ dy · y / s
  LRNGrad: rule<tf.LRNGradInputs, tf.LRNGradAttrs>(({ x, y, dy }, attrs) => {
    if (isEmpty(x.shape)) return filled(x.shape, 0, 'float32');
    const { depthRadius, alpha, beta } = attrs;
    return plainValue(x.shape, 'float32', (g) => {
      const [image, result, gradient] = [x.as(plain, g), y.as(plain, g), dy.as(plain, g)];
      const s = sumOfSquares(g, image, attrs);
      const others = g.Mul(image, sumNear(g, g.Div(g.Mul(gradient, result), s), depthRadius));
      return g.Sub(g.Mul(gradient, g.Pow(s, g.float(-beta))), g.Mul(others, g.float(2 * alpha * beta)));
    });
  }),
} satisfies Family;
