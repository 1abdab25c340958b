import { countNonzeros, countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { accuracy } from './knn.ts';
import { minimize } from './lbfgs.ts';
import { columnMeans } from './moments.ts';
import { Nonzeros, padded, toWidth } from './nonzeros.ts';

/** Rows and their classes. */
export interface Labelled {
  /** `[n, size]` */
  readonly rows: Rows;
  /** Class indices, `[n]`. */
  readonly labels: Int32Array;
}

export interface LinearProbeOptions {
  /** Inverse strength of the penalty on the weights, as scikit-learn's `C`; 1 by default. */
  readonly c?: number | undefined;
  /** 100 by default, as scikit-learn's. */
  readonly maxIterations?: number | undefined;
  /** Stops when no component of the mean loss's gradient is larger; 1e-4 by default, as scikit-learn's. */
  readonly tolerance?: number | undefined;
  /** Limit on the nonzero values of the training rows, beyond which evenly spread rows are used; none by default. */
  readonly mostNumbers?: number | undefined;
  readonly tick?: Tick | undefined;
}

export interface LinearProbe {
  readonly size: number;
  readonly classes: number;
  /** Weights for rows that are not standardized, `[size, classes]`. */
  readonly weights: Float64Array;
  /** `[classes]` */
  readonly bias: Float64Array;
  /** Mean loss plus the penalty divided by the number of rows, in nats. */
  readonly loss: number;
  readonly iterations: number;
  readonly converged: boolean;
  /** Number of rows that it was fitted to. */
  readonly rows: number;
}

/**
 * Multinomial logistic regression on standardized columns with the penalty ‖W‖² / 2C on the weights (the loss of
 * scikit-learn's `LogisticRegression` after its `StandardScaler`), by L-BFGS. Yields to the event loop.
 *
 * The columns are standardized by scaling the weights, so that zeros stay zeros and cost nothing.
 * @throws RangeError
 */
export async function fitLinearProbe(
  { rows: all, labels: allLabels }: Labelled,
  size: number,
  options: LinearProbeOptions = {},
): Promise<LinearProbe> {
  const { c = 1, maxIterations = 100, tolerance = 1e-4, mostNumbers = Number.POSITIVE_INFINITY, tick } = options;
  checkLabels(countRows(all, size), allLabels);
  const chosen = spreadRows(allLabels.length, (allLabels.length * mostNumbers) / Math.max(1, countNonzeros(all)));
  const complete = chosen.length === allLabels.length;
  const rows = complete ? all : pickRows(all, size, chosen);
  const labels = complete ? allLabels : Int32Array.from(chosen, (row) => allLabels[row] as number);
  const n = labels.length;
  const classes = allLabels.reduce((most, label) => Math.max(most, label), 0) + 1;
  const width = padded(classes);
  const scale = standardization(rows, size);
  const sums = softmaxSums(rows, labels, size, classes, width);
  const pause = pauses(tick);
  let passes = 0;
  const found = await minimize(
    async (point, gradient) => {
      const { weights, bias } = unscaled(point, scale, width);
      sums.reset();
      for (const { from, to } of rowStretches(n, size * width)) {
        sums.add(from, to, weights, bias);
        await pause(Math.min(1, (passes + to / n) / (maxIterations + 1)));
      }
      passes++;
      return sums.loss / n + scaledGradient(sums, point, scale, { width, n, c }, gradient);
    },
    new Float64Array((size + 1) * width),
    { maxIterations, tolerance },
  );
  const { weights, bias } = unscaled(found.point, scale, width);
  return {
    size,
    classes,
    weights: toWidth(weights, width, classes),
    bias: bias.slice(0, classes),
    loss: found.value,
    iterations: found.iterations,
    converged: found.converged,
    rows: n,
  };
}

/** Writes the gradient for standardized rows, penalty included, divided by n; returns the penalty divided by n. */
function scaledGradient(
  sums: SoftmaxSums,
  point: Float64Array,
  { mean, std }: Standardization,
  { width, n, c }: { width: number; n: number; c: number },
  gradient: Float64Array,
): number {
  let squares = 0;
  for (let j = 0, at = 0; j < mean.length; j++) {
    for (let k = 0; k < width; k++, at++) {
      const weight = point[at] as number;
      const slope = (sums.weights[at] as number) - (mean[j] as number) * (sums.bias[k] as number);
      gradient[at] = (slope / (std[j] as number) + weight / c) / n;
      squares += weight * weight;
    }
  }
  for (let k = 0; k < width; k++) gradient[mean.length * width + k] = (sums.bias[k] as number) / n;
  return squares / (2 * c * n);
}

/** The most likely class of each row. @param rows `[n, size]` */
export function predictClasses({ size, classes, weights, bias }: LinearProbe, rows: Rows): Int32Array {
  const nonzeros = new Nonzeros(size);
  const wide = toWidth(weights, classes, padded(classes));
  const scores = new Float64Array(padded(classes));
  return Int32Array.from({ length: countRows(rows, size) }, (_, row) => {
    nonzeros.read(rows, row * size);
    nonzeros.times(wide, scores);
    let best = 0;
    let most = Number.NEGATIVE_INFINITY;
    bias.forEach((offset, k) => {
      const score = (scores[k] as number) + offset;
      if (score > most) [most, best] = [score, k];
    });
    return best;
  });
}

export interface ProbeResult {
  /** Share of the test rows whose class is predicted correctly. */
  readonly accuracy: number;
  /** Number of training rows that the probe was fitted to. */
  readonly rows: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/** Accuracy of a linear probe, fitted to training rows, on test rows. @throws RangeError */
export async function linearProbe(
  train: Labelled,
  test: Labelled,
  size: number,
  options: LinearProbeOptions = {},
): Promise<ProbeResult> {
  checkLabels(countRows(test.rows, size), test.labels);
  const probe = await fitLinearProbe(train, size, options);
  const { rows, iterations, converged } = probe;
  return { accuracy: accuracy(predictClasses(probe, test.rows), test.labels), rows, iterations, converged };
}

function checkLabels(n: number, labels: Int32Array): void {
  if (labels.length !== n) throw new RangeError(`${n} rows, ${labels.length} labels`);
  const wrong = labels.find((label) => label < 0);
  if (wrong !== undefined) throw new RangeError(`class ${wrong}; classes count from 0`);
}

interface Standardization {
  readonly mean: Float64Array;
  /** Standard deviations, dividing by the number of rows; 1 for constant columns. */
  readonly std: Float64Array;
}

function standardization(rows: Rows, size: number): Standardization {
  const n = rows.length / size;
  const mean = columnMeans(rows, size);
  const squares = new Float64Array(size);
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++)
      squares[j] = (squares[j] as number) + ((rows[i + j] as number) - (mean[j] as number)) ** 2;
  const std = squares.map((square, j) => {
    const rounding = (n * Number.EPSILON * (mean[j] as number)) ** 2;
    return square / n > rounding ? Math.sqrt(square / n) : 1;
  });
  return { mean, std };
}

/** Weights and bias for original rows from those for standardized ones. @param point weights, then bias, `[size + 1, width]` */
function unscaled(point: Float64Array, { mean, std }: Standardization, width: number) {
  const weights = point.slice(0, -width);
  const bias = point.slice(-width);
  for (let j = 0, at = 0; j < mean.length; j++) {
    for (let k = 0; k < width; k++, at++) {
      const weight = (point[at] as number) / (std[j] as number);
      weights[at] = weight;
      bias[k] = (bias[k] as number) - weight * (mean[j] as number);
    }
  }
  return { weights, bias };
}

/** Loss of a softmax classifier, summed over rows, in nats, and its gradient. */
interface SoftmaxSums {
  loss: number;
  /** Gradient of the loss with respect to weights `[size, width]` and bias `[width]`. */
  readonly weights: Float64Array;
  readonly bias: Float64Array;
  /** Adds rows `from` to before `to`. @param weights `[size, width]` @param bias `[width]` */
  add(from: number, to: number, weights: Float64Array, bias: Float64Array): void;
  reset(): void;
}

/** @param width `classes`, padded */
function softmaxSums(rows: Rows, labels: Int32Array, size: number, classes: number, width: number): SoftmaxSums {
  const nonzeros = new Nonzeros(size);
  const scores = new Float64Array(width);
  const sums: SoftmaxSums = {
    loss: 0,
    weights: new Float64Array(size * width),
    bias: new Float64Array(width),
    add(from, to, weights, bias) {
      for (let row = from; row < to; row++) {
        nonzeros.read(rows, row * size);
        nonzeros.times(weights, scores);
        sums.loss += toResiduals(scores, bias, classes, labels[row] as number);
        for (let k = 0; k < width; k++) sums.bias[k] = (sums.bias[k] as number) + (scores[k] as number);
        nonzeros.addProducts(scores, sums.weights);
      }
    },
    reset() {
      sums.loss = 0;
      sums.weights.fill(0);
      sums.bias.fill(0);
    },
  };
  return sums;
}

/** Converts scores without bias to probabilities, minus 1 at the label; returns the loss. */
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
