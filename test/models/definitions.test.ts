import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { featureMap } from '../../models/kit.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Existing runs are loaded by the names of models and weights, and recipes are what the README reports results of. */
test('names, losses, conditions and recipes are stable', () => {
  const adam = { name: 'adam', learningRate: 1e-3, epsilon: 1e-8 };
  const [bce, mse] = ['binary cross-entropy', 'mean squared error'];
  const [neither, decoder, both] = [
    { encoder: false, decoder: false },
    { encoder: false, decoder: true },
    { encoder: true, decoder: true },
  ];
  const rows = Object.entries(models).map(([name, { pixelLoss, conditional, recipe }]) => [
    name,
    pixelLoss,
    conditional,
    recipe,
  ]);
  const keras = { ...adam, epsilon: 1e-7 };
  expect(rows).toEqual([
    ['conv-ae', mse, neither, { epochs: 200, batchSize: 256, latent: 10, optimizer: keras }],
    ['cae', bce, neither, { epochs: 10, batchSize: 128, latent: 10, optimizer: adam }],
    ['cae2', bce, neither, { epochs: 20, batchSize: 128, latent: 2, optimizer: adam }],
    ['cae-tsne', bce, neither, { epochs: 14, batchSize: 128, latent: 10, optimizer: adam }],
    ['cvae', bce, neither, { epochs: 20, batchSize: 128, latent: 10, optimizer: adam, beta: 1 }],
    ['ccvae-decoder', bce, decoder, { epochs: 20, batchSize: 50, latent: 10, optimizer: adam, beta: 1 }],
    ['ccvae', bce, both, { epochs: 20, batchSize: 50, latent: 10, optimizer: adam, beta: 1 }],
  ]);
  for (const [name, model] of Object.entries(models)) expect(model.name).toBe(name);
});

const convolutions = ['conv1', 'conv2', 'conv3'];
const decoding = ['deconv3', 'deconv2', 'deconv1'];
test.each([
  ['cae', [...convolutions, 'embedding'], ['expand', ...decoding]],
  ['conv-ae', [...convolutions, 'embedding'], ['expand', ...decoding]],
  ['cae2', [...convolutions, 'embedding'], ['deconv4', ...decoding]],
  ['cae-tsne', [...convolutions, 'embedding'], ['deconv4', ...decoding]],
  ['cvae', [...convolutions, 'mu', 'logvar'], ['deconv4', ...decoding]],
  ['ccvae-decoder', [...convolutions, 'mu', 'logvar'], ['deconv4', ...decoding]],
  ['ccvae', [...convolutions, 'mu', 'logvar'], ['deconv4', ...decoding]],
])('the weights of %s keep their names', (name, encoder, decoder) => {
  const size = { height: 12, width: 12, channels: 1, latent: 3, classes: 4, seed: 0 };
  const built = models[name]?.build(size);
  const weights = (part: 'encoder' | 'decoder') =>
    built?.[part].layers.flatMap(({ weights }) => weights.map(({ originalName }) => originalName));
  const named = (layers: string[]) => layers.flatMap((layer) => [`${layer}/kernel`, `${layer}/bias`]);
  expect(weights('encoder')).toEqual(named(encoder));
  expect(weights('decoder')).toEqual(named(decoder));
  for (const part of [built?.encoder, built?.decoder]) part?.dispose();
});

test('images that halve three times have a feature map, others are refused with sizes that fit', () => {
  expect(featureMap({ height: 28, width: 28 })).toEqual({ shape: [3, 3, 128], features: 1152, padding: 'valid' });
  expect(featureMap({ height: 32, width: 16 })).toEqual({ shape: [4, 2, 128], features: 1024, padding: 'same' });
  expect(featureMap({ height: 12, width: 20 })).toEqual({ shape: [1, 2, 128], features: 256, padding: 'valid' });
  for (const [height, width] of [
    [30, 30],
    [28, 32],
    [8, 16],
    [12, 4],
  ] as const) {
    expect(() => featureMap({ height, width })).toThrow(new RegExp(`${height}×${width} .*multiples of 8`));
  }
});
