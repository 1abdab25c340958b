import type * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, oihw, plain, plainValue, sum, Value } from '../forms.ts';
import { product, type Ref, type Shape } from '../ir.ts';
import { activate } from './arithmetic.ts';
import { cast, combine, float } from './elementwise.ts';
import { type Family, rule } from './rule.ts';
import { filled, reshape } from './shape.ts';
import { tapsOf } from './taps.ts';
import {
  channelsLast,
  convolution,
  fitted,
  inputShape,
  needsNoCut,
  outputShape,
  seen,
  seesNothing,
  transposedAttributes,
  type WindowAttrs,
  windowAttributes,
  withUnseen,
} from './window.ts';

/** A bias as `[C]`. */
const vector = (g: GraphBuilder, bias: Value | undefined): Ref | undefined =>
  bias && g.reshape(bias.as(plain, g), [product(bias.shape)]);

/** Whether a bias is one number for each of the channels: it may then be part of the convolution. */
export const isByChannel = ({ shape }: Value, channels: number): boolean =>
  product(shape) === channels && (shape.at(-1) ?? 1) === channels;

/** A kernel as `[O, I, …]`; a depthwise one, `[kh, kw, C, M]`, as `[C·M, 1, kh, kw]`. */
function weights(g: GraphBuilder, filter: Value, depthwise: boolean): Ref {
  if (!depthwise) return filter.as(oihw, g);
  const [kh = 1, kw = 1, c = 1, m = 1] = filter.shape;
  return g.reshape(g.transpose(filter.as(plain, g), [2, 3, 0, 1]), [c * m, 1, kh, kw]);
}

/** A convolution; a depthwise one is of each channel by itself, with M results: `[N, h, w, C·M]`. */
function conv(x: Value, filter: Value, bias: Value | undefined, attrs: WindowAttrs, depthwise = false): Value {
  const geo = convolution(x.shape, filter.shape, attrs, depthwise);
  const [shape, nothing] = [outputShape(geo), seesNothing(geo)];
  const within = bias && isByChannel(bias, geo.outChannels) && !nothing ? bias : undefined;
  const attributes = { ...windowAttributes(geo), ...(depthwise && { group: geo.inChannels }) };
  const y = nothing
    ? filled(shape, 0, 'float32')
    : new Value(shape, 'float32', nchw, (g) =>
        g.Conv(seen(g, x.as(nchw, g), geo), weights(g, filter, depthwise), vector(g, within), attributes),
      );
  return bias && !within ? combine('Add', y, bias) : y;
}

type FusedAttrs = WindowAttrs & Pick<tf.FusedConv2DAttrs, 'activation' | 'leakyreluAlpha'>;
type FilterAttrs = WindowAttrs & { readonly filterShape: Shape };
type TransposedAttrs = WindowAttrs & { readonly inputShape: Shape };

/** A transposed convolution, which is the gradient of a convolution by its input. */
function transposed(
  dy: Value,
  filter: Value,
  bias: Value | undefined,
  attrs: TransposedAttrs,
  depthwise = false,
): Value {
  const geo = convolution(attrs.inputShape, filter.shape, attrs, depthwise);
  const [shape, nothing] = [inputShape(geo), seesNothing(geo)];
  const within = bias && needsNoCut(geo) && !nothing ? bias : undefined;
  const attributes = { ...transposedAttributes(geo), ...(depthwise && { group: geo.inChannels }) };
  const from = nothing ? dy : float(fitted(dy, geo));
  const image = nothing
    ? filled(shape, 0, 'float32')
    : new Value(shape, 'float32', nchw, (g) => {
        const [features, kernel] = [from.as(nchw, g), weights(g, float(filter), depthwise)];
        return withUnseen(g, g.ConvTranspose(features, kernel, vector(g, within), attributes), geo);
      });
  return bias && !within ? combine('Add', image, bias) : image;
}

/**
 * The gradient of a convolution by its kernel: the patches that each tap of the kernel saw, side by side, times dy. (A
 * convolution with dy for its kernel would be ONNX Runtime's slowest case.)
 */
const byKernel = rule<tf.Conv2DBackpropFilterInputs, FilterAttrs>(({ x, dy }, given) => {
  const { attrs, last } = channelsLast(given);
  const image = float(last(x));
  const geo = convolution(image.shape, attrs.filterShape, attrs);
  if (seesNothing(geo)) return filled(attrs.filterShape, 0, 'float32');
  const from = float(fitted(last(dy), geo));
  const rows = geo.batch * product(geo.outputs);
  return plainValue(attrs.filterShape, 'float32', (g) => {
    const taps = tapsOf(g, image, geo);
    const sideBySide = g.Concat(taps, { axis: image.shape.length - 1 });
    const patches = g.reshape(sideBySide, [rows, taps.length * geo.inChannels]); // [N·h·w, kh·kw·I]
    const gradients = g.reshape(from.as(plain, g), [rows, geo.outChannels]);
    return g.reshape(g.Gemm(patches, gradients, undefined, { transA: 1 }), attrs.filterShape);
  });
});

/** Convolutions of images and volumes, and their gradients. */
export const convolutions = {
  Conv2D: rule<tf.Conv2DInputs, WindowAttrs>(({ x, filter }, given) => {
    const { attrs, last, asGiven } = channelsLast(given);
    return asGiven(conv(last(x), filter, undefined, attrs));
  }),
  FusedConv2D: rule<tf.FusedConv2DInputs, FusedAttrs>(({ x, filter, bias, preluActivationWeights: prelu }, given) => {
    const { attrs, last, asGiven } = channelsLast(given);
    const y = asGiven(conv(last(x), filter, bias, attrs));
    const slopes = attrs !== given && prelu?.shape.length === 1 ? reshape(prelu, [product(prelu.shape), 1, 1]) : prelu;
    return activate(y, attrs.activation, { alpha: attrs.leakyreluAlpha, prelu: slopes });
  }),
  // `fuse` folds in a bias and a relu.
  Conv2DBackpropInput: rule<
    tf.Conv2DBackpropInputInputs & { readonly bias?: tf.TensorInfo },
    TransposedAttrs & { readonly activation?: 'relu' | 'linear' }
  >(({ dy, filter, bias }, given) => {
    const { attrs, last, asGiven } = channelsLast(given);
    return activate(asGiven(transposed(last(dy), filter, bias, attrs)), attrs.activation);
  }),
  Conv2DBackpropFilter: byKernel,
  DepthwiseConv2dNative: rule<tf.DepthwiseConv2dNativeInputs, WindowAttrs>(({ x, filter }, attrs) =>
    conv(x, filter, undefined, attrs, true),
  ),
  FusedDepthwiseConv2D: rule<tf.FusedDepthwiseConv2DInputs, FusedAttrs>(
    ({ x, filter, bias, preluActivationWeights: prelu }, attrs) =>
      activate(conv(x, filter, bias, attrs, true), attrs.activation, { alpha: attrs.leakyreluAlpha, prelu }),
  ),
  DepthwiseConv2dNativeBackpropInput: rule<tf.DepthwiseConv2dNativeBackpropInputInputs, TransposedAttrs>(
    ({ dy, filter }, attrs) => transposed(dy, filter, undefined, withoutFormat(attrs), true),
  ),
  // For each tap of the kernel, the sum over pixels and images of what it saw times dy.
  DepthwiseConv2dNativeBackpropFilter: rule<tf.Conv2DBackpropFilterInputs, FilterAttrs>(({ x, dy }, attrs) => {
    const geo = convolution(x.shape, attrs.filterShape, withoutFormat(attrs), true);
    const { batch, inChannels: c, outChannels } = geo;
    if (seesNothing(geo)) return filled(attrs.filterShape, 0, 'float32');
    const [from, pixels] = [fitted(dy, geo), product(geo.outputs)];
    return plainValue(attrs.filterShape, 'float32', (g) => {
      const gradients = g.reshape(from.as(plain, g), [batch, pixels, c, outChannels / c]);
      const places = tapsOf(g, x, geo).map((tap) => {
        const products = g.Mul(g.reshape(tap, [batch, pixels, c, 1]), gradients);
        return sum(sum(products, [1], g), [0], g); // [C, M]
      });
      return g.reshape(g.Concat(places, { axis: 0 }), attrs.filterShape);
    });
  }),
  // tfjs rounds after each product where an int32 volume meets a float kernel.
  Conv3D: rule<tf.Conv3DInputs, WindowAttrs>(({ x, filter }, attrs) => {
    if (x.dtype === 'bool' || (x.dtype === 'int32' && filter.dtype === 'float32')) {
      throw new Error(`volumes of type ${x.dtype} are not lowered with a kernel of type ${filter.dtype}; use float32`);
    }
    return cast(conv(float(x), float(filter), undefined, attrs), x.dtype);
  }),
  Conv3DBackpropInputV2: rule<tf.Conv3DBackpropInputV2Inputs, TransposedAttrs>(({ dy, filter }, attrs) =>
    transposed(dy, filter, undefined, attrs),
  ),
  Conv3DBackpropFilterV2: byKernel,
} satisfies Family;

/** Gradients of depthwise convolutions come with no data format. */
const withoutFormat = <Attrs extends WindowAttrs>({ dataFormat: _, ...attrs }: Attrs) => attrs;
