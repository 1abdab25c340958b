import { countNonzeros, countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { columnMeans } from './covariance.ts';
import { accuracy } from './knn.ts';
import { minimise } from './lbfgs.ts';
import { Nonzeros, padded, toWidth } from './nonzeros.ts';
import { SoftmaxGradient } from './softmax-gradient.ts';

/** Rows and their classes. */
export interface Labelled {
  /** `[n, size]` */
  readonly rows: Rows;
  /** Classes, 0 and up, `[n]`. */
  readonly labels: Int32Array;
}

export interface LinearProbeOptions {
  /** Inverse strength of the penalty on the weights, as scikit-learn's `C`; 1 when not given. */
  readonly c?: number | undefined;
  /** 100 when not given, as scikit-learn's. */
  readonly maxIterations?: number | undefined;
  /** Ends when no number of the gradient of the mean loss is larger; 1e-4 when not given, as scikit-learn's. */
  readonly tolerance?: number | undefined;
  /** Nonzero numbers of the training rows that are used at most; more, and evenly spread rows are taken. All when not given. */
  readonly mostNumbers?: number | undefined;
  readonly tick?: Tick | undefined;
}

export interface LinearProbe {
  readonly size: number;
  readonly classes: number;
  /** For rows as they are given, `[size, classes]`. */
  readonly weights: Float64Array;
  /** `[classes]` */
  readonly bias: Float64Array;
  /** Mean loss with the penalty over the number of rows, in nats. */
  readonly loss: number;
  readonly iterations: number;
  readonly converged: boolean;
  /** Rows that it was fitted on. */
  readonly rows: number;
}

/**
 * Multinomial logistic regression on standardised columns, the weights penalised by ‖W‖² / 2C, the bias not (the loss
 * of scikit-learn's `LogisticRegression` after its `StandardScaler`), by L-BFGS. Gives way to other events.
 *
 * The columns are standardised by scaling the weights, so that zeros stay zeros and cost nothing.
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
  const whole = chosen.length === allLabels.length;
  const rows = whole ? all : pickRows(all, size, chosen);
  const labels = whole ? allLabels : Int32Array.from(chosen, (row) => allLabels[row] as number);
  const n = labels.length;
  const classes = allLabels.reduce((most, label) => Math.max(most, label), 0) + 1;
  const width = padded(classes);
  const scale = standardisation(rows, size);
  const sums = new SoftmaxGradient(rows, labels, size, classes, width);
  const pause = pauses(tick);
  let passes = 0;
  const found = await minimise(
    async (point, gradient) => {
      const { weights, bias } = unscaled(point, scale, width);
      sums.clear();
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

/** Writes the gradient for standardised rows, with the penalty, over the number of rows; returns the penalty over it. */
function scaledGradient(
  sums: SoftmaxGradient,
  point: Float64Array,
  { mean, std }: Standardisation,
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
  /** Share of the test rows whose class is told. */
  readonly accuracy: number;
  /** Training rows that the probe was fitted on. */
  readonly rows: number;
  readonly iterations: number;
  readonly converged: boolean;
}

/** How well a linear probe of the training rows tells the classes of the test rows. @throws RangeError */
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
  if (wrong !== undefined) throw new RangeError(`a class ${wrong}; classes count from 0`);
}

interface Standardisation {
  readonly mean: Float64Array;
  /** Standard deviations, dividing by the number of rows; 1 of constant columns. */
  readonly std: Float64Array;
}

function standardisation(rows: Rows, size: number): Standardisation {
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

/** Weights and bias for rows as they are, of weights (then the bias) for standardised ones. @param point `[size + 1, width]` */
function unscaled(point: Float64Array, { mean, std }: Standardisation, width: number) {
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
