import * as tf from '@tensorflow/tfjs-core';
import { backend_util } from '@tensorflow/tfjs-core';
import { type Row, row } from './parity.ts';
import { float, whole } from './tensors.ts';

export type Pair = readonly [number, number];
export type Pad = 'same' | 'valid' | number | readonly [Pair, Pair, Pair, Pair];

/** A convolution from `[batch, …size, inputs]` to `outputs` channels, by its sizes. */
export interface Geometry {
  readonly size: Pair;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: Pair;
  readonly batch?: number;
  readonly strides?: Pair;
  readonly pad?: Pad;
  readonly dilations?: Pair;
}

/** A pad for each side of the image. */
export const pads = (top: number, bottom: number, left: number, right: number): Pad => [
  [0, 0],
  [top, bottom],
  [left, right],
  [0, 0],
];

function resolved({ batch = 2, strides = [1, 1], pad = 'same', dilations = [1, 1], ...rest }: Geometry) {
  const image = [batch, ...rest.size, rest.inputs] as [number, number, number, number];
  const filter = [...rest.kernel, rest.inputs, rest.outputs] as [number, number, number, number];
  const window = { strides: [...strides] as [number, number], dilations: [...dilations] as [number, number] };
  // tfjs types explicit pads as mutable.
  const padding = pad as 'same' | 'valid' | number;
  const { outShape: features } = backend_util.computeConv2DInfo(
    image,
    filter,
    window.strides,
    window.dilations,
    padding,
  );
  const text =
    `${batch}×${rest.size.join('×')}, ${rest.inputs} to ${rest.outputs}, kernel ${rest.kernel.join('×')}, ` +
    `strides ${strides}, pad ${JSON.stringify(pad)}${dilations.every((d) => d === 1) ? '' : `, dilations ${dilations}`}`;
  return { image, filter, features, ...window, pad: padding, text };
}

/** Whether tfjs computes it correctly, and the output is not empty. */
export function isPossible(geometry: Geometry): boolean {
  const { kernel, strides = [1, 1], pad } = geometry;
  // For a pad that is one number tfjs takes both sizes from the kernel's height and its stride.
  if (typeof pad === 'number' && (kernel[0] !== kernel[1] || strides[0] !== strides[1])) return false;
  try {
    return resolved(geometry).features.every((d) => d > 0);
  } catch {
    return false;
  }
}

/** Sums of hundreds of products. */
const TOLERANCE = 2e-5;

/** A convolution: the image, and the gradients by image and filter. */
export function convRow(geometry: Geometry): Row {
  const { image, filter, strides, dilations, pad, text } = resolved(geometry);
  return row(
    `conv2d ${text}`,
    { x: float(image), w: float(filter) },
    ({ x, w }) => tf.conv2d(x, w, strides, pad, 'NHWC', dilations),
    // tfjs takes no gradients of dilated convolutions.
    { gradients: dilations.every((d) => d === 1), tolerance: TOLERANCE },
  );
}

/** The convolution's transpose: from its features to its image, and the gradients by features and filter. */
export function transposeRow(geometry: Geometry): Row {
  const { image, filter, features, strides, pad, text } = resolved(geometry);
  return row(
    `conv2dTranspose ${text}`,
    { x: float(features), w: float(filter) },
    ({ x, w }) => tf.conv2dTranspose(x, w, image, strides, pad),
    { tolerance: TOLERANCE },
  );
}

/**
 * A layer: convolution, bias and relu, and the gradients by image, filter and bias. Its inputs are integers and its
 * biases halves, so that rounding never decides the sign of a sum.
 */
export function layerRow(geometry: Geometry): Row {
  const { image, filter, strides, pad, text } = resolved(geometry);
  return row(
    `conv2d layer ${text}`,
    { x: whole(image), w: whole(filter), b: whole([geometry.outputs], { fraction: 0.5 }) },
    ({ x, w, b }) => tf.relu(tf.add(tf.conv2d(x, w, strides, pad), b)),
    { tolerance: TOLERANCE },
  );
}

export function transposeLayerRow(geometry: Geometry): Row {
  const { image, filter, features, strides, pad, text } = resolved(geometry);
  return row(
    `conv2dTranspose layer ${text}`,
    { x: whole(features), w: whole(filter), b: whole([geometry.inputs], { fraction: 0.5 }) },
    ({ x, w, b }) => tf.relu(tf.add(tf.conv2dTranspose(x, w, image, strides, pad), b)),
    { tolerance: TOLERANCE },
  );
}
