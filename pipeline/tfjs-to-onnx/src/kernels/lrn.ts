import type * as tf from '@tensorflow/tfjs-core';
import { nchw, plain, plainValue, Value } from '../forms.ts';
import type { Ref } from '../ir.ts';
import { requireFloat } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled } from './shape.ts';
import { isEmpty } from './window.ts';

/** Local response normalisation: x · (bias + alpha · Σ x²)^−beta, summed over the channels within `depthRadius`. */
export const localResponse = {
  // ONNX divides alpha by the number of channels that are summed.
  LRN: rule<tf.LRNInputs, tf.LRNAttrs>(({ x }, { depthRadius, bias, alpha, beta }) => {
    requireFloat(x);
    if (isEmpty(x.shape)) return filled(x.shape, 0, 'float32');
    const size = 2 * depthRadius + 1;
    const attrs = { size, bias, alpha: alpha * size, beta };
    return new Value(x.shape, 'float32', nchw, (g) => g.LRN(x.as(nchw, g), attrs));
  }),
  // With s for the sum in brackets: dy · s^−beta − 2 · alpha · beta · x · Σ dy · y / s
  LRNGrad: rule<tf.LRNGradInputs, tf.LRNGradAttrs>(({ x, y, dy }, { depthRadius, bias, alpha, beta }) => {
    if (isEmpty(x.shape)) return filled(x.shape, 0, 'float32');
    const channels = x.shape.at(-1) ?? 1;
    const near = Float32Array.from({ length: channels ** 2 }, (_, i) =>
      Number(Math.abs(Math.floor(i / channels) - (i % channels)) <= depthRadius),
    );
    return plainValue(x.shape, 'float32', (g) => {
      const sumNear = (values: Ref) => g.MatMul(values, g.constant(near, [channels, channels]));
      const [image, result, gradient] = [x.as(plain, g), y.as(plain, g), dy.as(plain, g)];
      const s = g.Add(g.Mul(sumNear(g.Mul(image, image)), g.float(alpha)), g.float(bias));
      const others = g.Mul(image, sumNear(g.Div(g.Mul(gradient, result), s)));
      return g.Sub(g.Mul(gradient, g.Pow(s, g.float(-beta))), g.Mul(others, g.float(2 * alpha * beta)));
    });
  }),
} satisfies Family;
