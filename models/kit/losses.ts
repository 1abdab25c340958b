import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** Compares the decoder's last linear layer, before sigmoid or clipping, with the image: a mean over all pixels. */
export type ReconstructionLoss = (image: Tensor, output: Tensor) => Scalar;

/**
 * Binary cross-entropy of pixels in [0, 1] against logits, the mean over every pixel of the batch, in nats:
 * max(l, 0) − l·x + log(1 + exp(−|l|)), the form that cannot overflow.
 */
export const binaryCrossEntropy: ReconstructionLoss = (image, logits) => {
  const softplus = tf.add(tf.relu(logits), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  return tf.mean(tf.sub(softplus, tf.mul(logits, image)));
};

/** Mean squared error over every pixel of the batch. */
export const meanSquaredError: ReconstructionLoss = (image, output) => tf.mean(tf.squaredDifference(output, image));

/**
 * KL divergence of N(mean, exp(logvar)) from N(0, I): −½ Σ (1 + logvar − mean² − exp(logvar)) over the batch, divided
 * by the number of pixels of the batch, so that it adds to a mean over pixels (Kingma & Welling 2014, appendix B).
 */
export function klDivergence(mean: Tensor, logvar: Tensor, pixels: number): Scalar {
  const terms = tf.sub(tf.sub(tf.add(logvar, 1), tf.square(mean)), tf.exp(logvar));
  return tf.mul(tf.sum(terms), -0.5 / pixels);
}
