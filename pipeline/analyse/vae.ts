import type { Generator } from '../data/generator.ts';
import { countCompleteRows } from '../data/rows.ts';
import { foldColumns } from './moments.ts';

const LOG_TWO_PI = Math.log(2 * Math.PI);

/** @throws RangeError unless there are rows of `size` numbers, equally many in all arrays */
function countImages(size: number, first: Float32Array, ...others: readonly Float32Array[]): number {
  for (const { length } of others) {
    if (length !== first.length) throw new RangeError(`${first.length} numbers, but ${length} of the same rows`);
  }
  return countCompleteRows(first, size);
}

export interface Divergence {
  /** Mean over the images, in nats, `[size]`. */
  readonly perDimension: Float64Array;
  /** Their sum. */
  readonly total: number;
}

/**
 * Kullback–Leibler divergence of the approximate posteriors N(mu, exp(logvar)) from the prior N(0, I):
 * (mu² + exp(logvar) − 1 − logvar) / 2 (Kingma and Welling 2014, "Auto-encoding variational Bayes", appendix B).
 * @param mu `[n, size]`
 * @param logvar `[n, size]`
 */
export function klDivergence(mu: Float32Array, logvar: Float32Array, size: number): Divergence {
  const n = countImages(size, mu, logvar);
  const sums = foldColumns(mu, size, 0, (sum, mean, _, i) => {
    const log = logvar[i] as number;
    // exp(x) − 1 would lose precision where the posterior is close to the prior.
    return sum + (mean * mean + Math.expm1(log) - log) / 2;
  });
  const perDimension = sums.map((sum) => sum / n);
  return { perDimension, total: perDimension.reduce((sum, kl) => sum + kl, 0) };
}

export interface Activity {
  /** Variance over the images of each dimension's posterior mean, `[size]`. */
  readonly variances: Float64Array;
  /** Number of dimensions whose variance is above the threshold. */
  readonly active: number;
}

/**
 * Counts latent dimensions that depend on the image: those whose posterior mean has a variance over the images of more than
 * 0.01 (Burda, Grosse and Salakhutdinov 2016, "Importance weighted autoencoders", section 5.2).
 * @param mu `[n, size]`
 */
export function activeUnits(mu: Float32Array, size: number, threshold = 0.01): Activity {
  const n = countImages(size, mu);
  const means = foldColumns(mu, size, 0, (sum, mean) => sum + mean / n);
  const variances = foldColumns(mu, size, 0, (sum, mean, j) => sum + (mean - (means[j] as number)) ** 2 / n);
  return { variances, active: variances.filter((variance) => variance > threshold).length };
}

/** log N(z; mu, exp(logvar)) of each row, in nats, `[n]`. @param z, mu, logvar `[n, size]` */
export function normalLogDensity(z: Float32Array, mu: Float32Array, logvar: Float32Array, size: number): Float64Array {
  const logs = new Float64Array(countImages(size, z, mu, logvar));
  z.forEach((value, i) => {
    const row = Math.floor(i / size);
    const log = logvar[i] as number;
    logs[row] = (logs[row] as number) - ((value - (mu[i] as number)) ** 2 * Math.exp(-log) + log + LOG_TWO_PI) / 2;
  });
  return logs;
}

/** log N(z; 0, I) of each row, in nats, `[n]`. @param z `[n, size]` */
export function standardNormalLogDensity(z: Float32Array, size: number): Float64Array {
  const zeros = new Float32Array(z.length);
  return normalLogDensity(z, zeros, zeros, size);
}

/** One draw from each N(mu, exp(logvar)), in the shape of `mu`. */
export function samplePosterior(mu: Float32Array, logvar: Float32Array, generator: Generator): Float32Array {
  countImages(1, mu, logvar);
  const z = new Float32Array(mu.length);
  generator.fillNormal(z);
  return z.map((noise, i) => (mu[i] as number) + Math.exp((logvar[i] as number) / 2) * noise);
}

/** Log densities of a sample z from each image's posterior q(z|x), in nats, `[n]` each. */
export interface SampleLogs {
  /** log p(x|z) */
  readonly likelihood: ArrayLike<number>;
  /** log p(z) */
  readonly prior: ArrayLike<number>;
  /** log q(z|x) */
  readonly posterior: ArrayLike<number>;
}

/**
 * Estimates log p(x) of images by importance sampling: log (1/K) Σ p(x|z) p(z) / q(z|x), in expectation a lower bound that
 * is tight for K → ∞ (Burda, Grosse and Salakhutdinov 2016, equation 8). Samples are added, one for each image at a time,
 * and not kept. The sums are relative to the largest weight so far, so that exponentials do not overflow.
 * @param n number of images
 */
export function importanceSampling(n: number) {
  let samples = 0;
  const largest = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
  /** Sums of the weights, divided by the largest. */
  const sums = new Float64Array(n);
  /** Sums of the log weights. */
  const logs = new Float64Array(n);
  return {
    /** Number of samples of each image so far. */
    get samples() {
      return samples;
    },
    /** Adds one sample of every image. @throws RangeError when the numbers of logs and images differ, or one is NaN */
    add({ likelihood, prior, posterior }: SampleLogs): void {
      for (const { length } of [likelihood, prior, posterior]) {
        if (length !== n) throw new RangeError(`${length} logs of ${n} images`);
      }
      for (let i = 0; i < n; i++) {
        const weight = (likelihood[i] as number) + (prior[i] as number) - (posterior[i] as number);
        if (Number.isNaN(weight)) throw new RangeError(`the weight of image ${i} is not a number`);
        logs[i] = (logs[i] as number) + weight;
        if (weight === Number.NEGATIVE_INFINITY) continue;
        const most = Math.max(weight, largest[i] as number);
        sums[i] = (sums[i] as number) * Math.exp((largest[i] as number) - most) + Math.exp(weight - most);
        largest[i] = most;
      }
      samples++;
    },
    /** Estimated log p(x) of each image, in nats, `[n]`. */
    logLikelihoods: () => sums.map((sum, i) => (largest[i] as number) + Math.log(sum / samples)),
    /** Mean log weight of each image, in nats, `[n]`: its evidence lower bound, from the same samples. */
    lowerBounds: () => logs.map((sum) => sum / samples),
  };
}
