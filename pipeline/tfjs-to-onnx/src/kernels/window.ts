import type { Conv2DAttrs } from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { plain, type Value } from '../forms.ts';
import type { Ref, Shape } from '../ir.ts';

/** tfjs's description of how a convolution or a pooling moves over an image. */
export type WindowAttrs = Pick<Conv2DAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'> &
  Partial<Pick<Conv2DAttrs, 'dilations'>>;
export type PoolAttrs = Pick<WindowAttrs, 'strides' | 'pad' | 'dimRoundingMode'> & {
  readonly filterSize: number | [number, number];
};

/** Sizes, strides and pads, from tfjs's own arithmetic. */
export type ConvInfo = backend_util.Conv2DInfo;

type Shape4 = [number, number, number, number];

/** Sizes and pads for a convolution of `[N, H, W, I]` with a kernel `[kh, kw, I, O]`, or `[kh, kw, I, M]` by channel. */
export function convInfo(image: Shape, kernel: Shape, attrs: WindowAttrs, depthwise = false): ConvInfo {
  refuseChannelsFirst(attrs);
  const { strides, pad, dimRoundingMode } = attrs;
  const dilations = attrs.dilations ?? 1; // tfjs-layers passes null
  const shapes = [image as Shape4, kernel as Shape4] as const;
  return withExactPads(backend_util.computeConv2DInfo(...shapes, strides, dilations, pad, dimRoundingMode, depthwise));
}

/** Sizes and pads for a pooling of `[N, H, W, C]`. */
export const poolInfo = ({ shape }: Value, { filterSize, strides, pad, dimRoundingMode }: PoolAttrs): ConvInfo =>
  withExactPads(backend_util.computePool2DInfo(shape as Shape4, filterSize, strides, 1, pad, dimRoundingMode));

export function refuseChannelsFirst({ dataFormat }: { readonly dataFormat?: string }): void {
  if (dataFormat === 'NCHW') throw new Error('dataFormat NCHW is not lowered; use NHWC, the default of tfjs');
  if (dataFormat === 'NCDHW') throw new Error('dataFormat NCDHW is not lowered; use NDHWC, the default of tfjs');
}

/** Pads at the ends as the windows need them: ONNX rounds sizes down, tfjs according to `dimRoundingMode`. */
function withExactPads(info: ConvInfo): ConvInfo {
  const [down, right] = beyond(info);
  if (down <= -info.strideHeight || right <= -info.strideWidth) {
    // For a pad that is one number tfjs takes both sizes from the kernel's height and its stride.
    const size = `${info.outHeight}×${info.outWidth}`;
    throw new Error(`tfjs computes only ${size} of the output; give a pad for each side, not one number`);
  }
  return { ...info, padInfo: { ...info.padInfo, bottom: Math.max(0, down), right: Math.max(0, right) } };
}

/** How far the last windows reach beyond the image, down and right; negative where they end before. */
export function beyond(info: ConvInfo): [number, number] {
  const { padInfo, strideHeight, strideWidth, outHeight, outWidth, inHeight, inWidth } = info;
  return [
    strideHeight * (outHeight - 1) + info.effectiveFilterHeight - padInfo.top - inHeight,
    strideWidth * (outWidth - 1) + info.effectiveFilterWidth - padInfo.left - inWidth,
  ];
}

/** The ONNX attributes of a convolution; pads are explicit. */
export const convAttributes = ({ dilationHeight, dilationWidth, ...info }: ConvInfo) => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  dilations: [dilationHeight, dilationWidth],
  pads: [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right],
});

/** The ONNX attributes of its transpose. */
export function transposedAttributes(info: ConvInfo) {
  const [down, right] = beyond(info);
  return {
    ...convAttributes(info),
    pads: [info.padInfo.top, info.padInfo.left, Math.max(0, down), Math.max(0, right)],
    // What the strides leave uncovered is added at the ends.
    output_padding: [Math.max(0, -down), Math.max(0, -right)],
  };
}

/** The ONNX attributes of a convolution of volumes. */
export function volumeAttributes(info: backend_util.Conv3DInfo) {
  const after = (axis: 'Depth' | 'Height' | 'Width', before: number) => {
    const used = info[`stride${axis}`] * (info[`out${axis}`] - 1) + info[`effectiveFilter${axis}`];
    return Math.max(0, used - before - info[`in${axis}`]);
  };
  const { front, top, left } = info.padInfo;
  return {
    kernel_shape: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    pads: [front, top, left, after('Depth', front), after('Height', top), after('Width', left)],
  };
}

/**
 * What each tap of a kernel sees of the images, channels last: `[N, h, w, I]` for each, row by row; `outside` in the
 * padding.
 */
export function tapsOf(g: GraphBuilder, x: Value, info: ConvInfo, outside = 0): readonly [Ref, ...Ref[]] {
  const { top, left, bottom, right } = info.padInfo;
  const { strideHeight: sh, strideWidth: sw, filterHeight, filterWidth } = info;
  const image = x.as(plain, g);
  const pads = [0, top, left, 0, 0, bottom, right, 0];
  const padded = pads.every((pad) => pad === 0) ? image : g.Pad(image, g.ints(pads), g.float(outside));
  const taps = Array.from({ length: filterHeight * filterWidth }, (_, tap) => {
    const [i, j] = [Math.floor(tap / filterWidth), tap % filterWidth];
    const [row, column] = [i * info.dilationHeight, j * info.dilationWidth];
    const ends = [row + sh * (info.outHeight - 1) + 1, column + sw * (info.outWidth - 1) + 1];
    return g.Slice(padded, g.ints([row, column]), g.ints(ends), g.ints([1, 2]), g.ints([sh, sw]));
  });
  return taps as [Ref, ...Ref[]];
}
