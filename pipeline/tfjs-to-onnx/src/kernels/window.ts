import type { Conv2DAttrs } from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../builder.ts';
import { nchw, plain, Value } from '../forms.ts';
import type { Ref, Shape } from '../ir.ts';
import { onnx } from './onnx.ts';

/** One number for all axes, or one for each. */
type Steps = number | readonly number[];

/** tfjs's description of how a convolution or a pooling moves over images or volumes. */
export interface WindowAttrs {
  readonly strides: Steps;
  readonly pad: Conv2DAttrs['pad'];
  readonly dataFormat?: string;
  readonly dilations?: Steps | null;
  readonly dimRoundingMode?: Conv2DAttrs['dimRoundingMode'];
}
export type PoolAttrs = Pick<WindowAttrs, 'strides' | 'pad' | 'dimRoundingMode'> & { readonly filterSize: Steps };

/**
 * How a window moves over `[N, …inputs, I]` and gives `[N, …outputs, O]`: each list has a number for each axis of the
 * image. Output `o` sees the pixels `o · stride − before + k · dilation` of the image, for k = 0 … kernel − 1.
 */
export interface Geometry {
  readonly batch: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inputs: Shape;
  /** Zero or less where the window is larger than the image. */
  readonly outputs: Shape;
  readonly kernel: Shape;
  readonly strides: Shape;
  readonly dilations: Shape;
  /** How far the first window begins before the image; negative where it begins inside. */
  readonly before: Shape;
  /** How far the last window ends behind the image; negative where it ends inside. */
  readonly after: Shape;
}

/** The geometry of a convolution of `[N, …, I]` with a kernel `[…, I, O]`, or `[…, I, M]` by channel. */
export function convolution(image: Shape, kernel: Shape, attrs: WindowAttrs, depthwise = false): Geometry {
  refuseChannelsFirst(attrs);
  if (image.length !== 4 && image.length !== 5) {
    throw new Error(`[${image}] is no shape of images, which have 4 axes, or of volumes, which have 5`);
  }
  // tfjs-layers passes null for dilations of 1.
  const window = [attrs.strides as number, (attrs.dilations ?? 1) as number, attrs.pad as number] as const;
  const rounding = attrs.dimRoundingMode;
  if (image.length === 4) {
    const shapes = [image as Numbers4, kernel as Numbers4] as const;
    const info = backend_util.computeConv2DInfo(...shapes, ...window, rounding, depthwise);
    return geometry(info, ['Height', 'Width'], [info.padInfo.top, info.padInfo.left]);
  }
  const shapes = [image as Numbers5, kernel as Numbers5] as const;
  const info = backend_util.computeConv3DInfo(...shapes, ...window, depthwise, 'channelsLast', rounding);
  const { front, top, left } = info.padInfo;
  return geometry(info, ['Depth', 'Height', 'Width'], [front, top, left]);
}

type Numbers4 = [number, number, number, number];
type Numbers5 = [number, number, number, number, number];

/**
 * From tfjs's own arithmetic. What the windows cover behind the image follows from the sizes: ONNX rounds them down,
 * tfjs by `dimRoundingMode`, and where a pad is one number tfjs computes both sizes of an image by the kernel's height.
 */
function geometry(
  info: Pick<backend_util.Conv2DInfo, 'batchSize' | 'inChannels' | 'outChannels'>,
  axes: readonly string[],
  before: Shape,
): Geometry {
  const numbers = info as unknown as Readonly<Record<string, number>>;
  const list = (name: string) => axes.map((axis) => numbers[`${name}${axis}`] ?? 0);
  const [inputs, outputs, strides, spans] = [list('in'), list('out'), list('stride'), list('effectiveFilter')];
  if (![...before, ...strides].every(Number.isInteger)) {
    throw new Error(`pads and strides have to be whole numbers; found pads ${before} and strides ${strides}`);
  }
  const ends = outputs.map((out, i) => (strides[i] ?? 1) * (out - 1) + (spans[i] ?? 1) - (before[i] ?? 0));
  return {
    batch: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    inputs,
    outputs,
    kernel: list('filter'),
    strides,
    dilations: list('dilation'),
    before,
    after: ends.map((end, i) => end - (inputs[i] ?? 0)),
  };
}

/** The geometry of a pooling of `[N, …, C]`. */
export function pooled({ shape }: Value, { filterSize, ...attrs }: PoolAttrs): Geometry {
  const [axes, channels = 1] = [shape.slice(1, -1), shape.at(-1)];
  const kernel = typeof filterSize === 'number' ? axes.map(() => filterSize) : filterSize.slice(0, axes.length);
  const { strides, pad, dimRoundingMode } = attrs; // a pooling has no dilations, and its volumes are channels-last
  return convolution(shape, [...kernel, channels, channels], { strides, pad, dimRoundingMode });
}

export function refuseChannelsFirst({ dataFormat }: { readonly dataFormat?: string }): void {
  if (dataFormat === 'NCHW') throw new Error('dataFormat NCHW is not lowered; use NHWC, the default of tfjs');
  if (dataFormat === 'NCDHW') throw new Error('dataFormat NCDHW is not lowered; use NDHWC, the default of tfjs');
}

/**
 * The shape that a window gives: `[N, …outputs, O]`.
 * @throws Error where tfjs gives none
 */
export function outputShape({ batch, outputs, outChannels, inputs, kernel }: Geometry): Shape {
  if (outputs.some((d) => d < 0)) {
    throw new Error(`a window of ${kernel} does not fit into an image of ${inputs}; make it smaller, or pad the image`);
  }
  return [batch, ...outputs, outChannels];
}

export const inputShape = ({ batch, inputs, inChannels }: Geometry): Shape => [batch, ...inputs, inChannels];

/** Whether a tensor of this shape has no elements. */
export const isEmpty = (shape: Shape): boolean => shape.some((d) => d <= 0);

/** What windows leave out at the beginning and the end of each axis, and ONNX cannot. */
const unseen = ({ before, after, strides }: Geometry) => ({
  first: before.map((d) => Math.max(0, -d)),
  last: after.map((d, i) => (d <= -(strides[i] ?? 1) ? -d : 0)),
});

/** Whether no window sees a pixel: everything is 0 then. */
export function seesNothing(geo: Geometry): boolean {
  const { first, last } = unseen(geo);
  const rest = geo.inputs.map((d, i) => d - (first[i] ?? 0) - (last[i] ?? 0));
  return isEmpty([geo.batch, geo.inChannels, geo.outChannels, ...geo.outputs, ...rest]);
}

/** Whether ONNX's own pads say where the windows are. */
export const needsNoCut = (geo: Geometry): boolean => {
  const { first, last } = unseen(geo);
  return [...first, ...last].every((d) => d === 0);
};

/** Channels-first images without the pixels at their edges that the windows leave out and ONNX cannot. */
export function seen(g: GraphBuilder, image: Ref, geo: Geometry): Ref {
  if (needsNoCut(geo)) return image;
  const { first, last } = unseen(geo);
  return g.Pad(image, g.ints([0, 0, ...first.map((d) => -d), 0, 0, ...last.map((d) => -d)]));
}

/** Adds to channels-first images, as zeros, the pixels that `seen` takes away. */
export function withUnseen(g: GraphBuilder, image: Ref, geo: Geometry): Ref {
  if (needsNoCut(geo)) return image;
  const { first, last } = unseen(geo);
  return g.Pad(image, g.ints([0, 0, ...first, 0, 0, ...last]));
}

export const positive = (sizes: Shape): Shape => sizes.map((d) => Math.max(0, d));

/** The ONNX attributes of a window on what is `seen`; pads are explicit. */
export const windowAttributes = ({ kernel, strides, dilations, before, after }: Geometry) => ({
  kernel_shape: kernel,
  strides,
  dilations,
  pads: [...positive(before), ...positive(after)],
});

/** The ONNX attributes of its transpose. */
export const transposedAttributes = (geo: Geometry) => ({
  ...windowAttributes(geo),
  // What the strides leave uncovered is added at the ends.
  output_padding: geo.after.map((d, i) => (d > -(geo.strides[i] ?? 1) ? Math.max(0, -d) : 0)),
});

/**
 * The gradient of a window's output, without what another rounding of the sizes added.
 * @throws Error where it is smaller than that
 */
export function fitted(dy: Value, geo: Geometry): Value {
  const wanted = outputShape(geo);
  const others = wanted.flatMap((d, axis) => (axis < wanted.length - 1 && d !== dy.shape[axis] ? [axis] : []));
  if (others.length === 0) return dy;
  const sizes = others.map((axis) => wanted[axis] ?? 0);
  if (others.some((axis, i) => (sizes[i] ?? 0) > (dy.shape[axis] ?? 0))) {
    throw new Error(
      `a window of ${geo.kernel} over ${geo.inputs} gives ${geo.outputs}, and ${dy.shape.slice(1, -1)} was found; ` +
        'give a size (outputShape) that fits',
    );
  }
  return onnx.Slice(
    dy,
    others.map(() => 0),
    sizes,
    others,
  );
}

/** Attributes of images whose channels come first as those of channels-last ones, and such images from and to theirs. */
export function channelsLast<Attrs extends WindowAttrs & { readonly inputShape?: Shape }>(attrs: Attrs) {
  const same = { attrs, last: (x: Value) => x, asGiven: (y: Value) => y };
  if (attrs.dataFormat !== 'NCHW') return same;
  const { pad, inputShape: image } = attrs;
  return {
    attrs: {
      ...attrs,
      dataFormat: 'NHWC',
      ...(Array.isArray(pad) && { pad: lastAxes(pad) }),
      ...(image && { inputShape: lastAxes(image) }),
    } as Attrs,
    last: (x: Value) => new Value(lastAxes(x.shape), x.dtype, nchw, (g) => x.as(plain, g)),
    asGiven: (y: Value) => new Value(firstAxes(y.shape), y.dtype, plain, (g) => y.as(nchw, g)),
  };
}

const lastAxes = <T>([n, c, ...axes]: readonly T[]) => [n, ...axes, c] as T[];
const firstAxes = <T>([n, ...axes]: readonly T[]) => [n, ...axes.slice(-1), ...axes.slice(0, -1)] as T[];
