import type { Conv2DAttrs } from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import { nchw, oihw, plain, plainValue, Value } from '../forms.ts';
import type { Attributes, GraphBuilder, Ref } from '../graph.ts';
import { elementwise } from './elementwise.ts';
import { numbers } from './shape.ts';

export type Window = Pick<Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> &
  Partial<Pick<Conv2DAttrs, 'dilations'>>;

/** Sizes, strides and pads of a convolution, from tfjs's own arithmetic. */
export type ConvInfo = backend_util.Conv2DInfo;

/** What tfjs computes for a convolution of `[N, H, W, I]` with a kernel `[kh, kw, I, O]`, or `[kh, kw, I, M]` by channel. */
export function convInfo(
  image: readonly number[],
  kernel: readonly number[],
  attrs: Window,
  depthwise = false,
): ConvInfo {
  if (attrs.dataFormat === 'NCHW') throw new Error('dataFormat NCHW is not lowered; use NHWC, the default of tfjs');
  const info = backend_util.computeConv2DInfo(
    image as [number, number, number, number],
    kernel as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
    depthwise,
  );
  return withExactPads(info);
}

/** Pads at the ends as the windows need them: ONNX rounds sizes down, tfjs as `dimRoundingMode` says. */
export function withExactPads(info: ConvInfo): ConvInfo {
  const [down, right] = beyond(info);
  if (down <= -info.strideHeight || right <= -info.strideWidth) {
    // For a pad that is one number tfjs takes both sizes from the kernel's height and its stride.
    const size = `${info.outHeight}×${info.outWidth}`;
    throw new Error(`tfjs computes only ${size} of the output; give a pad for each side, not one number`);
  }
  return { ...info, padInfo: { ...info.padInfo, bottom: Math.max(0, down), right: Math.max(0, right) } };
}

/** How far the last windows reach beyond the image, down and right; negative where they end before. */
function beyond(info: ConvInfo): [number, number] {
  const { padInfo, strideHeight, strideWidth, outHeight, outWidth, inHeight, inWidth } = info;
  return [
    strideHeight * (outHeight - 1) + info.effectiveFilterHeight - padInfo.top - inHeight,
    strideWidth * (outWidth - 1) + info.effectiveFilterWidth - padInfo.left - inWidth,
  ];
}

/** The ONNX attributes of the same convolution; pads are explicit. */
export const convAttributes = (info: ConvInfo): Attributes => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  dilations: [info.dilationHeight, info.dilationWidth],
  pads: [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right],
});

export function conv2d(g: GraphBuilder, x: Value, filter: Value, bias: Value | undefined, attrs: Window): Value {
  const info = convInfo(x.shape, filter.shape, attrs);
  const ref = g.op('Conv', [x.as(nchw, g), filter.as(oihw, g), vector(g, bias)], convAttributes(info));
  return new Value(info.outShape, 'float32', nchw, ref);
}

/** The ONNX attributes of its transpose. */
export function transposedAttributes(info: ConvInfo): Attributes {
  const [down, right] = beyond(info);
  return {
    ...convAttributes(info),
    pads: [info.padInfo.top, info.padInfo.left, Math.max(0, down), Math.max(0, right)],
    // What the strides leave uncovered is added at the ends.
    output_padding: [Math.max(0, -down), Math.max(0, -right)],
  };
}

/** The gradient of a convolution by its input, which is also what a transposed convolution computes. */
export function conv2dBackpropInput(
  g: GraphBuilder,
  dy: Value,
  filter: Value,
  bias: Value | undefined,
  attrs: Window & { inputShape: readonly number[] },
): Value {
  const info = convInfo(attrs.inputShape, filter.shape, attrs);
  const inputs = [dy.as(nchw, g), filter.as(oihw, g), vector(g, bias)];
  const ref = g.op('ConvTranspose', inputs, transposedAttributes(info));
  return new Value(info.inShape, 'float32', nchw, ref);
}

/**
 * The gradient of a convolution by its kernel, `[kh, kw, I, O]`: the patches that each tap of the kernel saw, side by
 * side, times dy. (As a convolution with dy for its kernel it would be ONNX Runtime's slowest case.)
 */
export function conv2dBackpropFilter(
  g: GraphBuilder,
  x: Value,
  dy: Value,
  attrs: Window & { filterShape: readonly number[] },
): Value {
  const info = convInfo(x.shape, attrs.filterShape, attrs);
  const { outHeight, outWidth, inChannels } = info;
  const taps = tapsOf(g, x, info);
  const rows = info.batchSize * outHeight * outWidth;
  const patches = g.reshape(g.op('Concat', taps, { axis: 3 }), [rows, taps.length * inChannels]); // [N·h·w, kh·kw·I]
  const gradient = g.op('Gemm', [patches, g.reshape(dy.as(plain, g), [rows, info.outChannels])], { transA: 1 });
  return plainValue(g.reshape(gradient, attrs.filterShape));
}

/** What each tap of a kernel sees of the images, channels last: `[N, h, w, I]` for each, row by row; `outside` in the padding. */
export function tapsOf(g: GraphBuilder, x: Value, info: ConvInfo, outside = 0): Ref[] {
  const { top, left, bottom, right } = info.padInfo;
  const { strideHeight: sh, strideWidth: sw, filterHeight, filterWidth } = info;
  const padded =
    top + left + bottom + right === 0
      ? x.as(plain, g)
      : g.op('Pad', [x.as(plain, g), g.ints([0, top, left, 0, 0, bottom, right, 0]), g.float(outside)]);
  return Array.from({ length: filterHeight * filterWidth }, (_, tap) => {
    const [i, j] = [Math.floor(tap / filterWidth), tap % filterWidth];
    const [row, column] = [i * info.dilationHeight, j * info.dilationWidth];
    const ends = [row + sh * (info.outHeight - 1) + 1, column + sw * (info.outWidth - 1) + 1];
    return g.op('Slice', [padded, g.ints([row, column]), g.ints(ends), g.ints([1, 2]), g.ints([sh, sw])]);
  });
}

/** tfjs's fused activations. */
export function activate(
  g: GraphBuilder,
  y: Value,
  activation: string | undefined,
  { alpha, prelu }: { alpha?: number | undefined; prelu?: Value | undefined } = {},
): Value {
  const apply = (make: (ref: Ref) => Ref) => elementwise(g, [y], ([ref]) => make(ref as Ref));
  switch (activation) {
    case undefined:
    case 'linear':
      return y;
    case 'relu':
      return apply((ref) => g.op('Relu', [ref]));
    case 'relu6':
      return apply((ref) => g.op('Clip', [ref, numbers(g, [0], [], y.dtype), numbers(g, [6], [], y.dtype)]));
    case 'elu':
      return apply((ref) => g.op('Elu', [ref]));
    case 'sigmoid':
      return apply((ref) => g.op('Sigmoid', [ref]));
    case 'leakyrelu':
      return apply((ref) => g.op('LeakyRelu', [ref], { alpha: alpha ?? 0.2 }));
    case 'prelu':
      if (prelu) return elementwise(g, [y, prelu], (refs) => g.op('PRelu', refs));
  }
  throw new Error(`activation ${activation} is not lowered; apply it as a layer of its own`);
}

/** A bias as `[C]`. */
export const vector = (g: GraphBuilder, bias: Value | undefined): Ref | undefined =>
  bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);
