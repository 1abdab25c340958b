import { invertLower } from './symmetric.ts';

/** Normal distributions with full covariances, in plain numbers, as a card stores them. */
export interface GaussianMixture {
  readonly size: number;
  /** Of the components; they sum to 1. */
  readonly weights: readonly number[];
  /** `[components][size]` */
  readonly means: readonly (readonly number[])[];
  /** Lower Cholesky factors of the covariances, row by row without the zeros above the diagonal, `[components][size (size + 1) / 2]`. */
  readonly factors: readonly (readonly number[])[];
}

/** The log density of a mixture of normal distributions at one row at a time. */
export class MixtureDensity {
  /** How likely the row came from each component; they sum to 1. */
  readonly shares: Float64Array;
  readonly #size: number;
  readonly #means: Float64Array;
  /** Inverses of the Cholesky factors, their lower triangles row by row. */
  readonly #inverses: Float64Array;
  /** Log of each component's weight and of its density at its mean. */
  readonly #peaks: Float64Array;
  readonly #difference: Float64Array;

  constructor({ size, weights, means, factors }: GaussianMixture) {
    this.#size = size;
    this.shares = new Float64Array(weights.length);
    this.#means = Float64Array.from(means.flat());
    this.#difference = new Float64Array(size);
    const inverses = factors.map((factor) => packLower(invertLower(unpackLower(factor, size), size), size));
    this.#inverses = Float64Array.from(inverses.flat());
    this.#peaks = Float64Array.from(weights, (weight, component) => {
      let peak = Math.log(weight) - (size / 2) * Math.log(2 * Math.PI);
      for (let i = 0; i < size; i++) peak -= Math.log(factors[component]?.[(i * (i + 3)) / 2] as number);
      return peak;
    });
  }

  /** Log density, in nats, of the row that starts at `start`; leaves the row's `shares`. */
  at(rows: Float32Array, start: number): number {
    const [size, shares, means, inverses, difference] = [
      this.#size,
      this.shares,
      this.#means,
      this.#inverses,
      this.#difference,
    ];
    let most = Number.NEGATIVE_INFINITY;
    for (let component = 0, at = 0; component < shares.length; component++) {
      for (let i = 0; i < size; i++)
        difference[i] = (rows[start + i] as number) - (means[component * size + i] as number);
      let squares = 0;
      for (let i = 0; i < size; i++) {
        let sum = 0;
        for (let j = 0; j <= i; j++, at++) sum += (inverses[at] as number) * (difference[j] as number);
        squares += sum * sum;
      }
      const log = (this.#peaks[component] as number) - squares / 2;
      shares[component] = log;
      if (log > most) most = log;
    }
    let sum = 0;
    for (let component = 0; component < shares.length; component++) {
      const share = Math.exp((shares[component] as number) - most);
      shares[component] = share;
      sum += share;
    }
    for (let component = 0; component < shares.length; component++)
      shares[component] = (shares[component] as number) / sum;
    return most + Math.log(sum);
  }
}

/** The lower triangle of a matrix `[size, size]`, row by row. */
export function packLower(matrix: Float64Array, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Array.from(matrix.subarray(i * size, i * size + i + 1))).flat();
}

function unpackLower(packed: readonly number[], size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0, at = 0; i < size; i++) for (let j = 0; j <= i; j++, at++) matrix[i * size + j] = packed[at] as number;
  return matrix;
}
