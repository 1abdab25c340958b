import * as tf from '@tensorflow/tfjs-core';
import type { BatchedProgram } from 'tfjs-to-onnx';
import type { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { kmeans } from './kmeans.ts';
import { choleskyFactor, invertLower } from './matrix.ts';
import { meanVariance, standardized } from './moments.ts';
import { withPrograms } from './programs.ts';

/** A mixture of normal distributions with full covariances, in plain numbers, as a card stores it. */
export interface GaussianMixture {
  readonly size: number;
  /** Weights of the components, which sum to 1. */
  readonly weights: readonly number[];
  /** `[components][size]` */
  readonly means: readonly (readonly number[])[];
  /** Lower triangles of the covariances' Cholesky factors, row by row, `[components][size (size + 1) / 2]`. */
  readonly factors: readonly (readonly number[])[];
}

export interface MixtureFit {
  readonly mixture: GaussianMixture;
  /** Mean log density of the rows, in nats, before the last update. */
  readonly logLikelihood: number;
  readonly iterations: number;
  readonly converged: boolean;
}

export interface ExpectationOptions {
  /** 100 by default. */
  readonly maxIterations?: number | undefined;
  /** Stops when the mean log density grows by less, in nats; 1e-3 by default. */
  readonly tolerance?: number | undefined;
  /** Added to the variances, and less to those of columns whose own variance is below 1; 1e-6 by default. */
  readonly ridge?: number | undefined;
  readonly tick?: Tick | undefined;
}

export interface MixtureOptions extends ExpectationOptions {
  readonly components: number;
  readonly seed: number;
}

const RIDGE = 1e-6;
/** A variance relative to that of the rows, so small that each row belongs to the nearest centre alone. */
const NARROW = 2 ** -60;
/** Stands for a weight of 0, whose logarithm is not finite. */
const LEAST = 1e-300;
/** The smallest ridge, relative to a column's variance: rounding must not make a covariance indefinite. */
const MIN_RIDGE = 2 ** -20;
/** Of the ridge, at most: then it is as large as the variances. */
const MAX_SCALE = 2 ** 20;

/**
 * Fits a mixture by expectation–maximization (Dempster, Laird and Rubin 1977; Bishop, "Pattern recognition and machine
 * learning", 9.2.2) from one k-means clustering, with the defaults of scikit-learn's `GaussianMixture`. Equal seeds give
 * equal mixtures. Yields to the event loop.
 * @param rows `[n, size]`, `n` at least `components`
 * @throws RangeError
 */
export async function fitGaussianMixture(
  rows: Float32Array,
  size: number,
  options: MixtureOptions,
): Promise<MixtureFit> {
  const { components, seed, tick } = options;
  const { centres } = await kmeans(rows, size, {
    clusters: components,
    restarts: 1,
    seed,
    tick: tick && (() => tick(0)),
  });
  const variance = meanVariance(rows, size) || 1;
  return iterate(rows, sphericalMixture(centres, size, NARROW * variance), options, 0);
}

/** Expectation–maximization from a given mixture. @param rows `[n, size]` @throws RangeError */
export const improveMixture = (
  rows: Float32Array,
  start: GaussianMixture,
  options: ExpectationOptions = {},
): Promise<MixtureFit> => iterate(rows, start, options, 1);

/** @param first 1, or 0 where the start only says which rows belong together: then the next mixture counts as the start */
async function iterate(
  rows: Float32Array,
  start: GaussianMixture,
  options: ExpectationOptions,
  first: 0 | 1,
): Promise<MixtureFit> {
  const { maxIterations = 100, tolerance = 1e-3, ridge = RIDGE, tick } = options;
  const { size, weights } = start;
  const n = countRows(rows, size);
  const pause = pauses(tick);
  const scaled = standardized(rows, size);
  const { mean, std } = scaled;
  const scales = std.reduce((sum, scale) => sum + Math.log(scale), 0);
  return withPrograms({ expectation: expectation(size, weights.length) }, async (run) => {
    let mixture = start;
    let logLikelihood = Number.NEGATIVE_INFINITY;
    for (let iterations = first; ; iterations++) {
      const density = densityOf(mixture, mean, std);
      const sums = new MixtureSums(weights.length, size);
      for (const { from, to } of rowStretches(n, size * weights.length)) {
        const row = scaled.rows.subarray(from * size, to * size);
        sums.add(await run('expectation', { row, ...density }));
        await pause(Math.min(1, Math.max(0, iterations - 1 + to / n) / maxIterations));
      }
      mixture = mixtureOf(sums.parts(density.means, mean, std), std, ridge);
      if (iterations === 0) continue;
      const gain = sums.logs / n - scales - logLikelihood;
      logLikelihood = sums.logs / n - scales;
      const converged = Math.abs(gain) < tolerance;
      if (converged || iterations >= maxIterations) return { mixture, logLikelihood, iterations, converged };
    }
  });
}

/**
 * Components of equal weight and of one variance in all directions: the nearest centre is the most probable component. k-means is
 * the limit of smaller and smaller variances.
 * @param centres `[components, size]`
 */
export function sphericalMixture(centres: Float64Array, size: number, variance: number): GaussianMixture {
  const components = centres.length / size;
  const deviation = Math.sqrt(variance);
  const factor = Array.from({ length: size }, (_, i) =>
    Array.from({ length: i + 1 }, (_, j) => (i === j ? deviation : 0)),
  );
  const rowOf = (k: number) => Array.from(centres.subarray(k * size, (k + 1) * size));
  return {
    size,
    weights: new Array<number>(components).fill(1 / components),
    means: Array.from({ length: components }, (_, k) => rowOf(k)),
    factors: new Array<number[]>(components).fill(factor.flat()),
  };
}

/** Draws rows from a mixture, `[count, size]`, and the component of each, `[count]`. */
export function sampleMixture(
  { size, weights, means, factors }: GaussianMixture,
  count: number,
  generator: Generator,
): { rows: Float32Array; components: Int32Array } {
  const components = Int32Array.from({ length: count }, () => {
    let rest = generator.uniform();
    const found = weights.findIndex((weight) => {
      rest -= weight;
      return rest < 0;
    });
    return found < 0 ? weights.length - 1 : found; // because of rounding, the weights may sum to less than 1
  });
  const normals = new Float32Array(count * size);
  generator.fillNormal(normals);
  const rows = new Float32Array(count * size);
  components.forEach((component, row) => {
    const [mean, factor] = [means[component] as readonly number[], factors[component] as readonly number[]];
    for (let i = 0, at = 0; i < size; i++) {
      let value = mean[i] as number;
      for (let j = 0; j <= i; j++, at++) value += (factor[at] as number) * (normals[row * size + j] as number);
      rows[row * size + i] = value;
    }
  });
  return { rows, components };
}

/** A component of a mixture. */
interface Part {
  readonly weight: number;
  /** `[size]` */
  readonly mean: Float64Array;
  /** `[size, size]` */
  readonly covariance: Float64Array;
}

/**
 * @param std of the columns of all rows
 * @param ridge added to the variances; where rounding makes a covariance indefinite all the same, as of many columns that
 * nearly depend on each other, a ridge that is 4, 16, … times as large
 */
function mixtureOf(parts: readonly Part[], std: Float64Array, ridge: number): GaussianMixture {
  const size = std.length;
  const factorOf = ({ covariance }: Part): number[] => {
    for (let scale = 1; ; scale *= 4) {
      const raised = covariance.slice();
      for (const [i, deviation] of std.entries()) {
        const [at, variance] = [i * (size + 1), deviation ** 2];
        const least = Math.max(ridge * Math.min(1, variance), MIN_RIDGE * variance);
        raised[at] = (raised[at] as number) + scale * least;
      }
      try {
        return Array.from(choleskyFactor(raised, size));
      } catch (error) {
        if (!(error instanceof RangeError) || scale >= MAX_SCALE) throw error;
      }
    }
  };
  return {
    size,
    weights: parts.map(({ weight }) => weight),
    means: parts.map(({ mean }) => Array.from(mean)),
    factors: parts.map(factorOf),
  };
}

/** What the program `expectation` takes of a mixture, for standardized rows. */
function densityOf({ size, weights, means, factors }: GaussianMixture, mean: Float64Array, std: Float64Array) {
  const components = weights.length;
  const inverses = new Float32Array(components * size * size);
  const peaks = new Float32Array(components);
  factors.forEach((factor, component) => {
    const inverse = invertLower(factor, size);
    let peak = Math.log(Math.max(LEAST, weights[component] as number)) - (size / 2) * Math.log(2 * Math.PI);
    for (let i = 0, at = 0; i < size; i++) {
      for (let j = 0; j <= i; j++, at++)
        inverses[(component * size + i) * size + j] = (inverse[at] as number) * (std[j] as number);
      peak += Math.log((inverse[at - 1] as number) * (std[i] as number));
    }
    peaks[component] = peak;
  });
  const standard = (value: number, j: number) => (value - (mean[j] as number)) / (std[j] as number);
  return { means: Float32Array.from(means.flatMap((line) => line.map(standard))), inverses, peaks };
}

/**
 * The log density of each row, the probabilities of the components given the row summed over the rows, and the sums of the
 * rows' differences from the means and of their products, weighted by these probabilities.
 */
const expectation = (size: number, components: number): BatchedProgram => ({
  inputs: {
    row: { shape: ['N', size], dtype: 'float32' },
    means: { shape: [components, 1, size], dtype: 'float32' },
    inverses: { shape: [components, size, size], dtype: 'float32' }, // of the Cholesky factors
    peaks: { shape: [components, 1], dtype: 'float32' }, // log densities at the means
  },
  compute({ row, means, inverses, peaks }) {
    const differences = tf.sub(tf.expandDims(row as tf.Tensor2D, 0), means as tf.Tensor3D); // [components, N, size]
    const normals = tf.matMul(differences, inverses as tf.Tensor3D, false, true);
    const logs = tf.sub(peaks as tf.Tensor2D, tf.mul(0.5, tf.sum(tf.square(normals), 2))); // [components, N]
    const highest = tf.max(logs, 0, true);
    const densities = tf.exp(tf.sub(logs, highest));
    const total = tf.sum(densities, 0, true);
    const shares = tf.expandDims(tf.div(densities, total), 2); // [components, N, 1]
    return {
      logs: tf.add(highest, tf.log(total)),
      shares: tf.sum(shares, 1),
      sums: tf.matMul(shares, differences, true, false),
      products: tf.matMul(tf.mul(shares, differences), differences, true, false),
    };
  },
});

/** Sums of what the program `expectation` returns. */
class MixtureSums {
  readonly #size: number;
  readonly #shares: Float64Array;
  readonly #sums: Float64Array;
  readonly #products: Float64Array;
  logs = 0;

  constructor(components: number, size: number) {
    this.#size = size;
    this.#shares = new Float64Array(components);
    this.#sums = new Float64Array(components * size);
    this.#products = new Float64Array(components * size * size);
  }

  add({ logs = [], shares = [], sums = [], products = [] }: Readonly<Record<string, ArrayLike<number>>>): void {
    this.logs += Array.from(logs).reduce((total, log) => total + log, 0);
    const pairs = [
      [this.#shares, shares],
      [this.#sums, sums],
      [this.#products, products],
    ] as const;
    for (const [all, some] of pairs)
      for (let i = 0; i < all.length; i++) all[i] = (all[i] as number) + (some[i] as number);
  }

  /** The components that fit best. @param means of standardized rows, which the differences were from */
  parts(means: Float32Array, mean: Float64Array, std: Float64Array): Part[] {
    const size = this.#size;
    const all = this.#shares.reduce((total, share) => total + share, 0);
    return Array.from(this.#shares, (share, component) => {
      const total = Math.max(share, LEAST);
      const shift = this.#sums.subarray(component * size, (component + 1) * size).map((sum) => sum / total);
      const standard = shift.map((value, i) => value + (means[component * size + i] as number));
      return {
        weight: share / all,
        mean: standard.map((value, i) => value * (std[i] as number) + (mean[i] as number)),
        covariance: this.#products.slice(component * size * size, (component + 1) * size * size).map((sum, at) => {
          const [i, j] = [Math.floor(at / size), at % size];
          const rounding = i === j ? 1 - MIN_RIDGE : 1; // of float32: it must not make the covariance indefinite
          const centred = sum / total - rounding * (shift[i] as number) * (shift[j] as number);
          return centred * (std[i] as number) * (std[j] as number);
        }),
      };
    });
  }
}
