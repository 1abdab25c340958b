import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { type ModelDefinition, startAtMean, startWhite, withLossOf } from '../../models/kit.ts';

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

test('whitened latents have mean 0, variance 1 and no correlation', async () => {
  const autoencoder = started(models.cae as ModelDefinition);
  const images = tf.randomUniform([80, 24, 32, 3], 0, 1, 'float32', 7);
  const encoded = () => (autoencoder.encoder.apply(images) as tf.Tensor2D).data() as Promise<Float32Array>;
  const before = await encoded();
  expect(correlations(before).variances[0]).toBeLessThan(1e-3); // hardly any difference between images
  startWhite(autoencoder, before);
  const { means, variances, largest } = correlations(await encoded());
  for (const mean of means) expect(Math.abs(mean)).toBeLessThan(0.02);
  for (const variance of variances) expect(Math.abs(variance - 1)).toBeLessThan(0.05);
  expect(largest).toBeLessThan(0.05);
});

test('with few images, latents are scaled as a whole', async () => {
  const autoencoder = started(models.cae as ModelDefinition);
  const images = tf.randomUniform([9, 24, 32, 3], 0, 1, 'float32', 7);
  const encoded = () => (autoencoder.encoder.apply(images) as tf.Tensor2D).data() as Promise<Float32Array>;
  const before = correlations(await encoded());
  startWhite(autoencoder, await encoded());
  const { variances } = correlations(await encoded());
  expect(variances.reduce((sum, variance) => sum + variance / 4, 0)).toBeCloseTo(1, 2);
  const shares = variances.map((variance, i) => variance / (before.variances[i] as number));
  for (const share of shares) expect(share / (shares[0] as number)).toBeCloseTo(1, 2);
});

/** Of latents `[n, 4]`: means, variances and the largest covariance. */
function correlations(latents: Float32Array) {
  const count = latents.length / 4;
  const column = (i: number) => Array.from({ length: count }, (_, row) => latents[row * 4 + i] as number);
  const average = (values: number[]) => values.reduce((sum, value) => sum + value / count, 0);
  const means = [0, 1, 2, 3].map((i) => average(column(i)));
  const covariance = (i: number, j: number) => {
    const [a, b] = [column(i), column(j)];
    return average(a.map((value, row) => (value - (means[i] as number)) * ((b[row] as number) - (means[j] as number))));
  };
  const pairs = [0, 1, 2, 3].flatMap((i) => [0, 1, 2, 3].filter((j) => j < i).map((j) => Math.abs(covariance(i, j))));
  return { means, variances: [0, 1, 2, 3].map((i) => covariance(i, i)), largest: Math.max(...pairs) };
}
