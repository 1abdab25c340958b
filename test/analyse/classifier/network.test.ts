import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import {
  applyNetwork,
  buildNetwork,
  convertNetwork,
  disposeNetwork,
  FEATURES,
} from '../../../pipeline/analyse/classifier/network.ts';
import { prepareEngine } from '../../../pipeline/train/engines/index.ts';

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test.each([
  { height: 28, width: 28, channels: 1, classes: 10, images: 5 },
  { height: 32, width: 32, channels: 3, classes: 7, images: 3 },
  { height: 64, width: 64, channels: 3, classes: 12, images: 2 },
  { height: 12, width: 20, channels: 1, classes: 2, images: 1 },
  { height: 3, width: 5, channels: 4, classes: 300, images: 2 },
])('$height×$width×$channels: the converted network gives what tfjs does', async ({ images, ...size }) => {
  const network = buildNetwork({ ...size, seed: 3 });
  const { height, width, channels, classes } = size;
  const image = tf.randomUniform([images, height, width, channels], 0, 1, 'float32', 17) as tf.Tensor4D;
  const expected = tf.tidy(() => applyNetwork(network, image));
  const session = await ort.InferenceSession.create(convertNetwork(network));
  const { features, logits } = await session.run({ image: new ort.Tensor('float32', image.dataSync(), image.shape) });
  await session.release();
  expect(features?.dims).toEqual([images, FEATURES]);
  expect(logits?.dims).toEqual([images, classes]);
  expect(largest(features, expected.features)).toBeLessThan(1e-5);
  expect(largest(logits, expected.logits)).toBeLessThan(1e-5);
  expect(Math.max(...expected.features.dataSync())).toBeGreaterThan(0.01); // not all dead
  tf.dispose([image, expected]);
  disposeNetwork(network);
});

test('the seed decides the weights', () => {
  const size = { height: 8, width: 8, channels: 1, classes: 3 };
  const bytes = [1, 1, 2].map((seed) => {
    const network = buildNetwork({ ...size, seed });
    const converted = convertNetwork(network);
    disposeNetwork(network);
    return Buffer.from(converted);
  });
  expect(bytes[0]?.equals(bytes[1] as Buffer)).toBe(true);
  expect(bytes[0]?.equals(bytes[2] as Buffer)).toBe(false);
});

function largest(got: ort.Tensor | undefined, expected: tf.Tensor): number {
  const values = got?.data as Float32Array;
  return (expected.dataSync() as Float32Array).reduce(
    (most, value, i) => Math.max(most, Math.abs(value - (values[i] as number))),
    0,
  );
}
