import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu'; // tracing needs a backend to return to
import { convertFunction } from 'tfjs-to-onnx';
import type { Card } from '../artifacts/card.ts';
import type { ImageShape } from '../data/dataset.ts';

/** Distance kept from probabilities 0 and 1 (17.3 nats): float32 comes no nearer to 1. */
const EPSILON = 2 ** -25;

/**
 * Traces the reconstruction error of each image into an ONNX graph: inputs `image` (uint8 `[N, H, W, C]`) and
 * `reconstruction` (float32 `[N, H, W, C]`), output `error` (float32 `[N]`), the mean over the pixels.
 * @returns the bytes of the ONNX file
 */
export function errorGraph(error: Card['model']['error'], { height, width, channels }: ImageShape): Uint8Array {
  const shape = ['N', height, width, channels] as const;
  const perPixel = {
    'binary cross-entropy': binaryCrossEntropy,
    'mean squared error': tf.squaredDifference,
    'mean absolute error': (x: tf.Tensor, made: tf.Tensor) => tf.abs(tf.sub(x, made)),
  }[error];
  return convertFunction(
    ({ image, reconstruction }: { image: tf.Tensor; reconstruction: tf.Tensor }) => {
      const errors = perPixel(tf.div(tf.cast(image, 'float32'), 255), reconstruction); // [N, H, W, C]
      return { error: tf.mean(tf.mean(errors, [2, 3]), 1) }; // in two steps, which loses fewer digits
    },
    {
      name: 'error',
      inputs: {
        image: { shape, dtype: 'int32', storage: 'uint8' },
        reconstruction: { shape, dtype: 'float32' },
      },
    },
  );
}

/** −x log p − (1 − x) log(1 − p), in nats. */
function binaryCrossEntropy(x: tf.Tensor, p: tf.Tensor): tf.Tensor {
  const log = (probability: tf.Tensor) => tf.log(tf.maximum(probability, EPSILON));
  return tf.neg(tf.add(tf.mul(x, log(p)), tf.mul(tf.sub(1, x), log(tf.sub(1, p)))));
}
