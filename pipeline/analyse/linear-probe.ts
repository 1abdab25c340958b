import { countNonzeros, countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { accuracy } from './knn.ts';
import { minimize, type Objective } from './lbfgs.ts';
import { add } from './matrix.ts';
import { columnMeans, columnSquares } from './moments.ts';
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
  readonly maxNonzeros?: number | undefined;
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
  const { c = 1, maxIterations = 100, tolerance = 1e-4, maxNonzeros = Number.POSITIVE_INFINITY, tick } = options;
  checkLabels(countRows(all, size), allLabels);
  const chosen = spreadRows(allLabels.length, (allLabels.length * maxNonzeros) / Math.max(1, countNonzeros(all)));
  const complete = chosen.length === allLabels.length;
  const rows = complete ? all : pickRows(all, size, chosen);
  const labels = complete ? allLabels : Int32Array.from(chosen, (row) => allLabels[row] as number);
  const n = labels.length;
  const classes = allLabels.reduce((most, label) => Math.max(most, label), 0) + 1;
  const width = padded(classes);
  const { mean, std } = standardization(rows, size);
  const nonzeros = new Nonzeros(size);
  const scores = new Float64Array(width);
  const pause = pauses(tick);
  let passes = 0;
  /** @param point weights for standardized rows, then bias, `[size + 1, width]` */
  const objective: Objective = async (point, gradient) => {
    const { weights, bias } = unscaled(point, mean, std);
    const [weightSlopes, biasSlopes] = [new Float64Array(size * width), new Float64Array(width)];
    let loss = 0;
    for (const { from, to } of rowStretches(n, size * width)) {
      for (let row = from; row < to; row++) {
        nonzeros.read(rows, row * size);
        nonzeros.times(weights, scores);
        loss += toResiduals(scores, bias, classes, labels[row] as number);
        add(biasSlopes, 1, scores);
        nonzeros.addProducts(scores, weightSlopes);
      }
      await pause(Math.min(1, (passes + to / n) / (maxIterations + 1)));
    }
    passes++;
    let squares = 0;
    for (let at = 0; at < size * width; at++) {
      const [j, k] = [Math.floor(at / width), at % width];
      const weight = point[at] as number;
      const slope = (weightSlopes[at] as number) - (mean[j] as number) * (biasSlopes[k] as number);
      gradient[at] = (slope / (std[j] as number) + weight / c) / n;
      squares += weight * weight;
    }
    biasSlopes.forEach((slope, k) => {
      gradient[size * width + k] = slope / n;
    });
    return loss / n + squares / (2 * c * n);
  };
  const start = new Float64Array((size + 1) * width);
  const { point, value, iterations, converged } = await minimize(objective, start, { maxIterations, tolerance });
  const { weights, bias } = unscaled(point, mean, std);
  return {
    size,
    classes,
    weights: toWidth(weights, width, classes),
    bias: bias.slice(0, classes),
    loss: value,
    iterations,
    converged,
    rows: n,
  };
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

/** Fits a linear probe to training rows; `accuracy` is that on test rows. @throws RangeError */
export async function linearProbe(
  train: Labelled,
  test: Labelled,
  size: number,
  options: LinearProbeOptions = {},
): Promise<LinearProbe & { readonly accuracy: number }> {
  checkLabels(countRows(test.rows, size), test.labels);
  const probe = await fitLinearProbe(train, size, options);
  return { ...probe, accuracy: accuracy(predictClasses(probe, test.rows), test.labels) };
}

function checkLabels(n: number, labels: Int32Array): void {
  if (labels.length !== n) throw new RangeError(`${n} rows, ${labels.length} labels`);
  const wrong = labels.find((label) => label < 0);
  if (wrong !== undefined) throw new RangeError(`class ${wrong}; classes count from 0`);
}

/** Means and standard deviations (dividing by the number of rows; 1 for constant columns) of the columns. */
function standardization(rows: Rows, size: number) {
  const n = rows.length / size;
  const mean = columnMeans(rows, size);
  const std = columnSquares(rows, size, mean).map((square, j) => {
    const rounding = (n * Number.EPSILON * (mean[j] as number)) ** 2;
    return square / n > rounding ? Math.sqrt(square / n) : 1;
  });
  return { mean, std };
}

/** Weights and bias for original rows from those for standardized ones. @param point weights, then bias, `[size + 1, width]` */
function unscaled(point: Float64Array, mean: Float64Array, std: Float64Array) {
  const width = point.length / (mean.length + 1);
  const weights = point.slice(0, -width).map((weight, at) => weight / (std[Math.floor(at / width)] as number));
  const bias = point.slice(-width);
  mean.forEach((value, j) => {
    add(bias, -value, weights.subarray(j * width, (j + 1) * width));
  });
  return { weights, bias };
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
