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

/** Share of the mean variance that is added to each variance, so that none is 0. */
const RIDGE = 1e-6;
/** Images for each dimension from which their covariance is known well enough. */
const IMAGES_PER_DIMENSION = 4;

/**
 * Rescales the encoder's last layer so that latents have mean 0, variance 1 and no correlation; of few images, only the mean
 * and the mean variance are taken. Initial weights give latents that hardly differ between images, and in few directions, and a
 * decoder learns in a direction the later the less it varies (compare Krähenbühl et al. 2016, Data-dependent initializations).
 * @param latents of some images by the untrained encoder, `[n, D]`
 */
export function startWhite({ encoder }: Pick<Autoencoder, 'encoder'>, latents: Float32Array): void {
  const [kernel, bias] = weightsOf(encoder).findLast((weights) => weights.length > 0) ?? [];
  const size = kernel?.shape.at(-1) ?? 0;
  if (!kernel || bias?.size !== size) return;
  const { mean, covariance } = momentsOf(latents, size);
  const variance = covariance.reduce((sum, row, i) => sum + (row[i] as number), 0) / size;
  if (!(variance > 0)) return;
  const known = latents.length / size >= IMAGES_PER_DIMENSION * size;
  const entry = (row: number, column: number) =>
    (known ? (covariance[row]?.[column] as number) : 0) + (row === column ? (known ? RIDGE : 1) * variance : 0);
  const factor = cholesky(size, entry);
  const rows = Array.from(kernel.dataSync());
  const whitened = new Float32Array(rows.length);
  for (let at = 0; at < rows.length; at += size) whitened.set(solved(factor, rows.slice(at, at + size)), at);
  const centred = Array.from(bias.dataSync(), (value, i) => value - (mean[i] as number));
  tf.tidy(() => {
    kernel.assign(tf.tensor(whitened, kernel.shape));
    bias.assign(tf.tensor1d(solved(factor, centred)));
  });
}

/** Mean `[D]` and covariance `[D, D]`, of which the lower triangle is filled. */
function momentsOf(latents: Float32Array, size: number) {
  const count = latents.length / size;
  const mean = new Float64Array(size);
  for (let i = 0; i < latents.length; i++) (mean[i % size] as number) += (latents[i] as number) / count;
  const covariance = Array.from({ length: size }, () => new Float64Array(size));
  for (let at = 0; at < latents.length; at += size) {
    for (const [row, sums] of covariance.entries()) {
      const deviation = ((latents[at + row] as number) - (mean[row] as number)) / count;
      for (let column = 0; column <= row; column++) {
        (sums[column] as number) += deviation * ((latents[at + column] as number) - (mean[column] as number));
      }
    }
  }
  return { mean, covariance };
}

/** The lower triangular L with L·Lᵀ = the matrix of these entries. */
function cholesky(size: number, entry: (row: number, column: number) => number): Float64Array[] {
  const factor: Float64Array[] = [];
  for (let row = 0; row < size; row++) {
    const own = new Float64Array(size);
    factor.push(own);
    for (let column = 0; column <= row; column++) {
      const other = factor[column] as Float64Array;
      let rest = entry(row, column);
      for (let k = 0; k < column; k++) rest -= (own[k] as number) * (other[k] as number);
      own[column] = row === column ? Math.sqrt(rest) : rest / (other[column] as number);
    }
  }
  return factor;
}

/** The x with L·x = y. */
function solved(factor: readonly Float64Array[], y: readonly number[]): number[] {
  const x: number[] = [];
  for (const [row, own] of factor.entries()) {
    let rest = y[row] as number;
    for (let k = 0; k < row; k++) rest -= (own[k] as number) * (x[k] as number);
    x.push(rest / (own[row] as number));
  }
  return x;
}
