import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { type ModelDefinition, startAtMean, withLossOf } from '../../models/kit.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const size = { height: 24, width: 32, channels: 3, latent: 4, classes: 2, seed: 0 };
const mean = [0.9, 0.5, 0.25];

test.each(['cae', 'conv-ae', 'cvae', 'resae'])('%s rebuilds the mean colour before it is trained', async (name) => {
  const { decoder, decode } = started(models[name] as ModelDefinition);
  const latent = tf.zeros<tf.Rank.R2>([1, 4]);
  const pixels = decode(latent); // [1, 24, 32, 3]
  const colour = await tf.mean(pixels, [0, 1, 2]).data();
  for (const [channel, value] of mean.entries()) expect(Math.abs((colour[channel] ?? 9) - value)).toBeLessThan(0.06);
  expect(decoder.outputs).toHaveLength(1);
});

test('the mean colour leaves the first convolution as zeros would', () => {
  const model = withLossOf(models.cae as ModelDefinition, { pixelLoss: 'mse', ssim: undefined });
  const responses = (colour: number[], { encoder }: ReturnType<ModelDefinition['build']>) => {
    const layer = encoder.getLayer('conv1');
    const image = tf.mul(tf.ones([1, 24, 32, 3]), tf.tensor1d(colour));
    const out = layer.apply(image) as tf.Tensor4D; // [1, 12, 16, 32]
    return tf.slice(out, [0, 4, 4, 0], [1, 1, 1, 32]).dataSync(); // away from the padding
  };
  const before = responses([0, 0, 0], model.build(size));
  const after = responses(mean, started(model));
  for (const [i, value] of before.entries()) expect(Math.abs(value - (after[i] ?? 9))).toBeLessThan(1e-5);
});

test('an encoder that is given classes beside the channels keeps its first bias', () => {
  const ccvae = models.ccvae as ModelDefinition;
  const biasOf = ({ encoder }: ReturnType<ModelDefinition['build']>) => [
    ...(encoder.getLayer('conv1').getWeights()[1]?.dataSync() ?? []),
  ];
  expect(biasOf(started(ccvae))).toEqual(biasOf(ccvae.build(size)));
});

function started(model: ModelDefinition) {
  const autoencoder = model.build(size);
  startAtMean(autoencoder, mean);
  return autoencoder;
}
