import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import { nchw, plain, Value } from '../forms.ts';
import { channelsFirst, channelsLast, type Shape5 } from './conv.ts';
import { type Family, rule } from './rule.ts';
import {
  convAttributes,
  type PoolAttrs,
  poolInfo,
  refuseChannelsFirst,
  tapsOf,
  transposedAttributes,
  volumeAttributes,
} from './window.ts';

type Inputs = Pick<tf.NamedTensorInfoMap, 'x'>;

const pool = (op: 'MaxPool' | 'AveragePool') =>
  rule<Inputs, PoolAttrs>(({ x }, attrs) => {
    const info = poolInfo(x, attrs);
    const { kernel_shape, strides, pads } = convAttributes(info);
    return new Value(info.outShape, 'float32', nchw, (g) => g[op](x.as(nchw, g), { kernel_shape, strides, pads }));
  });

const pool3d = (op: 'MaxPool' | 'AveragePool') =>
  rule<Inputs, tf.MaxPool3DAttrs | tf.AvgPool3DAttrs>(({ x }, attrs) => {
    refuseChannelsFirst(attrs);
    const { filterSize, strides: steps, pad, dimRoundingMode } = attrs;
    const info = backend_util.computePool3DInfo(x.shape as Shape5, filterSize, steps, 1, pad, dimRoundingMode);
    const { kernel_shape, strides, pads } = volumeAttributes(info);
    return channelsLast(info.outShape, (g) => g[op](channelsFirst(g, x), { kernel_shape, strides, pads }));
  });

/** Pooling and its gradients. */
export const pooling = {
  AvgPool: pool('AveragePool'),
  AvgPool3D: pool3d('AveragePool'),
  // dy divided by the full window, at the borders too, as in tfjs.
  AvgPoolGrad: rule<tf.AvgPoolGradInputs, tf.AvgPoolGradAttrs>(({ dy, input }, attrs) => {
    const info = poolInfo(input, attrs);
    const { batchSize: n, inChannels: c, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw } = info;
    return new Value(info.inShape, 'float32', nchw, (g) => {
      const kernel = g.constant(new Float32Array(kh * kw).fill(1 / (kh * kw)), [1, 1, kh, kw]);
      const planes = g.reshape(dy.as(nchw, g), [n * c, 1, h, w]);
      const image = g.ConvTranspose(planes, kernel, undefined, transposedAttributes(info));
      return g.reshape(image, [n, c, info.inHeight, info.inWidth]);
    });
  }),
  MaxPool: pool('MaxPool'),
  MaxPool3D: pool3d('MaxPool'),
  // dy flows to the window's first maximum. One channel of masked dy for each place in the window, spread
  // over the image by a transposed convolution whose kernel for a place is 1 there.
  MaxPoolGrad: rule<tf.MaxPoolGradInputs, tf.MaxPoolGradAttrs>(({ dy, input, output }, attrs) => {
    const info = poolInfo(input, attrs);
    const { batchSize: n, inChannels: c, outHeight: h, outWidth: w, filterHeight: kh, filterWidth: kw } = info;
    return new Value(info.inShape, 'float32', nchw, (g) => {
      const [first, ...rest] = tapsOf(g, input, info, Number.NEGATIVE_INFINITY); // [N, h, w, C] each
      const largest = output.as(plain, g);
      let found = g.Equal(first, largest);
      const masks = [found];
      for (const tap of rest) {
        const here = g.And(g.Equal(tap, largest), g.Not(found));
        found = g.Or(found, here);
        masks.push(here);
      }
      const parts = masks.map((mask) => g.Mul(dy.as(plain, g), g.cast(mask, 'float')));
      const places = kh * kw;
      const all = g.transpose(g.reshape(g.Concat(parts, { axis: 3 }), [n, h, w, places, c]), [0, 4, 3, 1, 2]);
      const kernel = g.constant(
        Float32Array.from({ length: places ** 2 }, (_, i) => Number(i % (places + 1) === 0)),
        [places, 1, kh, kw],
      );
      const planes = g.reshape(all, [n * c, places, h, w]);
      const image = g.ConvTranspose(planes, kernel, undefined, transposedAttributes(info));
      return g.reshape(image, [n, c, info.inHeight, info.inWidth]);
    });
  }),
} satisfies Family;
