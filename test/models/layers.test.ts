import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { layers, loadLayersModel, sequential } from '@tensorflow/tfjs-layers';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { GroupNormalization, UpConv2D } from '../../models/kit.ts';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const random = (shape: number[], seed: number) =>
  tf.randomNormal(shape as [number], 0.5, 2, 'float32', seed) as tf.Tensor as tf.Tensor4D;

/** The largest difference of two tensors. */
const difference = (a: tf.Tensor, b: tf.Tensor): number => {
  expect(a.shape).toEqual(b.shape);
  return tf.max(tf.abs(tf.sub(a, b))).dataSync()[0] ?? Number.NaN;
};

/** Group normalization by the formula of Wu & He (2018), in operations whose gradients tfjs derives. */
function reference(x: tf.Tensor4D, gamma: tf.Tensor, beta: tf.Tensor, groups: number): tf.Tensor4D {
  const [n, h, w, c] = x.shape;
  const grouped = tf.reshape(x, [n, h, w, groups, c / groups]);
  const { mean, variance } = tf.moments(grouped, [1, 2, 4], true);
  const normal = tf.div(tf.sub(grouped, mean), tf.sqrt(tf.add(variance, 1e-5)));
  return tf.add(tf.mul(tf.reshape(normal, x.shape), gamma), beta);
}

test('group normalization and its gradients are those of the formula', () => {
  const [x, gamma, beta, weights] = [random([2, 3, 4, 6], 1), random([6], 2), random([6], 3), random([2, 3, 4, 6], 4)];
  const layer = new GroupNormalization({ name: 'norm', groups: 3 });
  layer.build(x.shape);
  const mine = (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => {
    for (const [i, weight] of layer.weights.entries()) (weight.read() as tf.Variable).assign([b, c][i] as tf.Tensor);
    return layer.apply(a) as tf.Tensor4D;
  };
  expect(difference(mine(x, gamma, beta), reference(x, gamma, beta, 3))).toBeLessThan(1e-5);
  const score = (y: tf.Tensor) => tf.sum(tf.mul(y, weights)) as tf.Scalar;
  const variables = layer.weights.map((weight) => weight.read() as tf.Variable);
  const input = tf.variable(x);
  const { grads } = tf.variableGrads(() => score(layer.apply(input as tf.Tensor) as tf.Tensor), [input, ...variables]);
  const expected = tf.grads((a, b, c) => score(reference(a as tf.Tensor4D, b as tf.Tensor, c as tf.Tensor, 3)));
  for (const [i, gradient] of expected([x, gamma, beta]).entries()) {
    const { name } = [input, ...variables][i] as tf.Variable;
    expect(difference(grads[name] as tf.Tensor, gradient)).toBeLessThan(1e-4);
  }
});

test('UpConv2D is nearest-neighbour upsampling and a convolution', () => {
  const x = random([2, 3, 5, 4], 1);
  const layer = new UpConv2D({ name: 'up', filters: 3 });
  const y = layer.apply(x) as tf.Tensor4D;
  const [kernel, bias] = layer.weights.map((weight) => weight.read()) as [tf.Tensor4D, tf.Tensor1D];
  (bias as tf.Variable<tf.Rank.R1>).assign(tf.tensor1d([1, 2, 3]));
  const forward = tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2]); // [3, 3, I, O]
  const large = tf.image.resizeNearestNeighbor(x, [6, 10]);
  expect(difference(y, tf.conv2d(large, forward, 1, 'same'))).toBeLessThan(1e-5);
  const shifted = layer.apply(x) as tf.Tensor4D;
  expect(difference(tf.sub(shifted, y), tf.broadcastTo(tf.tensor1d([1, 2, 3]), y.shape))).toBeLessThan(1e-5);
});

test('a program that imports the layers loads models that have them', async () => {
  const size = { height: 9, width: 12, channels: 3, latent: 4, classes: 0, seed: 1, filters: 8, halvings: 2 };
  const built = models.resae?.build(size);
  const [image, latent] = [random([2, 9, 12, 3], 5), tf.randomNormal([2, 4], 0, 1, 'float32', 6)];
  for (const [network, x] of [
    [built?.encoder, image],
    [built?.decoder, latent],
  ] as const) {
    let saved: tf.io.ModelArtifacts = {};
    await network?.save({
      save: async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      },
    });
    const modelTopology = JSON.parse(JSON.stringify(saved.modelTopology)) as object; // as in a file
    const loaded = await loadLayersModel({ load: async () => ({ ...saved, modelTopology }) });
    expect(difference(network?.predict(x) as tf.Tensor, loaded.predict(x) as tf.Tensor)).toBe(0);
  }
});

test('channels that do not divide into the groups are refused', () => {
  const norm = new GroupNormalization({ name: 'norm', groups: 4 });
  expect(() => sequential({ layers: [layers.inputLayer({ inputShape: [4, 4, 6] }), norm] })).toThrow(RangeError);
});
