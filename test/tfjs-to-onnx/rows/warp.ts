import * as tf from '@tensorflow/tfjs-core';
import { type Row, row } from '../support/parity.ts';
import { float, given, int } from '../support/tensors.ts';

const without = { gradients: false };

/** Boxes inside the image, mirrored, of one point, and partly and wholly outside. */
const boxes = given(
  [6, 4],
  [
    ...[0, 0, 1, 1],
    ...[0.1, 0.25, 0.8, 0.7],
    ...[0.9, 1, 0.2, 0],
    ...[0.5, 0.5, 0.5, 0.5],
    ...[-0.3, 0.1, 0.6, 1.4],
    ...[2, 2, 3, 3],
  ],
);
const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const diverged = given(
  [6, 4],
  [
    ...[nan, 0, 1, 1],
    ...[0, nan, 1, nan],
    ...[nan, 2, nan, 3],
    ...[nan, nan, nan, nan],
    ...[0, 0, infinity, 1],
    ...[0, -infinity, 1, 1],
  ],
);
const numbers = given([6], [0, 1, 1, 0, 1, 0], 'int32');
const images = float([2, 5, 7, 3]);

const crops: Row[] = (['bilinear', 'nearest'] as const).flatMap((method) => [
  ...(
    [
      [1, 1],
      [1, 4],
      [3, 5],
      [5, 7],
      [9, 8],
    ] as const
  ).map(([height, width]) =>
    row(
      `cropAndResize to ${height}×${width}, ${method}`,
      { images, boxes, numbers },
      (i) => tf.image.cropAndResize(i.images, i.boxes, i.numbers, [height, width], method, -2.5),
      without,
    ),
  ),
  row(
    `cropAndResize of int32, ${method}`,
    { images: int([2, 4, 3, 1]), boxes, numbers },
    (i) => tf.image.cropAndResize(i.images, i.boxes, i.numbers, [3, 3], method),
    without,
  ),
  row(
    `cropAndResize of images without pixels, ${method}`,
    { images: float([2, 3, 0, 1]), boxes, numbers },
    (i) => tf.image.cropAndResize(i.images, i.boxes, i.numbers, [2, 3], method, 0.5),
    without,
  ),
  row(
    `cropAndResize by boxes of NaN and infinity, ${method}`,
    { images, boxes: diverged, numbers },
    (i) => tf.image.cropAndResize(i.images, i.boxes, i.numbers, [3, 3], method, -2.5),
    without,
  ),
  row(
    `cropAndResize by no boxes, ${method}`,
    { images, boxes: float([0, 4]), numbers: int([0]) },
    (i) => tf.image.cropAndResize(i.images, i.boxes, i.numbers, [3, 3], method),
    without,
  ),
]);

/** Shifts, turns, scales, mirrors and perspectives. */
const transforms = {
  same: [1, 0, 0, 0, 1, 0, 0, 0],
  shift: [1, 0, 2.5, 0, 1, -1.5, 0, 0],
  far: [1, 0, -30, 0, 1, 17, 0, 0],
  turn: [0.6, -0.8, 2, 0.8, 0.6, -1, 0, 0],
  scale: [0.5, 0, 0, 0, 3, 0, 0, 0],
  mirror: [-1, 0, 5, 0, -1, 4, 0, 0],
  perspective: [1, 0.2, 0, 0.1, 1, 0, 0.3, -0.1],
  horizon: [1, 0, 0, 0, 1, 0, -0.5, 0],
};

const warps: Row[] = Object.entries(transforms).flatMap(([name, factors]) =>
  (['nearest', 'bilinear'] as const).flatMap((interpolation) =>
    (['constant', 'reflect', 'wrap', 'nearest'] as const).map((mode) =>
      row(
        `transform, ${name}, ${interpolation}, ${mode}`,
        { image: float([1, 5, 6, 2]), factors: given([1, 8], factors) },
        ({ image, factors }) => tf.image.transform(image, factors, interpolation, mode, 0.25, [7, 4]),
        without,
      ),
    ),
  ),
);

const turns: Row[] = [0, 0.3, -1.2, Math.PI / 2, Math.PI].flatMap((radians) => [
  row(
    `rotateWithOffset by ${radians}`,
    { x: float([2, 5, 6, 4]) },
    ({ x }) => tf.image.rotateWithOffset(x, radians, [0.1, 0.2, 0.3]),
    without,
  ),
  row(
    `rotateWithOffset by ${radians} about a corner`,
    { x: float([1, 4, 4, 1]) },
    ({ x }) => tf.image.rotateWithOffset(x, radians, 0.5, [0.1, 0.8]),
    without,
  ),
]);

/** Boxes in clusters, one of no area and one with its corners swapped. */
const clusters = {
  boxes: given(
    [7, 4],
    [
      ...[0, 0, 1, 1],
      ...[0, 0.1, 1, 1.1],
      ...[0, -0.5, 1, 0.5],
      ...[0, 10, 1, 11],
      ...[1, 11.1, 0, 10.1],
      ...[0, 100, 1, 101],
      ...[3, 3, 3, 4],
    ],
  ),
  scores: given([7], [0.9, 0.75, 0.6, 0.95, 0.5, 0.3, 0.3]),
};
const selections: Row[] = [0, 1 / 3, 0.5, 1].flatMap((overlap) =>
  [1, 3, 9].map((size) =>
    row(
      `nonMaxSuppressionPadded to ${size}, overlap ${overlap}`,
      clusters,
      ({ boxes, scores }) => {
        const found = tf.image.nonMaxSuppressionPadded(boxes, scores, size, overlap, 0.3, true);
        return [found.selectedIndices as tf.Tensor, found.validOutputs as tf.Tensor];
      },
      without,
    ),
  ),
);

export const warpRows: Row[] = [
  ...crops,
  ...warps,
  ...turns,
  ...selections,
  row(
    'transform of a row',
    { image: float([1, 1, 6, 2]), factors: given([1, 8], transforms.shift) },
    (i) => tf.image.transform(i.image, i.factors, 'bilinear', 'reflect'),
    without,
  ),
];
