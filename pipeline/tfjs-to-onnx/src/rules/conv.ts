import type { Conv2DAttrs } from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { Attributes, GraphBuilder, Ref } from '../graph.ts';
import { nchw, oihw, plain, plainValue, Value } from '../value.ts';
import { elementwise } from './elementwise.ts';
import { numbers } from './shape.ts';

type Window = Pick<Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> &
  Partial<Pick<Conv2DAttrs, 'dilations'>>;

/** Sizes, strides and pads of a convolution, from tfjs's own arithmetic. */
export type ConvInfo = backend_util.Conv2DInfo;

/** What tfjs computes for a convolution of `[N, H, W, I]` with a kernel `[kh, kw, I, O]`. */
export function convInfo(image: readonly number[], kernel: readonly number[], attrs: Window): ConvInfo {
  if (attrs.dataFormat === 'NCHW') throw new Error('dataFormat NCHW is not lowered; use NHWC, the default of tfjs');
  return backend_util.computeConv2DInfo(
    image as [number, number, number, number],
    kernel as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? 1,
    attrs.pad,
    attrs.dimRoundingMode,
  );
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

/** The gradient of a convolution by its input, which is also what a transposed convolution computes. */
export function conv2dBackpropInput(
  g: GraphBuilder,
  dy: Value,
  filter: Value,
  bias: Value | undefined,
  attrs: Window & { inputShape: readonly number[] },
): Value {
  const info = convInfo(attrs.inputShape, filter.shape, attrs);
  const { top, left } = info.padInfo;
  // What the strides cover beyond the wanted size is cut off at the end; what they leave uncovered is added there.
  const beyond = (wanted: number, steps: number, stride: number, kernel: number, before: number) =>
    stride * (steps - 1) + kernel - before - wanted;
  const down = beyond(info.inHeight, info.outHeight, info.strideHeight, info.filterHeight, top);
  const right = beyond(info.inWidth, info.outWidth, info.strideWidth, info.filterWidth, left);
  const ref = g.op('ConvTranspose', [dy.as(nchw, g), filter.as(oihw, g), vector(g, bias)], {
    kernel_shape: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    pads: [top, left, Math.max(0, down), Math.max(0, right)],
    output_padding: [Math.max(0, -down), Math.max(0, -right)],
  });
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
  const { top, left, bottom, right } = info.padInfo;
  const { strideHeight: sh, strideWidth: sw, outHeight, outWidth, filterHeight, filterWidth, inChannels } = info;
  const padded =
    top + left + bottom + right === 0
      ? x.as(plain, g)
      : g.op('Pad', [x.as(plain, g), g.ints([0, top, left, 0, 0, bottom, right, 0])]);
  const taps = Array.from({ length: filterHeight * filterWidth }, (_, tap) => {
    const [row, column] = [Math.floor(tap / filterWidth), tap % filterWidth];
    const ends = [row + sh * (outHeight - 1) + 1, column + sw * (outWidth - 1) + 1];
    return g.op('Slice', [padded, g.ints([row, column]), g.ints(ends), g.ints([1, 2]), g.ints([sh, sw])]);
  });
  const rows = info.batchSize * outHeight * outWidth;
  const patches = g.reshape(g.op('Concat', taps, { axis: 3 }), [rows, taps.length * inChannels]); // [N·h·w, kh·kw·I]
  const gradient = g.op('Gemm', [patches, g.reshape(dy.as(plain, g), [rows, info.outChannels])], { transA: 1 });
  return plainValue(g.reshape(gradient, attrs.filterShape));
}

export function pool(
  g: GraphBuilder,
  op: 'MaxPool' | 'AveragePool',
  x: Value,
  {
    filterSize,
    strides,
    pad,
    dimRoundingMode,
  }: {
    filterSize: number | [number, number];
    strides: number | [number, number];
    pad: Conv2DAttrs['pad'];
    dimRoundingMode?: 'floor' | 'round' | 'ceil';
  },
): Value {
  const image = x.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode);
  return new Value(info.outShape, 'float32', nchw, g.op(op, [x.as(nchw, g)], convAttributes(info)));
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

const vector = (g: GraphBuilder, bias: Value | undefined): Ref | undefined =>
  bias && g.reshape(bias.as(plain, g), [bias.shape.at(-1) ?? 1]);
