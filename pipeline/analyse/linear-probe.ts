import * as tf from '@tensorflow/tfjs-core';
import type { BatchedProgram } from 'tfjs-to-onnx';
import { countNonzeros, countRows, pickRows, type Rows, spreadRows } from '../data/rows.ts';
import { pauses, rowStretches, type Tick } from '../io/stages.ts';
import { accuracy } from './knn.ts';
import { minimize, type Objective } from './lbfgs.ts';
import { add, product } from './matrix.ts';
import { columnMeans, standardized } from './moments.ts';
import { relativeRows, withPrograms } from './programs.ts';

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
  const labels = complete ? allLabels : Int32Array.from(chosen, (row) => allLabels[row] as number);
  const { rows, mean, std } = standardized(complete ? all : pickRows(all, size, chosen), size);
  const n = labels.length;
  const classes = allLabels.reduce((most, label) => Math.max(most, label), 0) + 1;
  const pause = pauses(tick);
  const end = size * classes;
  const { point, value, iterations, converged } = await withPrograms({ loss: lossOf(size, classes) }, (run) => {
    let passes = 0;
    /** @param point weights, then bias, `[size + 1, classes]` */
    const objective: Objective = async (point, gradient) => {
      const [weights, bias] = [Float32Array.from(point.subarray(0, end)), Float32Array.from(point.subarray(end))];
      let loss = 0;
      for (const { from, to } of rowStretches(n, size)) {
        const row = rows.subarray(from * size, to * size);
        const sums = await run('loss', { row, label: labels.subarray(from, to), weights, bias });
        for (const own of sums.losses ?? []) loss += own;
        sums.weightSlopes?.forEach((slope, at) => {
          gradient[at] = (gradient[at] as number) + slope / n;
        });
        sums.biasSlopes?.forEach((slope, k) => {
          gradient[end + k] = (gradient[end + k] as number) + slope / n;
        });
        await pause(Math.min(1, (passes + to / n) / (maxIterations + 1)));
      }
      passes++;
      const penalized = point.slice(0, end);
      add(gradient.subarray(0, end), 1 / (c * n), penalized);
      return loss / n + penalized.reduce((sum, weight) => sum + weight ** 2, 0) / (2 * c * n);
    };
    return minimize(objective, new Float64Array((size + 1) * classes), { maxIterations, tolerance });
  });
  const weights = point.slice(0, end).map((weight, at) => weight / (std[Math.floor(at / classes)] as number));
  const bias = point.slice(end);
  add(bias, -1, product(mean, weights, size));
  return { size, classes, weights, bias, loss: value, iterations, converged, rows: n };
}

/** The rows' losses (softmax cross-entropy), and the sums of their gradients. */
const lossOf = (size: number, classes: number): BatchedProgram => ({
  inputs: {
    row: { shape: ['N', size], dtype: 'float32' },
    label: { shape: ['N'], dtype: 'int32' },
    weights: { shape: [size, classes], dtype: 'float32' },
    bias: { shape: [classes], dtype: 'float32' },
  },
  compute({ row, label, weights, bias }) {
    const scores = tf.add(tf.matMul(row as tf.Tensor2D, weights as tf.Tensor2D), bias as tf.Tensor1D);
    const logs = tf.logSoftmax(scores);
    const target = tf.oneHot(label as tf.Tensor1D, classes, 1, 0, 'float32');
    const residuals = tf.sub(tf.exp(logs), target);
    return {
      losses: tf.neg(tf.sum(tf.mul(logs, target), 1)),
      weightSlopes: tf.matMul(row as tf.Tensor2D, residuals as tf.Tensor2D, true, false),
      biasSlopes: tf.sum(residuals, 0),
    };
  },
});

/** The most likely class of each row. @param rows `[n, size]` */
export async function predictClasses({ size, classes, weights, bias }: LinearProbe, rows: Rows): Promise<Int32Array> {
  const n = countRows(rows, size);
  const origin = columnMeans(rows, size);
  const feeds = {
    weights: Float32Array.from(weights),
    bias: Float32Array.from(product(origin, weights, size), (score, k) => score + (bias[k] as number)),
  };
  const program: BatchedProgram = {
    inputs: {
      row: { shape: ['N', size], dtype: 'float32' },
      weights: { shape: [size, classes], dtype: 'float32' },
      bias: { shape: [classes], dtype: 'float32' },
    },
    compute: ({ row, weights, bias }) => ({
      found: tf.argMax(tf.add(tf.matMul(row as tf.Tensor2D, weights as tf.Tensor2D), bias as tf.Tensor1D), 1),
    }),
  };
  const predicted = new Int32Array(n);
  await withPrograms({ predict: program }, async (run) => {
    for (const { from, to } of rowStretches(n, size)) {
      const { rows: row } = relativeRows(rows, origin, from, to - from);
      predicted.set((await run('predict', { row, ...feeds })).found as Int32Array, from);
    }
  });
  return predicted;
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
  return { ...probe, accuracy: accuracy(await predictClasses(probe, test.rows), test.labels) };
}

function checkLabels(n: number, labels: Int32Array): void {
  if (labels.length !== n) throw new RangeError(`${n} rows, ${labels.length} labels`);
  const wrong = labels.find((label) => label < 0);
  if (wrong !== undefined) throw new RangeError(`class ${wrong}; classes count from 0`);
}
