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
    [
      'dcec',
      mse,
      neither,
      { epochs: 40, batchSize: 256, latent: 10, clusters: 10, centres: 'umap-gmm', optimizer: keras },
    ],
    ['cae', bce, neither, { epochs: 10, batchSize: 128, latent: 10, optimizer: adam }],
    ['cae2', bce, neither, { epochs: 20, batchSize: 128, latent: 2, fixedLatent: true, optimizer: adam }],
    ['cae-tsne', bce, neither, { epochs: 14, batchSize: 128, latent: 10, fixedLatent: false, optimizer: adam }],
    ['cvae', bce, neither, { epochs: 20, batchSize: 128, latent: 10, optimizer: adam, beta: 1 }],
    ['ccvae-decoder', bce, decoder, { epochs: 20, batchSize: 50, latent: 10, optimizer: adam, beta: 1 }],
    ['ccvae', bce, both, { epochs: 20, batchSize: 50, latent: 10, optimizer: adam, beta: 1 }],
    ['resae', bce, neither, { epochs: 10, batchSize: 64, latent: 10, optimizer: adam, schedule: 'cosine' }],
    ['resvae', bce, neither, { epochs: 20, batchSize: 64, latent: 10, optimizer: adam, schedule: 'cosine', beta: 1 }],
  ]);
  for (const [name, model] of Object.entries(models)) expect(model.name).toBe(name);
});

const convolutions = ['conv1', 'conv2', 'conv3'];
const decoding = ['deconv3', 'deconv2', 'deconv1'];
test.each([
  ['cae', [...convolutions, 'embedding'], ['expand', ...decoding]],
  ['conv-ae', [...convolutions, 'embedding'], ['expand', ...decoding]],
  ['dcec', [...convolutions, 'embedding', 'clusters'], ['expand', ...decoding]],
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
  const named = (layers: string[]) =>
    layers.flatMap((layer) => (layer === 'clusters' ? [`${layer}/centres`] : [`${layer}/kernel`, `${layer}/bias`]));
  expect(weights('encoder')).toEqual(named(encoder));
  expect(weights('decoder')).toEqual(named(decoder));
  for (const part of [built?.encoder, built?.decoder]) part?.dispose();
});

test('images have a feature map after three halvings, padded first where they do not halve', () => {
  expect(featureMap({ height: 28, width: 28 })).toEqual({ shape: [3, 3, 128], features: 1152, padding: 'valid' });
  expect(featureMap({ height: 32, width: 16 })).toEqual({ shape: [4, 2, 128], features: 1024, padding: 'same' });
  expect(featureMap({ height: 12, width: 20 })).toEqual({ shape: [1, 2, 128], features: 256, padding: 'valid' });
  expect(featureMap({ height: 8, width: 16 })).toEqual({ shape: [1, 2, 128], features: 256, padding: 'same' });
  expect(featureMap({ height: 30, width: 150 })).toEqual({ shape: [4, 19, 128], features: 9728, padding: 'same' });
  expect(featureMap({ height: 28, width: 32 })).toMatchObject({ shape: [4, 4, 128], padding: 'same' });
});

test('filters and halvings decide the feature map', () => {
  expect(featureMap({ height: 64, width: 96, filters: 16, halvings: 5 }).shape).toEqual([2, 3, 64]);
  expect(featureMap({ height: 8, width: 9, filters: 16, halvings: 1 }).shape).toEqual([4, 5, 16]);
  expect(featureMap({ height: 48, width: 16, halvings: 4 })).toMatchObject({ shape: [3, 1, 128], padding: 'same' });
});

test.each([
  [4, 4, 3, 8],
  [28, 7, 1, 8],
  [28, 31, 5, 32],
])('images of %i×%i are refused for %i halvings', (height, width, halvings, least) => {
  expect(() => featureMap({ height, width, halvings })).toThrow(RangeError);
  expect(() => featureMap({ height, width, halvings })).toThrow(new RegExp(`${width}×${height} .*at least ${least}`));
});

test.each(Object.values(models))('$name has images of any size', (model) => {
  const size = { height: 9, width: 30, channels: 3, latent: 2, classes: 3, seed: 0, filters: 8 };
  const { encoder, decoder } = model.build(size);
  expect(encoder.inputs[0]?.shape.slice(0, 3)).toEqual([null, 9, 30]);
  expect(encoder.outputs.at(-1)?.shape).toEqual([null, model.recipe.clusters ?? 2]);
  expect(decoder.outputs[0]?.shape).toEqual([null, 9, 30, 3]);
  const names = [...encoder.layers, ...decoder.layers].map(({ name }) => name);
  expect(names).toContain('pad');
  expect(names).toContain('crop');
  for (const part of [encoder, decoder]) part.dispose();
  expect(() => model.build({ ...size, height: 4 })).toThrow(RangeError);
});
