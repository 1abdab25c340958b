import './support/tfjs.ts';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { lowerTape, portable, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { alignments, sizes } from './rows/image.ts';
import { feed, runOnce } from './support/ort.ts';
import { largestError } from './support/parity.ts';

// tfjs's own gradients of resizing are right for one square image with no centers only. Resizing is linear: its
// gradient at a pixel is what resizing an image of that one pixel gives, times dy.

const IMAGES = 2;
const cases = sizes.flatMap(([from, to]) =>
  alignments.flatMap(([corners, centers]) =>
    (['resizeBilinear', 'resizeNearestNeighbor'] as const).map((op) => ({ op, from, to, corners, centers })),
  ),
);

test.each(cases)('the gradient of $op $from to $to, corners $corners, centers $centers', async (one) => {
  const [[height, width], [newHeight, newWidth]] = [one.from, one.to];
  const pixels = height * width;
  const resized = (x: Tensor) => tf.image[one.op](x as Tensor4D, [newHeight, newWidth], one.corners, one.centers);
  const shapes = { x: [IMAGES, height, width, 1], dy: [IMAGES, newHeight, newWidth, 1] };
  const inputs = {
    x: { shape: shapes.x, dtype: 'float32' },
    dy: { shape: shapes.dy, dtype: 'float32' },
  } as const;
  const tape = trace(({ x, dy }) => ({ dx: tf.grad(resized)(x, dy as Tensor4D) }), { inputs });

  const dy = tf.randomUniform(shapes.dy, -1, 1, 'float32', 3);
  const single = resized(tf.reshape(tf.eye(pixels), [pixels, height, width, 1]));
  const products = tf.matMul(
    tf.reshape(dy, [IMAGES, newHeight * newWidth]),
    tf.reshape(single, [pixels, newHeight * newWidth]),
    false,
    true,
  ); // [images, pixels]

  const { dx } = await runOnce(lowerTape(tape, portable), { x: feed(tf.zeros(shapes.x)), dy: feed(dy) });
  expect(dx?.shape).toEqual(shapes.x);
  expect(largestError(dx?.values ?? [], products.dataSync()).error).toBeLessThan(1e-5);
});
