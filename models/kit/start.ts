import type { Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Autoencoder } from './model.ts';

/** Colours nearer to black or white than this would start a sigmoid where it is flat. */
const LEAST = 0.01;

/**
 * Starts an untrained model at the mean colour of its images: the decoder's last bias makes it the first reconstruction, and the
 * encoder's first bias takes it from the input. From a reconstruction of gray, the first steps raise or lower all pixels, which
 * ends with units of ReLU that never become active.
 * @param mean of each channel, in [0, 1]
 */
export function startAtMean(
  { encoder, decoder }: Pick<Autoencoder, 'encoder' | 'decoder'>,
  mean: readonly number[],
): void {
  const { length } = mean;
  const ended = decoder.layers.at(-1)?.name === 'sigmoid';
  const levels = mean.map((value) => Math.min(1 - LEAST, Math.max(LEAST, value)));
  const first = weightsOf(encoder).find(([kernel]) => kernel?.rank === 4);
  const last = weightsOf(decoder).findLast(([kernel, bias]) => kernel?.rank === 4 && bias?.size === length);
  tf.tidy(() => {
    last?.[1]?.assign(tf.tensor1d(ended ? levels.map((level) => Math.log(level / (1 - level))) : [...mean]));
    const [kernel, bias] = first ?? [];
    if (kernel?.shape[2] !== length) return; // planes of classes beside the channels
    bias?.assign(tf.sub(bias, tf.sum(tf.mul(kernel, tf.tensor(mean, [1, 1, length, 1])), [0, 1, 2])));
  });
}

/** Kernel and bias of each layer that has weights. */
const weightsOf = ({ layers }: LayersModel): Variable[][] =>
  layers.map(({ weights }) => weights.map((weight) => weight.read() as Variable));
