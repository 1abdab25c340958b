import type { Rows } from '../data/rows.ts';
import { Nonzeros } from './nonzeros.ts';

/** Sums the loss of a softmax classifier over rows, in nats, and its gradient by weights and bias. */
export class SoftmaxGradient {
  loss = 0;
  /** `[size, width]` */
  readonly weights: Float64Array;
  /** `[width]` */
  readonly bias: Float64Array;
  readonly #rows: Rows;
  readonly #labels: Int32Array;
  readonly #size: number;
  readonly #classes: number;
  readonly #nonzeros: Nonzeros;
  readonly #scores: Float64Array;

  /** @param width `classes`, padded as `Nonzeros` wants it */
  constructor(rows: Rows, labels: Int32Array, size: number, classes: number, width: number) {
    this.#rows = rows;
    this.#labels = labels;
    this.#size = size;
    this.#classes = classes;
    this.#nonzeros = new Nonzeros(size);
    this.#scores = new Float64Array(width);
    this.weights = new Float64Array(size * width);
    this.bias = new Float64Array(width);
  }

  /** Begins the sums anew. */
  clear(): void {
    this.loss = 0;
    this.weights.fill(0);
    this.bias.fill(0);
  }

  /** Adds the rows `from` to before `to`, for a classifier of the given weights `[size, width]` and bias `[width]`. */
  add(from: number, to: number, weights: Float64Array, bias: Float64Array): void {
    const [nonzeros, scores, slopes] = [this.#nonzeros, this.#scores, this.bias];
    for (let row = from; row < to; row++) {
      nonzeros.read(this.#rows, row * this.#size);
      nonzeros.times(weights, scores);
      this.loss += toResiduals(scores, bias, this.#classes, this.#labels[row] as number);
      for (let k = 0; k < scores.length; k++) slopes[k] = (slopes[k] as number) + (scores[k] as number);
      nonzeros.addProducts(scores, this.weights);
    }
  }
}

/** Turns scores without bias into probabilities less one at the label, those past the classes zero; returns the loss. */
function toResiduals(scores: Float64Array, bias: Float64Array, classes: number, label: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classes; k++) {
    const score = (scores[k] as number) + (bias[k] as number);
    scores[k] = score;
    if (score > most) most = score;
  }
  const own = (scores[label] as number) - most;
  let sum = 0;
  for (let k = 0; k < classes; k++) {
    const weight = Math.exp((scores[k] as number) - most);
    scores[k] = weight;
    sum += weight;
  }
  for (let k = 0; k < classes; k++) scores[k] = (scores[k] as number) / sum;
  scores[label] = (scores[label] as number) - 1;
  return Math.log(sum) - own;
}
