import type { Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  convRow,
  type Geometry,
  layerRow,
  type Pad,
  pads,
  transposeLayerRow,
  transposeRow,
} from '../support/geometry.ts';
import { type Row, row } from '../support/parity.ts';
import { float } from '../support/tensors.ts';

const padsOfAllKinds: Pad[] = ['same', 'valid', 0, 1, 2, pads(1, 0, 2, 1), pads(0, 2, 1, 1)];

const geometries: Geometry[] = [
  ...[1, 2, 3].flatMap((s) =>
    [1, 3, 4, 5].map((k): Geometry => ({ size: [7, 8], inputs: 3, outputs: 16, kernel: [k, k], strides: [s, s] })),
  ),
  ...padsOfAllKinds.flatMap((pad): Geometry[] => [
    { size: [6, 5], inputs: 16, outputs: 16, kernel: [3, 3], pad },
    { size: [9, 7], inputs: 16, outputs: 32, kernel: [4, 5], strides: [2, 2], pad },
  ]),
  ...[1, 3, 11, 16, 32, 48].flatMap((inputs) =>
    [1, 11, 16, 32].map((outputs): Geometry => ({ size: [5, 6], inputs, outputs, kernel: [3, 3], strides: [2, 2] })),
  ),
  { size: [5, 9], inputs: 16, outputs: 16, kernel: [1, 5] },
  { size: [9, 5], inputs: 16, outputs: 16, kernel: [5, 2], strides: [1, 2] },
  { size: [8, 8], inputs: 16, outputs: 16, kernel: [3, 3], strides: [2, 1] },
  { size: [8, 8], inputs: 16, outputs: 16, kernel: [2, 2], strides: [3, 3] },
  { size: [6, 6], inputs: 16, outputs: 16, kernel: [6, 6], pad: 'valid' },
  { size: [1, 1], inputs: 16, outputs: 16, kernel: [3, 3] },
  { size: [6, 6], inputs: 16, outputs: 16, kernel: [3, 3], batch: 1 },
  { size: [6, 6], inputs: 16, outputs: 16, kernel: [3, 3], batch: 17 },
  { size: [6, 6], inputs: 16, outputs: 16, kernel: [3, 3], batch: 16, strides: [2, 2] },
];

const dilated: Geometry[] = [
  { size: [8, 9], inputs: 3, outputs: 16, kernel: [3, 3], dilations: [2, 2] },
  { size: [8, 9], inputs: 16, outputs: 16, kernel: [3, 2], dilations: [1, 3], pad: 'valid' },
];

type Activation = NonNullable<Parameters<typeof tf.fused.conv2d>[0]['activation']>;
const activations: Activation[] = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'];

/** Programs of several convolutions, whose features have to go through everything else. */
const kernel = float([3, 3, 16, 16], -0.3, 0.3);
const one = { x: float([2, 6, 6, 16]), w: kernel };
const two = { ...one, v: kernel };
const same = (x: Tensor4D, w: Tensor4D, s = 1) => tf.conv2d(x, w, s, 'same');
const chains: Row[] = [
  row('two layers', two, ({ x, w, v }) => tf.relu(same(tf.relu(same(x, w, 2)), v))),
  row('one layer twice', one, ({ x, w }) => tf.relu(same(tf.relu(same(x, w)), w))),
  row('numbers per image and channel', two, ({ x, w, v }) => {
    const y = same(x, w);
    const mean = tf.mul(tf.sum(y, [1, 2], true), 1 / 36); // [N, 1, 1, C]
    return same(tf.mul(tf.sub(y, mean), tf.sigmoid(mean)), v);
  }),
  row('sums over pixels', one, ({ x, w }) => tf.sum(same(x, w), [1, 2])),
  row('the sum of two layers of one pixel', { ...two, x: float([1, 1, 1, 16]) }, ({ x, w, v }) =>
    tf.relu(tf.add(same(x, w), same(x, v))),
  ),
  row('a residual', two, ({ x, w, v }) => tf.add(x, same(tf.relu(same(x, w)), v))),
  row('features used before and after relu', two, ({ x, w, v }) => {
    const y = same(x, w);
    return tf.add(same(tf.relu(y), v), y);
  }),
  row('down and up', two, ({ x, w, v }) => tf.conv2dTranspose(tf.relu(same(x, w, 2)), v, [2, 6, 6, 16], 2, 'same')),
  row('scale and shift by channel', { ...two, scale: float([16]), shift: float([16]) }, (i) =>
    same(tf.add(tf.mul(same(i.x, i.w), i.scale), i.shift) as Tensor4D, i.v),
  ),
  row('shift minus features', { ...one, shift: float([16]) }, (i) => tf.sub(i.shift, same(i.x, i.w))),
  row('scale by pixel', { ...one, mask: float([6, 6, 1]) }, (i) => tf.mul(same(i.x, i.w), i.mask)),
  row('features to a dense layer', { ...one, dense: float([576, 4]) }, ({ x, w, dense }) =>
    tf.matMul(tf.reshape(same(x, w), [2, 576]), dense),
  ),
  row('a dense layer to features', { code: float([2, 4]), dense: float([4, 144]), w: kernel }, (i) =>
    tf.conv2dTranspose(
      tf.reshape(tf.matMul(i.code, i.dense), [2, 3, 3, 16]) as Tensor4D,
      i.w,
      [2, 6, 6, 16],
      2,
      'same',
    ),
  ),
  row('mean of the pixels', one, ({ x, w }) => tf.mean(same(x, w), [1, 2])),
  row('normalised by channel', one, ({ x, w }) => {
    const { mean, variance } = tf.moments(same(x, w), [0, 1, 2]);
    return tf.div(tf.sub(same(x, w), mean), tf.sqrt(tf.add(variance, 1e-3)));
  }),
  row('concat and slice of channels', two, ({ x, w, v }) =>
    tf.slice(tf.concat([same(x, w), same(x, v)], 3), [0, 0, 0, 8], [2, 6, 6, 16]),
  ),
  row('mean squared error of features', one, ({ x, w }) => tf.mean(tf.square(tf.sub(x, same(x, w))))),
  row('features times one number', { ...one, s: float([]) }, ({ x, w, s }) => tf.mul(s, same(x, w))),
];

export const convRows: Row[] = [
  ...geometries.map(convRow),
  ...geometries.map(transposeRow),
  ...dilated.map(convRow),
  ...geometries.slice(0, 12).flatMap((geometry) => [layerRow(geometry), transposeLayerRow(geometry)]),
  ...activations.map((activation) =>
    row(
      `fused conv2d, ${activation}`,
      { x: float([2, 5, 5, 3], -3, 3), w: float([3, 3, 3, 16]), b: float([16]) },
      ({ x, w, b }) =>
        tf.fused.conv2d({ x, filter: w, bias: b, strides: 2, pad: 'same', activation, leakyreluAlpha: 0.3 }),
      { gradients: activation === 'linear' || activation === 'relu' },
    ),
  ),
  row(
    'fused conv2d, prelu',
    { x: float([2, 5, 5, 3]), w: float([3, 3, 3, 16]), alpha: float([1, 1, 16]) },
    ({ x, w, alpha }) =>
      tf.fused.conv2d({ x, filter: w, strides: 1, pad: 'valid', activation: 'prelu', preluActivationWeights: alpha }),
    { gradients: false },
  ),
  ...(['ceil', 'round', 'floor'] as const).map((rounding) =>
    row(
      `conv2d, sizes rounded: ${rounding}`,
      { x: float([2, 8, 7, 3]), w: float([3, 3, 3, 16]) },
      // tfjs's gradients always round down.
      ({ x, w }) => tf.conv2d(x, w, [2, 3], 0, 'NHWC', 1, rounding),
    ),
  ),
  ...chains,
];
