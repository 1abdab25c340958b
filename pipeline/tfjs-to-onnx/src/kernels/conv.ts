import type * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, oihw, plain, plainValue, sum, Value } from '../forms.ts';
import type { Ref, Shape } from '../ir.ts';
import { activate } from './arithmetic.ts';
import { type Family, rule } from './rule.ts';
import {
  convAttributes,
  convInfo,
  refuseChannelsFirst,
  tapsOf,
  transposedAttributes,
  volumeAttributes,
  type WindowAttrs,
} from './window.ts';

/** A bias as `[C]`. */
const vector = (g: GraphBuilder, bias: Value | undefined): Ref | undefined =>
  bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);

/** A kernel as `[O, I, kh, kw]`; a depthwise one, `[kh, kw, C, M]`, as `[C·M, 1, kh, kw]`. */
function weights(g: GraphBuilder, filter: Value, depthwise: boolean): Ref {
  if (!depthwise) return filter.as(oihw, g);
  const [kh = 1, kw = 1, c = 1, m = 1] = filter.shape;
  return g.reshape(g.transpose(filter.as(plain, g), [2, 3, 0, 1]), [c * m, 1, kh, kw]);
}

/** A convolution; a depthwise one is of each channel by itself, with M results: `[N, h, w, C·M]`. */
function conv(x: Value, filter: Value, bias: Value | undefined, attrs: WindowAttrs, depthwise: boolean): Value {
  const info = convInfo(x.shape, filter.shape, attrs, depthwise);
  const attributes = { ...convAttributes(info), ...(depthwise && { group: info.inChannels }) };
  return new Value(info.outShape, 'float32', nchw, (g) =>
    g.Conv(x.as(nchw, g), weights(g, filter, depthwise), vector(g, bias), attributes),
  );
}

const unfused = (depthwise: boolean) =>
  rule<tf.Conv2DInputs, WindowAttrs>(({ x, filter }, attrs) => conv(x, filter, undefined, attrs, depthwise));

const fused = (depthwise: boolean) =>
  rule<tf.FusedConv2DInputs, tf.FusedConv2DAttrs | tf.FusedDepthwiseConv2DAttrs>(
    ({ x, filter, bias, preluActivationWeights: prelu }, attrs) =>
      activate(conv(x, filter, bias, attrs, depthwise), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  );

type FilterAttrs = WindowAttrs & { readonly filterShape: Shape };
type TransposedAttrs = WindowAttrs & { readonly inputShape: Shape };

/** A transposed convolution, which is the gradient of a convolution by its input. */
function transposed(dy: Value, filter: Value, bias: Value | undefined, attrs: TransposedAttrs, depthwise: boolean) {
  const info = convInfo(attrs.inputShape, filter.shape, attrs, depthwise);
  const attributes = { ...transposedAttributes(info), ...(depthwise && { group: info.inChannels }) };
  return new Value(info.inShape, 'float32', nchw, (g) =>
    g.ConvTranspose(dy.as(nchw, g), weights(g, filter, depthwise), vector(g, bias), attributes),
  );
}

/** The only data format that tfjs's depthwise gradients know. */
const nhwc = <Attrs extends object>(attrs: Attrs) => ({ ...attrs, dataFormat: 'NHWC' as const });

/** Convolutions of images and volumes, and their gradients. */
export const convolutions = {
  Conv2D: unfused(false),
  FusedConv2D: fused(false),
  // `fuse` folds in a bias and a relu.
  Conv2DBackpropInput: rule<
    tf.Conv2DBackpropInputInputs & { readonly bias?: tf.TensorInfo },
    TransposedAttrs & { readonly activation?: 'relu' | 'linear' }
  >(({ dy, filter, bias }, attrs) => activate(transposed(dy, filter, bias, attrs, false), attrs.activation)),
  // The patches that each tap of the kernel saw, side by side, times dy. (A convolution with dy for its kernel would be
  // ONNX Runtime's slowest case.)
  Conv2DBackpropFilter: rule<tf.Conv2DBackpropFilterInputs, FilterAttrs>(({ x, dy }, attrs) => {
    const info = convInfo(x.shape, attrs.filterShape, attrs);
    const rows = info.batchSize * info.outHeight * info.outWidth;
    return plainValue(attrs.filterShape, 'float32', (g) => {
      const taps = tapsOf(g, x, info);
      const patches = g.reshape(g.Concat(taps, { axis: 3 }), [rows, taps.length * info.inChannels]); // [N·h·w, kh·kw·I]
      const gradients = g.reshape(dy.as(plain, g), [rows, info.outChannels]);
      return g.reshape(g.Gemm(patches, gradients, undefined, { transA: 1 }), attrs.filterShape);
    });
  }),
  DepthwiseConv2dNative: unfused(true),
  FusedDepthwiseConv2D: fused(true),
  DepthwiseConv2dNativeBackpropInput: rule<tf.DepthwiseConv2dNativeBackpropInputInputs, TransposedAttrs>(
    ({ dy, filter }, attrs) => transposed(dy, filter, undefined, nhwc(attrs), true),
  ),
  // For each tap of the kernel, the sum over pixels and images of what it saw times dy.
  DepthwiseConv2dNativeBackpropFilter: rule<tf.Conv2DBackpropFilterInputs, FilterAttrs>(({ x, dy }, attrs) => {
    const info = convInfo(x.shape, attrs.filterShape, nhwc(attrs), true);
    const { batchSize: n, inChannels: c, outChannels, outHeight: h, outWidth: w } = info;
    return plainValue(attrs.filterShape, 'float32', (g) => {
      const gradients = g.reshape(dy.as(plain, g), [n, h * w, c, outChannels / c]);
      const places = tapsOf(g, x, info).map((tap) => {
        const products = g.Mul(g.reshape(tap, [n, h * w, c, 1]), gradients);
        return sum(sum(products, [1], g), [0], g); // [C, M]
      });
      return g.reshape(g.concat(places, 0), attrs.filterShape);
    });
  }),
  Conv3D: rule<tf.Conv3DInputs, tf.Conv3DAttrs>(({ x, filter }, attrs) => {
    refuseChannelsFirst(attrs);
    const { strides, dilations = 1, pad } = attrs;
    const [image, kernel] = [x.shape as Shape5, filter.shape as Shape5];
    const info = backend_util.computeConv3DInfo(image, kernel, strides, dilations as Triple, pad);
    return channelsLast(info.outShape, (g) => {
      const weights = g.transpose(filter.as(plain, g), [4, 3, 0, 1, 2]);
      return g.Conv(channelsFirst(g, x), weights, undefined, volumeAttributes(info));
    });
  }),
} satisfies Family;

export type Shape5 = [number, number, number, number, number];
type Triple = number | [number, number, number];

/** `[N, D, H, W, C]` as `[N, C, D, H, W]`, and back. */
export const channelsFirst = (g: GraphBuilder, x: Value): Ref => g.transpose(x.as(plain, g), [0, 4, 1, 2, 3]);
export const channelsLast = (shape: Shape, emit: (g: GraphBuilder) => Ref): Value =>
  plainValue(shape, 'float32', (g) => g.transpose(emit(g), [0, 2, 3, 4, 1]));
