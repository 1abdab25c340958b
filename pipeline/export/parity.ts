import * as tf from '@tensorflow/tfjs-core';
import type { ImageDataset } from '../data/dataset.ts';
import { range, spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { Sessions } from '../inference/sessions.ts';
import type { TrainingProgram } from '../train/program.ts';

/** Images to compare: real ones, spread over the data set. tfjs's own backend takes some 15 ms for each. */
const IMAGES = 16;

/** The largest absolute differences between tfjs and ONNX Runtime. */
export interface Parity {
  readonly images: number;
  readonly latent: number;
  readonly image: number;
}

/**
 * Runs real images through the model in tfjs and in ONNX Runtime, encoder and decoder each on the same input.
 * @param sessions of the converted encoder and decoder
 */
export async function measureParity(
  { autoencoder, size }: TrainingProgram,
  sessions: Sessions,
  dataset: ImageDataset,
): Promise<Parity> {
  const images = subset(dataset, dataset.name, spreadRows(dataset.length, IMAGES));
  const n = images.length;
  const shape = [n, size.height, size.width, size.channels] as const;
  const pixels = new Uint8Array(n * size.height * size.width * size.channels);
  await images.read(range(0, n), pixels);
  const labels = images.labels ?? new Int32Array(n);
  const { latents } = await sessions.encodeAll(images);
  const decoded = await sessions.decodeAll({ latents, labels });
  return tf.tidy(() => {
    const image = tf.div(tf.tensor4d(pixels, [...shape], 'int32'), 255) as tf.Tensor4D;
    const label = tf.tensor1d(labels, 'int32');
    const expected = autoencoder.encode({ image, label }).latent;
    const expectedImage = autoencoder.decode(tf.tensor2d(latents, [n, size.latent]), label);
    return { images: n, latent: difference(expected, latents), image: difference(expectedImage, decoded) };
  });
}

/** NaN where a number of either is NaN: no comparison with it holds. */
function difference(expected: tf.Tensor, found: Float32Array): number {
  const numbers = expected.dataSync();
  if (numbers.length !== found.length) {
    throw new Error(`tfjs gives ${numbers.length} numbers, ONNX Runtime ${found.length}`);
  }
  let largest = 0;
  for (const [i, value] of numbers.entries()) {
    const d = Math.abs(value - (found[i] ?? Number.NaN));
    if (!(d <= largest)) largest = d;
  }
  return largest;
}
