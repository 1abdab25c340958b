/** Of one sample of each image's posterior, z drawn from q(z|x), in nats, `[n]` each. */
export interface SampleLogs {
  /** log p(x|z) */
  readonly likelihood: ArrayLike<number>;
  /** log p(z) */
  readonly prior: ArrayLike<number>;
  /** log q(z|x) */
  readonly posterior: ArrayLike<number>;
}

/**
 * Estimates images' log p(x) by importance sampling: log (1/K) Σ p(x|z) p(z) / q(z|x), a lower bound in expectation that
 * K → ∞ makes tight (Burda, Grosse and Salakhutdinov 2016, equation 8). Samples are added one for each image at a
 * time and not kept; the sums are relative to the largest weight so far, so that no exponential overflows.
 */
export class ImportanceSampling {
  #samples = 0;
  readonly #largest: Float64Array;
  /** Weights so far over the largest. */
  readonly #sums: Float64Array;
  /** Sum of the log weights. */
  readonly #logs: Float64Array;

  /** @param n images */
  constructor(n: number) {
    this.#largest = new Float64Array(n).fill(Number.NEGATIVE_INFINITY);
    this.#sums = new Float64Array(n);
    this.#logs = new Float64Array(n);
  }

  get samples(): number {
    return this.#samples;
  }

  /** Adds one sample of every image. @throws RangeError where there are not as many logs as images, or one is NaN */
  add({ likelihood, prior, posterior }: SampleLogs): void {
    const n = this.#sums.length;
    for (const { length } of [likelihood, prior, posterior])
      if (length !== n) throw new RangeError(`${length} logs of ${n} images`);
    for (let i = 0; i < n; i++) {
      const weight = (likelihood[i] as number) + (prior[i] as number) - (posterior[i] as number);
      if (Number.isNaN(weight)) throw new RangeError(`the weight of image ${i} is not a number`);
      this.#logs[i] = (this.#logs[i] as number) + weight;
      const largest = this.#largest[i] as number;
      if (weight === Number.NEGATIVE_INFINITY) continue;
      if (weight <= largest) {
        this.#sums[i] = (this.#sums[i] as number) + Math.exp(weight - largest);
      } else {
        this.#sums[i] = (this.#sums[i] as number) * Math.exp(largest - weight) + 1;
        this.#largest[i] = weight;
      }
    }
    this.#samples++;
  }

  /** Estimate of log p(x) of each image, in nats, `[n]`. */
  logLikelihoods(): Float64Array {
    return this.#sums.map((sum, i) => (this.#largest[i] as number) + Math.log(sum / this.#samples));
  }

  /** Mean log weight of each image, in nats, `[n]`: its evidence lower bound, estimated from the same samples. */
  lowerBounds(): Float64Array {
    return this.#logs.map((sum) => sum / this.#samples);
  }
}
