import type { Scalar, Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** A convolutional autoencoder of 8×8 images; all but its first and last convolution are between blocks of channels. */
export interface Autoencoder {
  readonly weights: Readonly<Record<string, Variable>>;
  loss(inputs: Readonly<Record<string, Tensor>>): Scalar;
}

let made = 0;

export function autoencoder(batch: number): Autoencoder {
  const id = made++;
  const make = (name: string, shape: number[], seed: number) =>
    tf.variable(tf.randomUniform(shape, -0.15, 0.15, 'float32', seed), true, `autoencoder${id}/${name}`);
  const weights = {
    'conv1/kernel': make('conv1/kernel', [3, 3, 1, 16], 1),
    'conv1/bias': make('conv1/bias', [16], 2),
    'conv2/kernel': make('conv2/kernel', [3, 3, 16, 32], 3),
    'conv2/bias': make('conv2/bias', [32], 4),
    'latent/kernel': make('latent/kernel', [128, 5], 5),
    'latent/bias': make('latent/bias', [5], 6),
    'expand/kernel': make('expand/kernel', [5, 128], 7),
    'expand/bias': make('expand/bias', [128], 8),
    'deconv2/kernel': make('deconv2/kernel', [3, 3, 16, 32], 9),
    'deconv2/bias': make('deconv2/bias', [16], 10),
    'deconv1/kernel': make('deconv1/kernel', [5, 5, 1, 16], 11),
    'deconv1/bias': make('deconv1/bias', [1], 12),
  };
  const at = (name: keyof typeof weights) => weights[name] as Tensor;
  const layer = (x: Tensor, bias: keyof typeof weights) => tf.relu(tf.add(x, at(bias))) as Tensor4D;
  return {
    weights,
    loss({ image }) {
      const x = image as Tensor4D; // [N, 8, 8, 1]
      const conv1 = layer(tf.conv2d(x, at('conv1/kernel') as Tensor4D, 2, 'same'), 'conv1/bias'); // [N, 4, 4, 16]
      const conv2 = layer(tf.conv2d(conv1, at('conv2/kernel') as Tensor4D, 2, 'same'), 'conv2/bias'); // [N, 2, 2, 32]
      const latent = tf.add(
        tf.matMul(tf.reshape(conv2, [batch, 128]), at('latent/kernel') as tf.Tensor2D),
        at('latent/bias'),
      );
      const expanded = tf.add(tf.matMul(latent as tf.Tensor2D, at('expand/kernel') as tf.Tensor2D), at('expand/bias'));
      const wide = tf.reshape(expanded, [batch, 2, 2, 32]) as Tensor4D;
      const deconv2 = layer(
        tf.conv2dTranspose(wide, at('deconv2/kernel') as Tensor4D, [batch, 4, 4, 16], 2, 'same'),
        'deconv2/bias',
      ); // [N, 4, 4, 16]
      const logits = tf.add(
        tf.conv2dTranspose(deconv2, at('deconv1/kernel') as Tensor4D, [batch, 8, 8, 1], 2, 'same'),
        at('deconv1/bias'),
      ); // [N, 8, 8, 1]
      return tf.losses.sigmoidCrossEntropy(x, logits) as Scalar;
    },
  };
}
