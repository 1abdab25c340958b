import type { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { kmeans } from './kmeans.ts';
import { choleskyFactor, invertLower, trace } from './matrix.ts';

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
  /** Added to the variances; 1e-6 by default. */
  readonly ridge?: number | undefined;
  readonly tick?: Tick | undefined;
}

export interface MixtureOptions extends ExpectationOptions {
  readonly components: number;
  readonly seed: number;
}

const RIDGE = 1e-6;

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
  const { components, seed, ridge = RIDGE, tick } = options;
  const { assignment, centres } = await kmeans(rows, size, {
    clusters: components,
    restarts: 1,
    seed,
    tick: tick && (() => tick(0)),
  });
  const sums = mixtureSums(centres, size);
  assignment.forEach((component, row) => {
    sums.add(rows, row * size, component, 1);
  });
  return improveMixture(rows, sums.mixture(ridge), options);
}

/** Expectation–maximization from a given mixture. @param rows `[n, size]` @throws RangeError */
export async function improveMixture(
  rows: Float32Array,
  start: GaussianMixture,
  options: ExpectationOptions = {},
): Promise<MixtureFit> {
  const { maxIterations = 100, tolerance = 1e-3, ridge = RIDGE, tick } = options;
  const { size } = start;
  const n = countRows(rows, size);
  const pause = pauses(tick);
  let mixture = start;
  let logLikelihood = Number.NEGATIVE_INFINITY;
  for (let iterations = 1; ; iterations++) {
    const density = mixtureDensity(mixture);
    const sums = mixtureSums(Float64Array.from(mixture.means.flat()), size);
    let total = 0;
    for (const { from, to } of rowStretches(n, size * size * mixture.weights.length)) {
      for (let row = from; row < to; row++) {
        total += density.at(rows, row * size);
        for (let component = 0; component < density.shares.length; component++)
          sums.add(rows, row * size, component, density.shares[component] as number);
      }
      await pause(Math.min(1, (iterations - 1 + to / n) / maxIterations));
    }
    const gain = total / n - logLikelihood;
    logLikelihood = total / n;
    mixture = sums.mixture(ridge);
    const converged = Math.abs(gain) < tolerance;
    if (converged || iterations >= maxIterations) return { mixture, logLikelihood, iterations, converged };
  }
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

/**
 * The log density of a mixture at one row at a time.
 * @returns `at`, the log density in nats of the row that starts at an index, and `shares`, which it updates: the
 * probability of each component given that row
 */
function mixtureDensity({ size, weights, means, factors }: GaussianMixture) {
  const shares = new Float64Array(weights.length);
  const flatMeans = Float64Array.from(means.flat());
  const difference = new Float64Array(size);
  /** Lower triangles of the Cholesky factors' inverses, row by row. */
  const inverses = Float64Array.from(factors.flatMap((factor) => Array.from(invertLower(factor, size))));
  /** Log of each component's weight times its density at its mean. */
  const peaks = Float64Array.from(weights, (weight, component) => {
    let peak = Math.log(weight) - (size / 2) * Math.log(2 * Math.PI);
    for (let i = 0; i < size; i++) peak -= Math.log(factors[component]?.[(i * (i + 3)) / 2] as number);
    return peak;
  });
  const at = (rows: Float32Array, start: number): number => {
    let highest = Number.NEGATIVE_INFINITY;
    for (let component = 0, at = 0; component < shares.length; component++) {
      for (let i = 0; i < size; i++) {
        difference[i] = (rows[start + i] as number) - (flatMeans[component * size + i] as number);
      }
      let squares = 0;
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let j = 0; j <= i; j++, at++) sum += (inverses[at] as number) * (difference[j] as number);
        squares += sum * sum;
      }
      const log = (peaks[component] as number) - squares / 2;
      shares[component] = log;
      if (log > highest) highest = log;
    }
    let sum = 0;
    for (let component = 0; component < shares.length; component++) {
      const share = Math.exp((shares[component] as number) - highest);
      shares[component] = share;
      sum += share;
    }
    for (let component = 0; component < shares.length; component++) {
      shares[component] = (shares[component] as number) / sum;
    }
    return highest + Math.log(sum);
  };
  return { at, shares };
}

/** A component's share of a row that is too small to change its mean and covariance. */
const NEGLIGIBLE = 1e-14;
/** The smallest ridge, relative to a covariance's mean variance: rounding must not make the covariance indefinite. */
const MIN_RIDGE = 1e-12;

/**
 * Sums of rows and of their products, weighted by the components' shares.
 * @param origins points near the components' means, subtracted from the rows so that sums do not cancel, `[components, size]`
 * @returns `add`, which adds the row that starts at an index, and `mixture`, which fits the sums best, with `ridge` added
 * to its variances
 */
function mixtureSums(origins: Float64Array, size: number) {
  const shares = new Float64Array(origins.length / size);
  const sums = new Float64Array(origins.length);
  const products = new Float64Array(origins.length * size); // lower triangles
  const difference = new Float64Array(size);
  const add = (rows: Float32Array, start: number, component: number, share: number): void => {
    if (share < NEGLIGIBLE) return;
    shares[component] = (shares[component] as number) + share;
    const own = component * size;
    for (let i = 0; i < size; i++) {
      const value = (rows[start + i] as number) - (origins[own + i] as number);
      const weighted = share * value;
      difference[i] = value;
      sums[own + i] = (sums[own + i] as number) + weighted;
      for (let j = 0, at = (own + i) * size; j <= i; j++, at++) {
        products[at] = (products[at] as number) + weighted * (difference[j] as number);
      }
    }
  };
  const mixture = (ridge: number): GaussianMixture => {
    const components = Array.from(shares, (share, component) => {
      const own = component * size;
      const total = Math.max(share, Number.MIN_VALUE);
      const shift = sums.subarray(own, own + size).map((sum) => sum / total);
      const covariance = products
        .subarray(own * size, (own + size) * size)
        .map((sum, at) => sum / total - (shift[Math.floor(at / size)] as number) * (shift[at % size] as number));
      return {
        mean: Array.from(shift, (value, i) => value + (origins[own + i] as number)),
        factor: Array.from(choleskyFactor(withRidge(covariance, size, ridge), size)),
      };
    });
    const sum = shares.reduce((total, share) => total + share, 0);
    return {
      size,
      weights: Array.from(shares, (share) => share / sum),
      means: components.map(({ mean }) => mean),
      factors: components.map(({ factor }) => factor),
    };
  };
  return { add, mixture };
}

/** Adds the ridge to the diagonal of a covariance, in place. */
function withRidge(covariance: Float64Array, size: number, ridge: number): Float64Array {
  const added = Math.max(ridge, (MIN_RIDGE * trace(covariance, size)) / size);
  for (let i = 0; i < size; i++) covariance[i * (size + 1)] = (covariance[i * (size + 1)] as number) + added;
  return covariance;
}
