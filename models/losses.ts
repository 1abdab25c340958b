import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/**
 * Binary cross-entropy of pixels in [0, 1] against logits, the mean over every pixel of the batch, in nats:
 * max(l, 0) − l·x + log(1 + exp(−|l|)), the form that cannot overflow.
 */
export function binaryCrossEntropy(image: Tensor, logits: Tensor): Scalar {
  const softplus = tf.add(tf.relu(logits), tf.log1p(tf.exp(tf.neg(tf.abs(logits)))));
  return tf.mean(tf.sub(softplus, tf.mul(logits, image)));
}
