import './support/tfjs.ts';
import type { Tensor, Tensor2D, Tensor4D, Tensor5D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { lowerTape, portable, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, runOnce } from './support/ort.ts';
import { largestError } from './support/parity.ts';

// Kernels that tfjs's `cpu` computes wrongly.

async function run(program: (inputs: Record<string, Tensor>) => Tensor, tensors: Record<string, Tensor>) {
  const specs = Object.entries(tensors).map(([name, { shape, dtype }]) => [name, { shape, dtype }]);
  const tape = trace((inputs) => ({ y: program(inputs) }), { inputs: Object.fromEntries(specs) });
  const feeds = Object.entries(tensors).map(([name, tensor]) => [name, feed(tensor)]);
  const { y } = await runOnce(lowerTape(tape, portable), Object.fromEntries(feeds));
  return Array.from(y?.values ?? []);
}

test.each(['nearest', 'bilinear'] as const)('transforms all images, not the first alone: %s', async (interpolation) => {
  const images = tf.randomUniform<tf.Rank.R4>([3, 4, 5, 2], -1, 1, 'float32', 5);
  const shifts = tf.tensor2d([1, 0.5, 1, 0, 1, -1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0.1, 0], [3, 8]);
  const warp = (image: Tensor, by: Tensor) =>
    tf.image.transform(image as Tensor4D, by as Tensor2D, interpolation, 'reflect', 0, [6, 4]);
  for (const transforms of [shifts, tf.slice(shifts, [1, 0], [1, 8])]) {
    const of = (i: number) => tf.slice(transforms, [transforms.shape[0] === 1 ? 0 : i, 0], [1, 8]);
    const one = tf.concat([0, 1, 2].map((i) => warp(tf.slice(images, [i, 0, 0, 0], [1, 4, 5, 2]), of(i))));
    const got = await run(({ images, transforms }) => warp(images as Tensor, transforms as Tensor), {
      images,
      transforms,
    });
    expect(largestError(got, one.dataSync()).error).toBeLessThan(1e-5);
  }
});

test('the gradient of a maximum in windows of any shape', async () => {
  const x = tf.tensor5d([1, 2, 3, 4, 5, 6], [1, 1, 2, 3, 1]);
  const gradient = tf.grad((given: Tensor) => tf.maxPool3d(given as Tensor5D, [1, 2, 3], 1, 'valid'));
  expect(await run(({ x }) => gradient(x as Tensor), { x })).toEqual([0, 0, 0, 0, 0, 1]);
});
