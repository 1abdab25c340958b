import type { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { kmeans } from './kmeans.ts';
import { type GaussianMixture, MixtureDensity } from './mixture-density.ts';
import { MixtureSums } from './mixture-sums.ts';

export type { GaussianMixture };

export interface MixtureFit {
  readonly mixture: GaussianMixture;
  /** Mean over the rows of the log density, in nats, as it was before the last improvement. */
  readonly logLikelihood: number;
  readonly iterations: number;
  readonly converged: boolean;
}

export interface ExpectationOptions {
  /** 100 when not given. */
  readonly maxIterations?: number | undefined;
  /** Ends when the mean log density grows by less, in nats; 1e-3 when not given. */
  readonly tolerance?: number | undefined;
  /** Added to the variances; 1e-6 when not given. */
  readonly ridge?: number | undefined;
  readonly tick?: Tick | undefined;
}

export interface MixtureOptions extends ExpectationOptions {
  readonly components: number;
  readonly seed: number;
}

const RIDGE = 1e-6;

/**
 * A mixture of normal distributions with full covariances: expectation–maximisation (Dempster, Laird and Rubin 1977;
 * Bishop, "Pattern recognition and machine learning", 9.2.2) from one k-means clustering, with the defaults of
 * scikit-learn's `GaussianMixture`. The same seed gives the same mixture. Gives way to other events.
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
  const sums = new MixtureSums(centres, size);
  assignment.forEach((component, row) => {
    sums.add(rows, row * size, component, 1);
  });
  return improveMixture(rows, sums.mixture(ridge), options);
}

/** Expectation–maximisation from a given mixture. @param rows `[n, size]` @throws RangeError */
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
    const density = new MixtureDensity(mixture);
    const sums = new MixtureSums(Float64Array.from(mixture.means.flat()), size);
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

/** Log density of each row, in nats, `[n]`. @param rows `[n, size]` @throws RangeError */
export function mixtureLogDensity(mixture: GaussianMixture, rows: Float32Array): Float64Array {
  const density = new MixtureDensity(mixture);
  return Float64Array.from({ length: countRows(rows, mixture.size) }, (_, row) => density.at(rows, row * mixture.size));
}

/** Rows drawn from the mixture, `[count, size]`, and the component that each came from, `[count]`. */
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
    return found < 0 ? weights.length - 1 : found; // the weights' rounded sum may be less than 1
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
