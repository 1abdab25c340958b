import { tiny, tinyLatent } from '../encode/tiny-model.ts';

const STEP = 0.2;
const REACH = 6;

/** −log p(x) in nats of an image under the tiny model with a standard normal prior, by summing over the plane of latents. */
export function tinyLikelihood(image: ArrayLike<number>, decoder: readonly number[]): number {
  let sum = 0;
  for (let x = -REACH; x <= REACH; x += STEP)
    for (let y = -REACH; y <= REACH; y += STEP)
      sum += (Math.exp(-(x * x + y * y) / 2 - crossEntropy(image, [x, y], decoder)) / (2 * Math.PI)) * STEP * STEP;
  return -Math.log(sum);
}

/** Cross-entropy per pixel that is expected of an image's latents drawn with a log variance, by summing over the plane. */
export function tinyExpectedError(
  image: ArrayLike<number>,
  decoder: readonly number[],
  mean: readonly number[],
  logvar: number,
): number {
  const std = Math.exp(logvar / 2);
  let sum = 0;
  for (let x = -REACH; x <= REACH; x += STEP)
    for (let y = -REACH; y <= REACH; y += STEP) {
      const weight = (Math.exp(-(x * x + y * y) / 2) / (2 * Math.PI)) * STEP * STEP;
      sum += weight * crossEntropy(image, [(mean[0] ?? 0) + std * x, (mean[1] ?? 0) + std * y], decoder);
    }
  return sum / tiny.pixels;
}

/** Nats of an image, from logits. */
export function crossEntropy(image: ArrayLike<number>, latent: readonly number[], decoder: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < tiny.pixels; i++) {
    const logit = latent.reduce((total, z, d) => total + z * (decoder[tiny.pixels * d + i] ?? 0), 0);
    sum += Math.max(logit, 0) - (logit * (image[i] ?? 0)) / 255 + Math.log1p(Math.exp(-Math.abs(logit)));
  }
  return sum;
}

/** Class by the vote of the 10 nearest rows, of equally frequent ones that of the nearest, all compared with all. */
export function voteOfTen(rows: readonly number[][], labels: ArrayLike<number>, query: readonly number[]) {
  const nearest = rows
    .map((other, row) => ({ row, distance: other.reduce((sum, x, d) => sum + (x - (query[d] ?? 0)) ** 2, 0) }))
    .sort((a, b) => a.distance - b.distance || a.row - b.row)
    .slice(0, 10)
    .map(({ row }) => labels[row]);
  const votes = (label: number | undefined) => nearest.filter((other) => other === label).length;
  return nearest.reduce((best, label) => (votes(label) > votes(best) ? label : best));
}

export const latentOf = (image: ArrayLike<number>): number[] => tinyLatent(image).map(Math.fround);
