import * as tf from '@tensorflow/tfjs-core';
import type { Card } from '../artifacts/card.ts';
import { type ImageDataset, readImages } from '../data/dataset.ts';
import { range, spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { Sessions } from '../inference/sessions.ts';
import type { TrainingProgram } from '../train/program.ts';

/** Images to compare: real ones, spread over the data set. tfjs's own backend takes some 15 ms for each. */
const IMAGES = 16;
/** The largest difference that is published: absolute, or relative to the largest latent or log variance where that is above 1. */
export const TOLERANCE = 1e-4;

/**
 * Runs real images through the model in tfjs and in ONNX Runtime, encoder and decoder each on the same input.
 * @param sessions of the converted encoder and decoder
 * @returns the largest absolute differences
 * @throws Error when one is above the tolerance
 */
export async function measureParity(
  { autoencoder, size }: TrainingProgram,
  sessions: Sessions,
  dataset: ImageDataset,
): Promise<Card['parity'] & { readonly cluster: number }> {
  const images = subset(dataset, dataset.name, spreadRows(dataset.length, IMAGES));
  const n = images.length;
  const pixels = await readImages(images, range(0, n));
  const labels = images.labels ?? new Int32Array(n);
  const { latents, logvars, clusters } = await sessions.encodeAll(images, { clusters: true });
  const decoded = await sessions.decodeAll({ latents, labels });
  const [latent, image, cluster, relative] = tf.tidy(() => {
    const image = tf.div(tf.tensor4d(pixels, [n, size.height, size.width, size.channels], 'int32'), 255) as tf.Tensor4D;
    const label = tf.tensor1d(labels, 'int32');
    const { latent: expected, logvar, cluster } = autoencoder.encode({ image, label });
    const expectedImage = autoencoder.decode(tf.tensor2d(latents, [n, size.latent]), label);
    const ofLatents = difference(expected, latents);
    const ofLogvars = logvar ? difference(logvar, logvars) / scaleOf(logvar) : 0;
    const ofClusters = cluster && clusters ? difference(cluster, clusters) : 0;
    const relative = Math.max(ofLatents / scaleOf(expected), ofLogvars);
    return [ofLatents, difference(expectedImage, decoded), ofClusters, relative] as const;
  });
  const largest = Math.max(relative, image, cluster);
  if (largest <= TOLERANCE) return { images: n, latent, image, cluster, tolerance: TOLERANCE };
  throw new Error(
    `tfjs and ONNX Runtime differ by ${largest} on ${n} images, more than ${TOLERANCE}; nothing was exported`,
  );
}

/** What a difference is relative to: the largest value, at least 1. */
const scaleOf = (expected: tf.Tensor): number => Math.max(1, tf.max(tf.abs(expected)).dataSync()[0] ?? 0);

/** NaN where a value of either is NaN: no comparison with it holds. */
const difference = (expected: tf.Tensor, found: Float32Array = new Float32Array()): number =>
  expected
    .dataSync<'float32'>()
    .reduce((largest, value, i) => Math.max(largest, Math.abs(value - (found[i] ?? Number.NaN))), 0);
