import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { bool, float, int } from '../support/tensors.ts';

const without = { gradients: false };
type Size = readonly [number, number];
const pair = ([a, b]: Size): [number, number] => [a, b];

/** Old and new heights and widths: up and down, by whole numbers and by fractions. */
export const sizes: readonly [Size, Size][] = [
  [
    [3, 4],
    [6, 8],
  ],
  [
    [3, 4],
    [9, 4],
  ],
  [
    [5, 7],
    [7, 5],
  ],
  [
    [4, 6],
    [6, 9],
  ],
  [
    [8, 6],
    [3, 2],
  ],
  [
    [7, 7],
    [7, 7],
  ],
  [
    [1, 5],
    [4, 1],
  ],
  [
    [6, 10],
    [10, 13],
  ],
];

export const alignments = [
  [false, false],
  [true, false],
  [false, true],
] as const;

const aligned = (corners: boolean, centers: boolean) => (corners ? ', corners' : centers ? ', centers' : '');

const resizes = sizes.flatMap(([from, to]) =>
  alignments.flatMap(([corners, centers]) => {
    const name = `${from} to ${to}${aligned(corners, centers)}`;
    const images = { x: float([1, from[0], from[1], 2]) };
    return [
      // tfjs's gradients take no heed of centers, never end for one row of pixels, and confuse height and width (bilinear).
      row(
        `resizeNearestNeighbor ${name}`,
        images,
        ({ x }) => tf.image.resizeNearestNeighbor(x, pair(to), corners, centers),
        {
          gradients: !centers && from[0] > 1,
        },
      ),
      row(`resizeBilinear ${name}`, images, ({ x }) => tf.image.resizeBilinear(x, pair(to), corners, centers), {
        gradients: !centers && from[0] === from[1],
      }),
    ];
  }),
);

const resizers = { resizeBilinear: tf.image.resizeBilinear, resizeNearestNeighbor: tf.image.resizeNearestNeighbor };

export const imageRows: Row[] = [
  ...resizes,
  row('resizeBilinear of several images', { x: float([3, 4, 4, 2]) }, ({ x }) => tf.image.resizeBilinear(x, [8, 6])),
  row(
    'resizeNearestNeighbor of several images',
    { x: float([3, 2, 4, 2]) },
    ({ x }) =>
      // Its gradient in tfjs reads the first image's pixels for all of them.
      tf.image.resizeNearestNeighbor(x, [6, 8]),
    without,
  ),
  row('resizeNearestNeighbor int32', { x: int([2, 2, 3, 1]) }, ({ x }) =>
    tf.cast(tf.image.resizeNearestNeighbor(x, [4, 6]), 'int32'),
  ),
  row('resizeNearestNeighbor of int32 by a fraction', { x: int([2, 4, 3, 2]) }, ({ x }) =>
    tf.image.resizeNearestNeighbor(x, [7, 2]),
  ),
  row('resizeBilinear of int32', { x: int([2, 4, 3, 2]) }, ({ x }) => tf.image.resizeBilinear(x, [7, 2])),
  row('resizeBilinear of bool', { x: bool([1, 4, 3, 2]) }, ({ x }) => tf.image.resizeBilinear(x, [2, 6])),
  ...(['resizeBilinear', 'resizeNearestNeighbor'] as const).map((op) =>
    row(`${op} of no images`, { x: float([0, 4, 3, 2]) }, ({ x }) => resizers[op](x, [8, 6]), without),
  ),
  ...alignments.map(([corners, centers]) =>
    // By 49 and 1/49, where sources are nearly whole numbers.
    row(
      `resizeNearestNeighbor by odd factors${aligned(corners, centers)}`,
      { x: float([1, 1, 98, 1]) },
      ({ x }) => tf.image.resizeNearestNeighbor(x, [49, 147], corners, centers),
      without,
    ),
  ),
  row('flipLeftRight', { x: float([2, 3, 4, 2]) }, ({ x }) => tf.image.flipLeftRight(x), without),
  row('depthToSpace', { x: float([2, 2, 3, 12]) }, ({ x }) => tf.depthToSpace(x, 2, 'NHWC'), without),
  row(
    'mirrorPad, reflect',
    { x: float([4, 5]) },
    ({ x }) =>
      tf.mirrorPad(
        x,
        [
          [1, 3],
          [0, 2],
        ],
        'reflect',
      ),
    without,
  ),
  row(
    'mirrorPad, symmetric',
    { x: float([1, 4, 5, 2]) },
    ({ x }) =>
      tf.mirrorPad(
        x,
        [
          [0, 0],
          [4, 1],
          [2, 5],
          [0, 0],
        ],
        'symmetric',
      ),
    without,
  ),
  row('spaceToBatchND', { x: float([2, 4, 6, 3]) }, ({ x }) =>
    tf.spaceToBatchND(
      x,
      [2, 3],
      [
        [0, 0],
        [0, 0],
      ],
    ),
  ),
  row('spaceToBatchND with paddings', { x: float([1, 3, 5, 2]) }, ({ x }) =>
    tf.spaceToBatchND(
      x,
      [2, 2],
      [
        [1, 0],
        [0, 1],
      ],
    ),
  ),
  row('batchToSpaceND', { x: float([6, 2, 2, 3]) }, ({ x }) =>
    tf.batchToSpaceND(
      x,
      [2, 3],
      [
        [0, 0],
        [0, 0],
      ],
    ),
  ),
  row('batchToSpaceND with crops', { x: float([8, 2, 3, 1]) }, ({ x }) =>
    tf.batchToSpaceND(
      x,
      [2, 2],
      [
        [1, 0],
        [2, 1],
      ],
    ),
  ),
  row(
    'local response normalisation',
    { x: float([2, 3, 3, 7]) },
    ({ x }) => tf.localResponseNormalization(x, 2, 1.5, 0.4, 0.7),
    without,
  ),
  ...[
    [0, 0.7],
    [0.4, 0],
    [-0.1, -0.5],
  ].map(([alpha, beta]) =>
    row(
      `local response normalisation, alpha ${alpha}, beta ${beta}`,
      { x: float([2, 3, 3, 7]) },
      ({ x }) => tf.localResponseNormalization(x, 2, 1.5, alpha, beta),
      without,
    ),
  ),
  row(
    'conv3d',
    { x: float([2, 5, 6, 4, 3]), w: float([3, 2, 3, 3, 4]) },
    ({ x, w }) => tf.conv3d(x, w, [2, 1, 2], 'same'),
    without,
  ),
  row(
    'conv3d, valid, dilated',
    { x: float([1, 6, 6, 6, 2]), w: float([2, 2, 2, 2, 3]) },
    ({ x, w }) => tf.conv3d(x, w, 1, 'valid', 'NDHWC', [2, 2, 2]),
    without,
  ),
  row('maxPool3d', { x: float([2, 5, 6, 4, 3]) }, ({ x }) => tf.maxPool3d(x, [2, 3, 2], [2, 2, 1], 'same'), without),
  row('avgPool3d', { x: float([2, 5, 6, 4, 3]) }, ({ x }) => tf.avgPool3d(x, [2, 3, 2], [2, 2, 1], 'same'), without),
];
