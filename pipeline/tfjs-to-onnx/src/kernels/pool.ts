import { backend_util } from '@tensorflow/tfjs-core';
import { nchw, plain, Value } from '../forms.ts';
import type { GraphBuilder } from '../graph.ts';
import { type ConvInfo, convAttributes, tapsOf, transposedAttributes, type Window, withExactPads } from './conv.ts';

type Pool = Pick<Window, 'strides' | 'pad' | 'dimRoundingMode'> & { filterSize: number | [number, number] };

function poolInfo({ shape }: Value, { filterSize, strides, pad, dimRoundingMode }: Pool): ConvInfo {
  const image = shape as [number, number, number, number];
  return withExactPads(backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode));
}

export function pool(g: GraphBuilder, op: 'MaxPool' | 'AveragePool', x: Value, attrs: Pool): Value {
  const info = poolInfo(x, attrs);
  const { kernel_shape, strides, pads } = convAttributes(info);
  return new Value(info.outShape, 'float32', nchw, g.op(op, [x.as(nchw, g)], { kernel_shape, strides, pads }));
}

/**
 * The gradient of max pooling: dy goes where the window's first maximum was. One channel of masked dy for each place in
 * the window, laid over the image by a transposed convolution whose kernel for a place is 1 there.
 */
export function maxPoolGrad(g: GraphBuilder, dy: Value, x: Value, y: Value, attrs: Pool): Value {
  const info = poolInfo(x, attrs);
  const { batchSize: n, inChannels: c, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw } = info;
  const taps = tapsOf(g, x, info, Number.NEGATIVE_INFINITY); // [N, h, w, C] each
  let found = g.op('Equal', [taps[0], y.as(plain, g)]);
  const masks = taps.map((tap, i) => {
    if (i === 0) return found;
    const here = g.op('And', [g.op('Equal', [tap, y.as(plain, g)]), g.op('Not', [found])]);
    found = g.op('Or', [found, here]);
    return here;
  });
  const parts = masks.map((mask) => g.op('Mul', [dy.as(plain, g), g.cast(mask, 'float')]));
  const places = kh * kw;
  const all = g.transpose(g.reshape(g.op('Concat', parts, { axis: 3 }), [n, h, w, places, c]), [0, 4, 3, 1, 2]);
  const kernel = g.constant(
    Float32Array.from({ length: places ** 2 }, (_, i) => Number(i % (places + 1) === 0)),
    [places, 1, kh, kw],
  );
  const image = g.op('ConvTranspose', [g.reshape(all, [n * c, places, h, w]), kernel], transposedAttributes(info));
  return new Value(info.inShape, 'float32', nchw, g.reshape(image, [n, c, info.inHeight, info.inWidth]));
}

/** The gradient of average pooling as tfjs has it: dy divided by the whole window, at the borders too. */
export function avgPoolGrad(g: GraphBuilder, dy: Value, x: Value, attrs: Pool): Value {
  const info = poolInfo(x, attrs);
  const { batchSize: n, inChannels: c, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw } = info;
  const kernel = g.constant(new Float32Array(kh * kw).fill(1 / (kh * kw)), [1, 1, kh, kw]);
  const planes = g.reshape(dy.as(nchw, g), [n * c, 1, h, w]);
  const image = g.op('ConvTranspose', [planes, kernel], transposedAttributes(info));
  return new Value(info.inShape, 'float32', nchw, g.reshape(image, [n, c, info.inHeight, info.inWidth]));
}
