import { backend_util } from '@tensorflow/tfjs-core';
import { plain, plainValue, type Value } from '../forms.ts';
import type { Attributes, GraphBuilder, Ref } from '../graph.ts';

type Shape5 = [number, number, number, number, number];
type Triple = number | [number, number, number];
type Info = backend_util.Conv3DInfo;

interface Window {
  readonly strides: Triple;
  readonly pad: 'valid' | 'same' | number;
  readonly dataFormat?: string;
  readonly dilations?: Triple;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** Convolution of volumes `[N, D, H, W, I]` with `[kd, kh, kw, I, O]`. */
export function conv3d(g: GraphBuilder, x: Value, filter: Value, attrs: Window): Value {
  refuseChannelsFirst(attrs);
  const { strides, dilations = 1, pad } = attrs;
  const info = backend_util.computeConv3DInfo(x.shape as Shape5, filter.shape as Shape5, strides, dilations, pad);
  const kernel = g.transpose(filter.as(plain, g), [4, 3, 0, 1, 2]);
  return channelsLast(g, g.op('Conv', [channelsFirst(g, x), kernel], attributes(info)));
}

export function pool3d(
  g: GraphBuilder,
  op: 'MaxPool' | 'AveragePool',
  x: Value,
  attrs: Window & { readonly filterSize: Triple },
): Value {
  refuseChannelsFirst(attrs);
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = backend_util.computePool3DInfo(x.shape as Shape5, filterSize, strides, 1, pad, dimRoundingMode);
  const { kernel_shape, strides: steps, pads } = attributes(info);
  return channelsLast(g, g.op(op, [channelsFirst(g, x)], { kernel_shape, strides: steps, pads }));
}

function attributes(info: Info): Attributes {
  const pads = (axis: 'Depth' | 'Height' | 'Width', before: number) => {
    const used = info[`stride${axis}`] * (info[`out${axis}`] - 1) + info[`effectiveFilter${axis}`];
    return [before, Math.max(0, used - before - info[`in${axis}`])] as const;
  };
  const { front, top, left } = info.padInfo;
  const [z, y, x] = [pads('Depth', front), pads('Height', top), pads('Width', left)];
  return {
    kernel_shape: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    pads: [z[0], y[0], x[0], z[1], y[1], x[1]],
  };
}

function refuseChannelsFirst({ dataFormat }: Window): void {
  if (dataFormat === 'NCDHW') throw new Error('dataFormat NCDHW is not lowered; use NDHWC, the default of tfjs');
}

const channelsFirst = (g: GraphBuilder, x: Value): Ref => g.transpose(x.as(plain, g), [0, 4, 1, 2, 3]);
const channelsLast = (g: GraphBuilder, ref: Ref): Value => plainValue(g.transpose(ref, [0, 2, 3, 4, 1]));
