import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { dense } from '../../models/kit/layers.ts';
import { binaryCrossEntropy } from '../../models/kit/losses.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import type { DatasetSplits, ImageDataset, ImageShape } from '../../pipeline/data/dataset.ts';
import { defineDataset } from '../../pipeline/data/dataset.ts';
import { silent } from '../../pipeline/io/progress.ts';
import type { TrainHooks, TrainOptions } from '../../pipeline/train/options.ts';

/** A model that trains in a millisecond a step: one dense layer each way, and noise on the latent. */
export const tiny: ModelDefinition = {
  name: 'tiny',
  summary: 'for tests',
  recipe: { epochs: 2, batchSize: 8, latent: 3, optimizer: { name: 'adam', learningRate: 1e-2, epsilon: 1e-8 } },
  pixelLoss: 'mean squared error',
  conditional: { encoder: false, decoder: false },
  build({ height, width, channels, latent, seed }) {
    if (height < 2) throw new RangeError(`images of ${height}×${width} are too small`);
    const pixels = height * width * channels;
    const encoder = sequential({
      name: 'encoder',
      layers: [
        layers.inputLayer({ inputShape: [height, width, channels], name: 'image' }),
        layers.flatten({ name: 'flatten' }),
        dense({ name: 'embedding', inputs: pixels, units: latent, seed }),
      ],
    });
    const decoder = sequential({
      name: 'decoder',
      layers: [
        layers.inputLayer({ inputShape: [latent], name: 'latent' }),
        dense({ name: 'expand', inputs: latent, units: pixels, seed }),
        layers.reshape({ name: 'reshape', targetShape: [height, width, channels] }),
      ],
    });
    const encode = (image: tf.Tensor4D) => encoder.apply(image) as tf.Tensor2D;
    const noiseShape = (n: number) => [n, latent];
    return {
      encoder,
      decoder,
      noiseShape,
      loss({ image }, noise) {
        if (!noise) throw new Error('the noise is missing');
        const z = tf.add(encode(image), tf.mul(noise, 0.1));
        const loss = binaryCrossEntropy(image, decoder.apply(z) as tf.Tensor4D);
        return { loss, reconstruction: tf.clone(loss) };
      },
      encode: ({ image }) => ({ latent: encode(image) }),
      decode: (z) => tf.sigmoid(decoder.apply(z) as tf.Tensor4D) as tf.Tensor4D,
    };
  },
};

/** A stripe whose place depends on the image's number, in memory. */
export function stripes(
  length: number,
  { shape = { height: 6, width: 5, channels: 1 } as ImageShape, salt = 0 } = {},
): ImageDataset {
  const { height, width, channels } = shape;
  const bytes = height * width * channels;
  const image = (index: number) =>
    Uint8Array.from({ length: bytes }, (_, i) =>
      Math.floor(i / channels / width) === index % height ? 230 - (index % 7) : (i * 13 + salt) % 40,
    );
  return defineDataset({
    name: 'stripes',
    shape,
    length,
    labels: Int32Array.from({ length }, (_, i) => i % height),
    classes: undefined,
    id: String,
    async read(indices, target) {
      for (let i = 0; i < indices.length; i++) target.set(image(indices[i] as number), i * bytes);
    },
    close: async () => {},
  });
}

/** 37 training images, so that the last batch of 8 has 5, and 11 test images. */
export const stripeSplits = () =>
  ({
    name: 'stripes',
    train: stripes(37),
    test: stripes(11, { salt: 5 }),
  }) satisfies DatasetSplits;

export const tinyOptions = (run: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  model: tiny,
  run,
  resume: false,
  engine: 'tfjs-cpu',
  device: 'auto',
  threads: 1,
  checkpointSeconds: Number.POSITIVE_INFINITY,
  ...more,
});

export const never: TrainHooks = { signal: new AbortController().signal, progress: silent };

/** Hooks that interrupt training once `steps` steps have been done in this process. */
export function interruptAfter(steps: number): TrainHooks {
  const controller = new AbortController();
  let left = steps;
  const update = () => {
    left--;
    if (left === 0) controller.abort();
  };
  return { signal: controller.signal, progress: { ...silent, update } };
}
