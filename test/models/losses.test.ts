import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { compareImages, type ModelDefinition, meanAbsoluteError, similarity, withLossOf } from '../../models/kit.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

/** Pixels of two images in colour, the second a distorted first. */
function pair(height: number, width: number): [tf.Tensor4D, tf.Tensor4D] {
  const value = (i: number, by: number) => (Math.sin(i * 0.37) * Math.cos(i * by) + 1) / 2;
  const a = Float32Array.from({ length: 2 * height * width * 3 }, (_, i) => value(i, 0.11));
  const b = a.map((x, i) => Math.min(1, Math.max(0, 0.8 * x + 0.1 + 0.2 * Math.sin(i))));
  return [tf.tensor4d(a, [2, height, width, 3]), tf.tensor4d(b, [2, height, width, 3])];
}

/** SSIM in double precision, window by window, as equation 13 of Wang et al. (2004) says. */
function slowly(a: tf.Tensor4D, b: tf.Tensor4D, side: number): number {
  const [n, height, width, channels] = a.shape;
  const [x, y] = [a.dataSync(), b.dataSync()];
  const gauss = Array.from({ length: side * side }, (_, i) => {
    const [row, column] = [Math.floor(i / side) - (side - 1) / 2, (i % side) - (side - 1) / 2];
    return Math.exp(-(row ** 2 + column ** 2) / (2 * 1.5 ** 2));
  });
  const total = gauss.reduce((sum, weight) => sum + weight);
  let [sum, windows] = [0, 0];
  for (let image = 0; image < n; image++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let top = 0; top + side <= height; top++) {
        for (let left = 0; left + side <= width; left++) {
          const mean = (f: (p: number, q: number) => number) =>
            gauss.reduce((value, weight, i) => {
              const [row, column] = [top + Math.floor(i / side), left + (i % side)];
              const at = ((image * height + row) * width + column) * channels + channel;
              return value + (weight / total) * f(x[at] ?? 0, y[at] ?? 0);
            }, 0);
          const [mx, my] = [mean((p) => p), mean((_, q) => q)];
          const [vx, vy] = [mean((p) => (p - mx) ** 2), mean((_, q) => (q - my) ** 2)];
          const covariance = mean((p, q) => (p - mx) * (q - my));
          const similar = (2 * mx * my + 0.01 ** 2) * (2 * covariance + 0.03 ** 2);
          sum += similar / ((mx ** 2 + my ** 2 + 0.01 ** 2) * (vx + vy + 0.03 ** 2));
          windows++;
        }
      }
    }
  }
  return sum / windows;
}

test.each([
  [13, 16, 11],
  [8, 20, 7],
])('SSIM of %i×%i is that of the formula, with a window of %i', (height, width, side) => {
  const [a, b] = pair(height, width);
  expect(similarity(a, b).dataSync()[0]).toBeCloseTo(slowly(a, b, side), 4);
  expect(similarity(a, a).dataSync()[0]).toBeCloseTo(1, 5);
});

test('the mean absolute error is a mean over all values', () => {
  const [x, y] = [tf.tensor([0, 0.5, 1, 1]), tf.tensor([0.25, 0.25, 1, 0])];
  expect(meanAbsoluteError(x, y).dataSync()[0]).toBeCloseTo(0.375, 6);
});

test('a squared error compares pixels, after the sigmoid where there is one', () => {
  const [image, output] = [tf.tensor4d([1, 0], [1, 1, 2, 1]), tf.tensor4d([0, 0], [1, 1, 2, 1])];
  const error = (sigmoid: boolean) =>
    compareImages({ pixelLoss: 'mean squared error', sigmoid }, image, output).loss.dataSync()[0];
  expect(error(true)).toBeCloseTo(0.25, 6);
  expect(error(false)).toBeCloseTo(0.5, 6);
});

test('SSIM is a term of the loss with its weight', () => {
  const [a, b] = pair(11, 12);
  const { loss, reconstruction, ssim } = compareImages(
    { pixelLoss: 'mean squared error', sigmoid: false, ssim: 0.2 },
    a,
    b,
  );
  const [sum, error, value] = [loss, reconstruction, ssim].map((term) => term?.dataSync()[0] ?? Number.NaN);
  expect(sum).toBeCloseTo((error as number) + 0.2 * (1 - (value as number)), 6);
  expect(compareImages({ pixelLoss: 'mean squared error', sigmoid: false }, a, b)).not.toHaveProperty('ssim');
});

test('colour is a term of the loss with its weight: what differs from the mean of the channels', () => {
  const image = tf.tensor4d([0.5, 0.5, 0.5, 0.2, 0.4, 0.6], [1, 1, 2, 3]);
  const output = tf.tensor4d([0.7, 0.7, 0.7, 0.5, 0.4, 0.6], [1, 1, 2, 3]); // brighter; and too red by 0.3
  const choice = { pixelLoss: 'mean squared error', sigmoid: false } as const;
  const { loss, reconstruction, colour } = compareImages({ ...choice, colour: 4 }, image, output);
  const [sum, error, value] = [loss, reconstruction, colour].map((term) => term?.dataSync()[0]);
  expect(value).toBeCloseTo((0.2 ** 2 + 0.1 ** 2 + 0.1 ** 2) / 6, 6);
  expect(error).toBeCloseTo((3 * 0.2 ** 2 + 0.3 ** 2) / 6, 6);
  expect(sum).toBeCloseTo((3 * 0.2 ** 2 + 0.3 ** 2 + 4 * 0.06) / 6, 6);
  expect(compareImages(choice, image, output)).not.toHaveProperty('colour');
});

test.each([
  ['cae', true],
  ['cvae', true],
  ['resae', true],
  ['conv-ae', false],
])('%s keeps its sigmoid, and gets one where the loss needs it', (name, own) => {
  const size = { height: 8, width: 8, channels: 1, latent: 2, classes: 0, seed: 0, filters: 8 };
  const model = models[name] as ModelDefinition;
  const end = (recipe: Parameters<typeof withLossOf>[1]) => {
    const chosen = withLossOf(model, recipe);
    const { autoencoder, variables } = buildProgram(chosen, size);
    const last = autoencoder.decoder.layers.at(-1)?.name;
    const image = autoencoder.decode(tf.mul(tf.ones([1, 2]), 1e4) as tf.Tensor2D);
    const outside = tf.any(tf.logicalOr(tf.less(image, 0), tf.greater(image, 1))).dataSync()[0];
    for (const variable of Object.values(variables)) variable.dispose();
    return [chosen.pixelLoss, last === 'sigmoid', outside];
  };
  expect(end({ pixelLoss: 'bce' })).toEqual(['binary cross-entropy', true, 0]);
  expect(end({ pixelLoss: 'l1', ssim: 0.1 })).toEqual(['mean absolute error', own, 0]);
  expect(end({ pixelLoss: 'mse' })).toEqual(['mean squared error', own, 0]);
});

test('a model with a loss of its own is given no other', () => {
  const { withLoss: _, ...own } = models.cae as ModelDefinition;
  expect(withLossOf(own, {})).toBe(own);
  expect(() => withLossOf(own, { pixelLoss: 'mse' })).toThrow(/cae/);
});
