import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, int } from '../support/tensors.ts';

// Convolutions of channels-first images, of other types, of nothing, and with biases of any shape.

const without = { gradients: false };
type Pad = Parameters<typeof tf.conv2d>[3];
type Activation = NonNullable<Parameters<typeof tf.fused.conv2d>[0]['activation']>;
const activations: Activation[] = ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'];

const first = { x: float([2, 3, 6, 5]), w: float([3, 2, 3, 4]) };
const explicit: Pad = [
  [0, 0],
  [0, 0],
  [2, 1],
  [0, 3],
];

const channelsFirst: Row[] = [
  ...(['same', 'valid', 1, explicit] as const).flatMap((pad) =>
    [1, 2].map((stride) =>
      row(`conv2d of channels-first images, strides ${stride}, pad ${JSON.stringify(pad)}`, first, ({ x, w }) =>
        tf.conv2d(x, w, stride, pad as Pad, 'NCHW'),
      ),
    ),
  ),
  row(
    'conv2d of channels-first images, dilated',
    first,
    ({ x, w }) => tf.conv2d(x, w, 1, 'valid', 'NCHW', [2, 1]),
    without,
  ),
  row('a row added to channels-first images', { x: float([2, 3, 4, 4]), w: float([1, 1, 3, 4]), b: float([4]) }, (i) =>
    tf.relu(tf.add(tf.conv2d(i.x, i.w, 1, 'same', 'NCHW'), i.b)),
  ),
  row('two layers of channels-first images', { x: float([2, 16, 6, 6]), w: float([3, 3, 16, 16]) }, ({ x, w }) =>
    tf.conv2d(tf.relu(tf.conv2d(x, w, 2, 'same', 'NCHW')), w, 1, 'same', 'NCHW'),
  ),
  ...([[], [1], [4]] as const).map((bias) =>
    row(
      `fused conv2d of channels-first images, bias [${bias}]`,
      { ...first, b: float(bias) },
      ({ x, w, b }) =>
        tf.fused.conv2d({ x, filter: w, bias: b, strides: 1, pad: 'same', dataFormat: 'NCHW', activation: 'relu' }),
      without,
    ),
  ),
  ...([[], [1], [4]] as const).map((shape) =>
    row(
      `fused conv2d of channels-first images, slopes [${shape}]`,
      { ...first, alpha: float(shape) },
      ({ x, w, alpha }) =>
        tf.fused.conv2d({
          x,
          filter: w,
          strides: 1,
          pad: 'same',
          dataFormat: 'NCHW',
          activation: 'prelu',
          preluActivationWeights: alpha,
        }),
      without,
    ),
  ),
];

/** Biases of one number, by channel, by pixel and by element. */
const biases = [[], [1], [16], [1, 1, 16], [5, 5, 1], [2, 5, 5, 16]] as const;
const fused = { x: float([2, 5, 5, 3], -3, 3), w: float([3, 3, 3, 16]) };
const apart = { x: float([2, 5, 5, 8], -3, 3), w: float([3, 3, 8, 2]) };
const biased: Row[] = biases.flatMap((shape) =>
  activations.flatMap((activation) => {
    const options = { gradients: activation === 'linear', tolerance: 2e-5 };
    const rest = { strides: 1, pad: 'same', activation, leakyreluAlpha: 0.3 } as const;
    const slopes = (alpha: Tensor) => (activation === 'prelu' ? { preluActivationWeights: alpha } : {});
    const more = { b: float(shape), alpha: float([16]) };
    const name = `bias [${shape}], ${activation}`;
    return [
      row(
        `fused conv2d, ${name}`,
        { ...fused, ...more },
        ({ x, w, b, alpha }) => tf.fused.conv2d({ x, filter: w, bias: b, ...rest, ...slopes(alpha) }),
        { ...options, gradients: false },
      ),
      row(
        `fused depthwiseConv2d, ${name}`,
        { ...apart, ...more },
        ({ x, w, b, alpha }) => tf.fused.depthwiseConv2d({ x, filter: w, bias: b, ...rest, ...slopes(alpha) }),
        { ...options, gradients: false },
      ),
      ...(activation === 'linear' && shape.length < 4
        ? [
            row(
              `gradients of fused conv2d, ${name}`,
              { ...fused, b: float(shape) },
              ({ x, w, b }) => tf.fused.conv2d({ x, filter: w, bias: b, ...rest }),
              options,
            ),
          ]
        : []),
    ];
  }),
);

const typed: Row[] = [
  row('conv3d of int32', { x: int([1, 3, 4, 4, 2]), w: int([2, 2, 2, 2, 3]) }, ({ x, w }) =>
    tf.conv3d(x, w, 1, 'same'),
  ),
  row('conv3d with a kernel of int32', { x: float([1, 3, 4, 4, 2]), w: int([2, 2, 2, 2, 3]) }, ({ x, w }) =>
    tf.conv3d(x, w, 1, 'same'),
  ),
  row('conv2dTranspose of int32', { x: int([1, 3, 4, 2]), w: int([3, 3, 5, 2]) }, ({ x, w }) =>
    tf.conv2dTranspose(x, w, [1, 6, 7, 5], 2, 'same'),
  ),
  row(
    'conv2dTranspose of bool',
    { x: bool([1, 3, 4, 16]), w: float([3, 3, 16, 16]) },
    ({ x, w }) => tf.conv2dTranspose(x, w, [1, 6, 8, 16], 2, 'same'),
    without,
  ),
  row('conv3dTranspose of int32', { x: int([1, 2, 3, 2, 2]), w: int([2, 2, 2, 3, 2]) }, ({ x, w }) =>
    tf.conv3dTranspose(x, w, [1, 4, 6, 4, 3], 2, 'same'),
  ),
];

/** Features for which another size would be taken for granted: tfjs leaves out what is too much. */
const sized: Row[] = [
  ...(
    [
      [6, 5],
      [4, 7],
      [1, 1],
    ] as const
  ).map(([height, width]) =>
    row(
      `conv2dTranspose to ${height}×${width}`,
      { x: float([2, 4, 4, 3]), w: float([3, 3, 2, 3]) },
      ({ x, w }) => tf.conv2dTranspose(x, w, [2, height, width, 2], 2, 'same'),
      without,
    ),
  ),
  row(
    'conv3dTranspose to fewer',
    { x: float([2, 3, 3, 3, 2]), w: float([2, 2, 2, 1, 2]) },
    ({ x, w }) => tf.conv3dTranspose(x, w, [1, 3, 4, 5, 1], 2, 'same'),
    without,
  ),
];

/** Sequences, which are images of one row. */
const sequences: Row[] = (['same', 'valid', 0] as const).flatMap((pad) =>
  (
    [
      [1, 1],
      [3, 1],
      [1, 2],
      [4, 9],
    ] as const
  ).map(([kernel, stride]) =>
    row(`conv1d of ${kernel}, strides ${stride}, pad ${pad}`, { x: float([2, 9, 5]), w: float([kernel, 5, 4]) }, (i) =>
      tf.conv1d(i.x, i.w, stride, pad),
    ),
  ),
);

const none = { x: float([0, 6, 6, 16]), w: float([3, 3, 16, 16]) };
const empty: Row[] = [
  row('conv2d of no images', none, ({ x, w }) => tf.relu(tf.conv2d(x, w, 2, 'same'))),
  row('conv2d to no channels', { x: float([2, 6, 6, 16]), w: float([3, 3, 16, 0]) }, ({ x, w }) =>
    tf.conv2d(x, w, 1, 'same'),
  ),
  row('conv2d of no channels', { x: float([2, 4, 4, 0]), w: float([3, 3, 0, 16]) }, ({ x, w }) =>
    tf.conv2d(x, w, 1, 'same'),
  ),
  row(
    'conv2d of no channels with a bias',
    { x: float([2, 4, 4, 0]), w: float([3, 3, 0, 16]), b: float([16]) },
    (i) => tf.fused.conv2d({ x: i.x, filter: i.w, bias: i.b, strides: 1, pad: 'same', activation: 'relu' }),
    without,
  ),
  row('conv2dTranspose of no images', none, ({ x, w }) => tf.conv2dTranspose(x, w, [0, 12, 12, 16], 2, 'same')),
  row('depthwiseConv2d of no images', { x: none.x, w: float([3, 3, 16, 2]) }, ({ x, w }) =>
    tf.depthwiseConv2d(x, w, 1, 'same'),
  ),
  row('conv3d of no volumes', { x: float([0, 3, 4, 4, 2]), w: float([2, 2, 2, 2, 3]) }, ({ x, w }) =>
    tf.conv3d(x, w, 1, 'same'),
  ),
  row('maxPool of no images', { x: none.x }, ({ x }) => tf.maxPool(x, 2, 2, 'same')),
  row('avgPool of no channels', { x: float([2, 4, 4, 0]) }, ({ x }) => tf.avgPool(x, 2, 2, 'same')),
  row('local response normalisation of no images', { x: none.x }, ({ x }) => tf.localResponseNormalization(x, 2)),
];

export const convInputRows: Row[] = [...channelsFirst, ...biased, ...typed, ...sized, ...sequences, ...empty];
