import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { float } from '../support/tensors.ts';

type Pad = 'same' | 'valid' | number;
const windows: readonly [[number, number], number, Pad, number][] = [
  [[3, 3], 1, 'same', 1],
  [[3, 3], 2, 'same', 1],
  [[2, 3], 1, 'valid', 2],
  [[5, 5], 2, 1, 1],
  [[1, 1], 1, 'same', 3],
];

const layer = { x: float([2, 5, 6, 3], -3, 3), w: float([3, 3, 3, 2]), b: float([6]) };

export const depthwiseRows: Row[] = [
  ...windows.map(([[kh, kw], stride, pad, multiplier]) =>
    row(
      `depthwiseConv2d ${kh}×${kw}, strides ${stride}, pad ${pad}, ${multiplier} a channel`,
      { x: float([2, 7, 6, 4]), w: float([kh, kw, 4, multiplier]) },
      ({ x, w }) => tf.depthwiseConv2d(x, w, stride, pad),
    ),
  ),
  row(
    'depthwiseConv2d, dilated',
    { x: float([2, 7, 8, 3]), w: float([3, 3, 3, 1]) },
    ({ x, w }) => tf.depthwiseConv2d(x, w, 1, 'same', 'NHWC', [2, 2]),
    { gradients: false },
  ),
  ...(['linear', 'relu', 'relu6'] as const).map((activation) =>
    row(
      `fused depthwiseConv2d, ${activation}`,
      layer,
      ({ x, w, b }) => tf.fused.depthwiseConv2d({ x, filter: w, bias: b, strides: 1, pad: 'same', activation }),
      { gradients: false },
    ),
  ),
  row('separableConv2d', { x: layer.x, w: layer.w, p: float([1, 1, 6, 5]) }, ({ x, w, p }) =>
    tf.separableConv2d(x, w, p, 2, 'same'),
  ),
];

const channels = { mean: float([16]), variance: float([16], 0.2, 2), scale: float([16]), offset: float([16]) };

export const normalizeRows: Row[] = [
  row('batchNorm of images', { x: float([2, 3, 3, 16]), ...channels }, ({ x, mean, variance, offset, scale }) =>
    tf.batchNorm(x, mean, variance, offset, scale, 1e-3),
  ),
  row('batchNorm of rows', { x: float([5, 16]), ...channels }, ({ x, mean, variance, offset, scale }) =>
    tf.batchNorm(x, mean, variance, offset, scale),
  ),
  row(
    'batchNorm without scale',
    { x: float([5, 4, 16]), ...channels },
    ({ x, mean, variance, offset }) => tf.batchNorm(x, mean, variance, offset),
    { gradients: false },
  ),
  row(
    'batchNorm without offset',
    { x: float([5, 16]), ...channels },
    ({ x, mean, variance }) => tf.batchNorm(x, mean, variance),
    { gradients: false },
  ),
  row(
    'batchNorm by element',
    { x: float([2, 3]), mean: float([2, 3]), variance: float([2, 3], 0.5, 1) },
    (i) => tf.batchNorm(i.x, i.mean, i.variance),
    { gradients: false },
  ),
  row(
    'batchNorm after a convolution',
    { x: float([2, 4, 4, 16]), w: float([3, 3, 16, 16]), ...channels },
    (i) => tf.relu(tf.batchNorm(tf.conv2d(i.x, i.w, 1, 'same'), i.mean, i.variance, i.offset, i.scale)),
    { tolerance: 1e-4 },
  ),
];
