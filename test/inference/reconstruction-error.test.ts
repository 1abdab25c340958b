import ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { errorGraph } from '../../pipeline/inference/reconstruction-error.ts';

const shape = { height: 28, width: 28, channels: 3 };
const pixels = 28 * 28 * 3;
const NEAREST = 2 ** -25;

/** Pixels, black and white often, and probabilities near and at 0 and 1. */
const count = 5;
const images = Uint8Array.from({ length: count * pixels }, (_, i) => [0, 255, (i * 37) % 256][(i * i) % 3] ?? 0);
const probabilities = Float32Array.from({ length: count * pixels }, (_, i) => {
  const p = ((i * 7919) % 10_007) / 10_007;
  return [0, 1, p, p ** 20, 1 - p ** 20, 2 ** -30, 1 - 2 ** -24][(i * 31) % 7] ?? 0;
});

async function errorsFrom(error: Parameters<typeof errorGraph>[0], probabilities: Float32Array): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(errorGraph(error, shape), { logSeverityLevel: 3 });
  const n = probabilities.length / pixels;
  const outputs = await session.run({
    image: new ort.Tensor('uint8', images.slice(0, n * pixels), [n, 28, 28, 3]),
    reconstruction: new ort.Tensor('float32', probabilities, [n, 28, 28, 3]),
  });
  await session.release();
  expect(outputs.error?.dims).toEqual([n]);
  return outputs.error?.data as Float32Array;
}

/** Mean over each image's pixels, in double precision. */
const meanOf = (error: (x: number, p: number) => number, image: number) => {
  let sum = 0;
  for (let i = image * pixels; i < (image + 1) * pixels; i++) {
    sum += error((images[i] ?? 0) / 255, probabilities[i] ?? 0);
  }
  return sum / pixels;
};

test('binary cross-entropy of an image is the mean over its pixels, finite where the probability is 0 or 1', async () => {
  const found = await errorsFrom('binary cross-entropy', probabilities);
  const log = (p: number) => Math.log(Math.max(p, NEAREST));
  for (let image = 0; image < count; image++) {
    const expected = meanOf((x, p) => -x * log(p) - (1 - x) * log(1 - p), image);
    expect(Math.abs((found[image] ?? 0) / expected - 1)).toBeLessThan(1e-6);
  }
  const [black] = await errorsFrom('binary cross-entropy', new Float32Array(pixels));
  const bright = images.subarray(0, pixels).reduce((sum, value) => sum + value, 0) / 255 / pixels;
  expect(Math.abs((black ?? 0) / (bright * 25 * Math.LN2) - 1)).toBeLessThan(1e-6);
});

test('squared error of an image is the mean over its pixels', async () => {
  const found = await errorsFrom('mean squared error', probabilities);
  for (let image = 0; image < count; image++) {
    expect(Math.abs((found[image] ?? 0) / meanOf((x, p) => (x - p) ** 2, image) - 1)).toBeLessThan(1e-6);
  }
});

test('absolute error of an image is the mean over its pixels', async () => {
  const found = await errorsFrom('mean absolute error', probabilities);
  for (let image = 0; image < count; image++) {
    expect(Math.abs((found[image] ?? 0) / meanOf((x, p) => Math.abs(x - p), image) - 1)).toBeLessThan(1e-6);
  }
});

test('NaN stays NaN', async () => {
  expect(await errorsFrom('binary cross-entropy', new Float32Array(pixels).fill(Number.NaN))).toEqual(
    Float32Array.of(Number.NaN),
  );
});
