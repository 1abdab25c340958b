import { type GaussianMixture, packLower } from './mixture-density.ts';
import { choleskyFactor } from './symmetric.ts';

/** A share of a row in a component that is too small to tell in its mean and covariance. */
const NEGLIGIBLE = 1e-14;
/** Part of a covariance's mean variance that is added at least: rounding must not make it indefinite. */
const LEAST_RIDGE = 1e-12;

/** Sums of rows, and of their products, weighted by their shares in components; the mixture that fits them best. */
export class MixtureSums {
  readonly #size: number;
  /** Near the components' means: what the sums are taken from, lest they cancel. */
  readonly #origins: Float64Array;
  readonly #shares: Float64Array;
  readonly #sums: Float64Array;
  /** Lower triangles. */
  readonly #products: Float64Array;
  readonly #difference: Float64Array;

  /** @param origins `[components, size]` */
  constructor(origins: Float64Array, size: number) {
    this.#size = size;
    this.#origins = origins;
    this.#shares = new Float64Array(origins.length / size);
    this.#sums = new Float64Array(origins.length);
    this.#products = new Float64Array(origins.length * size);
    this.#difference = new Float64Array(size);
  }

  /** Adds the row that starts at `start`. */
  add(rows: Float32Array, start: number, component: number, share: number): void {
    if (share < NEGLIGIBLE) return;
    const [size, origins, sums, products, difference] = [
      this.#size,
      this.#origins,
      this.#sums,
      this.#products,
      this.#difference,
    ];
    this.#shares[component] = (this.#shares[component] as number) + share;
    const own = component * size;
    for (let i = 0; i < size; i++) {
      const value = (rows[start + i] as number) - (origins[own + i] as number);
      const weighted = share * value;
      difference[i] = value;
      sums[own + i] = (sums[own + i] as number) + weighted;
      for (let j = 0, at = (own + i) * size; j <= i; j++, at++)
        products[at] = (products[at] as number) + weighted * (difference[j] as number);
    }
  }

  /** Weights, means and covariances (with `ridge` more on their diagonals) of the sums. */
  mixture(ridge: number): GaussianMixture {
    const size = this.#size;
    const components = Array.from(this.#shares, (share, component) => {
      const total = Math.max(share, Number.MIN_VALUE);
      const shift = this.#sums.subarray(component * size, (component + 1) * size).map((sum) => sum / total);
      const mean = Array.from(shift, (value, i) => value + (this.#origins[component * size + i] as number));
      return { mean, factor: this.#factor(component, total, shift, ridge) };
    });
    const sum = this.#shares.reduce((total, share) => total + share, 0);
    return {
      size,
      weights: Array.from(this.#shares, (share) => share / sum),
      means: components.map(({ mean }) => mean),
      factors: components.map(({ factor }) => factor),
    };
  }

  #factor(component: number, total: number, shift: Float64Array, ridge: number): number[] {
    const size = this.#size;
    const from = component * size * size;
    const covariance = this.#products
      .subarray(from, from + size * size)
      .map((sum, at) => sum / total - (shift[Math.floor(at / size)] as number) * (shift[at % size] as number));
    let trace = 0;
    for (let i = 0; i < size; i++) trace += covariance[i * (size + 1)] as number;
    const more = Math.max(ridge, (LEAST_RIDGE * trace) / size);
    for (let i = 0; i < size; i++) covariance[i * (size + 1)] = (covariance[i * (size + 1)] as number) + more;
    return packLower(choleskyFactor(covariance, size), size);
  }
}
