import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { type Row, row } from './parity.ts';
import { float, whole } from './tensors.ts';

type Pair = readonly [number, number];
export type Pad = 'same' | 'valid' | number | readonly [Pair, Pair, Pair, Pair];

/** A convolution from `[batch, …size, inputs]` to `outputs` channels, of images or volumes, by its sizes. */
export interface Geometry {
  readonly size: readonly number[];
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: readonly number[];
  readonly batch?: number;
  readonly strides?: readonly number[];
  readonly pad?: Pad;
  readonly dilations?: readonly number[];
}

/** A pad for each side of the image. */
export const pads = (top: number, bottom: number, left: number, right: number): Pad => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

function resolved({ batch = 2, pad = 'same', size, kernel, inputs, outputs, ...rest }: Geometry) {
  const ones = size.map(() => 1);
  const { strides = ones, dilations = ones } = rest;
  const image = [batch, ...size, inputs];
  const filter = [...kernel, inputs, outputs];
  // tfjs types pads and lists of sizes more narrowly than it takes them.
  const [steps, gaps, padding] = [strides as Two, dilations as Two, pad as 'same'];
  const { computeConv2DInfo, computeConv3DInfo } = backend_util;
  const { outShape } =
    size.length === 2
      ? computeConv2DInfo(image as Four, filter as Four, steps, gaps, padding)
      : computeConv3DInfo(image as Five, filter as Five, strides as Three, dilations as Three, padding);
  const text =
    `${batch}×${size.join('×')}, ${inputs} to ${outputs}, kernel ${kernel.join('×')}, ` +
    `strides ${strides}, pad ${JSON.stringify(pad)}${dilations.every((d) => d === 1) ? '' : `, dilations ${dilations}`}`;
  return { image, filter, features: outShape.map((d) => d + 0), strides: steps, dilations: gaps, pad: padding, text };
}

type Two = [number, number];
type Three = [number, number, number];
type Four = [number, number, number, number];
type Five = [number, number, number, number, number];

/** Whether tfjs computes it: it has no tensors of negative sizes. */
export function isPossible(geometry: Geometry): boolean {
  try {
    return resolved(geometry).features.every((d) => d >= 0);
  } catch {
    return false;
  }
}

function convolve(x: Tensor, w: Tensor, strides: Two, pad: 'same', dilations?: Two): Tensor {
  return x.rank === 4
    ? tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad, 'NHWC', dilations)
    : tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, strides as never, pad, 'NDHWC', dilations as never);
}

function transposed(x: Tensor, w: Tensor, image: readonly number[], strides: Two, pad: 'same'): Tensor {
  return x.rank === 4
    ? tf.conv2dTranspose(x as tf.Tensor4D, w as tf.Tensor4D, image as Four, strides, pad)
    : tf.conv3dTranspose(x as tf.Tensor5D, w as tf.Tensor5D, image as Five, strides as never, pad);
}

/** Sums of hundreds of products. */
const TOLERANCE = 2e-5;

/** A convolution: the image, and the gradients by image and filter. */
export function convRow(geometry: Geometry): Row {
  const { image, filter, strides, dilations, pad, text } = resolved(geometry);
  return row(
    `convolution ${text}`,
    { x: float(image), w: float(filter) },
    ({ x, w }) => convolve(x, w, strides, pad, dilations),
    // tfjs takes no gradients of dilated convolutions.
    { gradients: dilations.every((d) => d === 1), tolerance: TOLERANCE },
  );
}

/** The convolution's transpose: from its features to its image, and the gradients by features and filter. */
export function transposeRow(geometry: Geometry): Row {
  const { image, filter, features, strides, pad, text } = resolved(geometry);
  return row(
    `transposed convolution ${text}`,
    { x: float(features), w: float(filter) },
    ({ x, w }) => transposed(x, w, image, strides, pad),
    // tfjs has no gradients of transposed convolutions of volumes.
    { gradients: image.length === 4, tolerance: TOLERANCE },
  );
}

/**
 * A layer: convolution, bias and relu, and the gradients by image, filter and bias. Its inputs are integers and its
 * biases halves, so that rounding never decides the sign of a sum.
 */
export function layerRow(geometry: Geometry): Row {
  const { image, filter, strides, pad, text } = resolved(geometry);
  return row(
    `convolution layer ${text}`,
    { x: whole(image), w: whole(filter), b: whole([geometry.outputs], { fraction: 0.5 }) },
    ({ x, w, b }) => tf.relu(tf.add(convolve(x, w, strides, pad), b)),
    { tolerance: TOLERANCE },
  );
}

export function transposeLayerRow(geometry: Geometry): Row {
  const { image, filter, features, strides, pad, text } = resolved(geometry);
  return row(
    `transposed layer ${text}`,
    { x: whole(features), w: whole(filter), b: whole([geometry.inputs], { fraction: 0.5 }) },
    ({ x, w, b }) => tf.relu(tf.add(transposed(x, w, image, strides, pad), b)),
    { tolerance: TOLERANCE },
  );
}

/** A convolution of each channel by itself, with `outputs` results. */
export function depthwiseRow(geometry: Geometry): Row {
  const { image, filter, strides, dilations, pad, text } = resolved(geometry);
  return row(
    `depthwise convolution ${text}`,
    { x: float(image), w: float(filter) },
    ({ x, w }) => tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, pad, 'NHWC', dilations),
    { gradients: dilations.every((d) => d === 1), tolerance: TOLERANCE },
  );
}

const pools = { maxPool: tf.maxPool, avgPool: tf.avgPool, maxPool3d: tf.maxPool3d, avgPool3d: tf.avgPool3d };

/** A pooling of `inputs` channels. */
export function poolRow(op: keyof typeof pools, geometry: Geometry): Row {
  const { image, strides, pad, text } = resolved({ ...geometry, outputs: geometry.inputs });
  const pool = pools[op] as (x: Tensor, size: Two, strides: Two, pad: 'same') => Tensor;
  return row(`${op} ${text}`, { x: float(image) }, ({ x }) => pool(x, geometry.kernel as Two, strides, pad));
}

/** A grey-scale dilation of `inputs` channels. */
export function dilationRow(geometry: Geometry): Row {
  const { image, strides, dilations, pad, text } = resolved({ ...geometry, outputs: geometry.inputs });
  const filter = [...geometry.kernel, geometry.inputs];
  return row(`dilation2d ${text}`, { x: float(image), w: float(filter) }, ({ x, w }) =>
    tf.dilation2d(x as tf.Tensor4D, w as tf.Tensor3D, strides, pad, dilations),
  );
}

const side = fc.integer({ min: 1, max: 9 });
const stride = fc.integer({ min: 1, max: 3 });
const tap = fc.integer({ min: 1, max: 5 });
const channels = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(16, 32) },
  fc.constantFrom(1, 2, 3, 7, 8, 11, 15, 17, 24),
);
const edge = fc.integer({ min: -2, max: 4 });
const pad = fc.oneof(
  fc.constantFrom('same' as const, 'valid' as const),
  edge,
  fc.tuple(edge, edge, edge, edge).map((sides) => pads(...sides)),
);
/** Convolutions of any size, stride and pad; often of as many channels as blocked kernels take. */
export const anyGeometry = fc
  .record({
    batch: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.integer({ min: 15, max: 18 })),
    size: fc.tuple(side, side),
    inputs: channels,
    outputs: channels,
    kernel: fc.tuple(tap, tap),
    strides: fc.tuple(stride, stride),
    pad,
  })
  .filter(isPossible);
