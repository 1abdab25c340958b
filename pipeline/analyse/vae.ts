import type { Generator } from '../data/generator.ts';

const LOG_TWO_PI = Math.log(2 * Math.PI);

/** Numbers are `[n, size]`: a row for each image. @throws RangeError */
function countImages(numbers: Float32Array, size: number): number {
  const n = numbers.length / size;
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`${numbers.length} numbers are not rows of ${size}`);
  return n;
}

function checkAlike(a: Float32Array, b: Float32Array): void {
  if (a.length !== b.length) throw new RangeError(`${a.length} numbers beside ${b.length}`);
}

export interface Divergence {
  /** Nats, mean over the images, `[size]`. */
  readonly perDimension: Float64Array;
  /** Their sum. */
  readonly total: number;
}

/**
 * How far the approximate posteriors N(mu, exp(logvar)) are from the prior N(0, I): Kullback–Leibler divergence
 * (mu² + exp(logvar) − 1 − logvar) / 2 (Kingma and Welling 2014, "Auto-encoding variational Bayes", appendix B).
 * @param mu `[n, size]`
 * @param logvar `[n, size]`
 */
export function klDivergence(mu: Float32Array, logvar: Float32Array, size: number): Divergence {
  const n = countImages(mu, size);
  checkAlike(mu, logvar);
  const sums = new Float64Array(size);
  mu.forEach((mean, i) => {
    const log = logvar[i] as number;
    // exp(x) − 1 loses what matters where the posterior is almost the prior.
    sums[i % size] = (sums[i % size] as number) + (mean * mean + Math.expm1(log) - log) / 2;
  });
  const perDimension = sums.map((sum) => sum / n);
  return { perDimension, total: perDimension.reduce((sum, kl) => sum + kl, 0) };
}

export interface Activity {
  /** Variance over the images of each dimension's posterior mean, `[size]`. */
  readonly variances: Float64Array;
  /** Dimensions whose variance is above the threshold. */
  readonly active: number;
}

/**
 * Latent dimensions that depend on the image: those whose posterior mean varies over the images by more than 0.01
 * (Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", section 5.2).
 * @param mu `[n, size]`
 */
export function activeUnits(mu: Float32Array, size: number, threshold = 0.01): Activity {
  const n = countImages(mu, size);
  const means = new Float64Array(size);
  mu.forEach((mean, i) => {
    means[i % size] = (means[i % size] as number) + mean / n;
  });
  const variances = new Float64Array(size);
  mu.forEach((mean, i) => {
    variances[i % size] = (variances[i % size] as number) + (mean - (means[i % size] as number)) ** 2 / n;
  });
  return { variances, active: variances.filter((variance) => variance > threshold).length };
}

/** log N(z; 0, I) of each row, in nats, `[n]`. @param z `[n, size]` */
export function standardNormalLogDensity(z: Float32Array, size: number): Float64Array {
  const logs = new Float64Array(countImages(z, size));
  z.forEach((value, i) => {
    const row = Math.floor(i / size);
    logs[row] = (logs[row] as number) - (value * value + LOG_TWO_PI) / 2;
  });
  return logs;
}

/** log N(z; mu, exp(logvar)) of each row, in nats, `[n]`. @param z, mu, logvar `[n, size]` */
export function normalLogDensity(z: Float32Array, mu: Float32Array, logvar: Float32Array, size: number): Float64Array {
  const logs = new Float64Array(countImages(z, size));
  checkAlike(z, mu);
  checkAlike(z, logvar);
  z.forEach((value, i) => {
    const row = Math.floor(i / size);
    const log = logvar[i] as number;
    logs[row] = (logs[row] as number) - ((value - (mu[i] as number)) ** 2 * Math.exp(-log) + log + LOG_TWO_PI) / 2;
  });
  return logs;
}

/** One draw from each N(mu, exp(logvar)), in the shape of `mu`. */
export function samplePosterior(mu: Float32Array, logvar: Float32Array, generator: Generator): Float32Array {
  checkAlike(mu, logvar);
  const z = new Float32Array(mu.length);
  generator.fillNormal(z);
  return z.map((noise, i) => (mu[i] as number) + Math.exp((logvar[i] as number) / 2) * noise);
}
