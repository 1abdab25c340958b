import { expect, test } from 'vitest';
import { minimize } from '../../pipeline/analyse/lbfgs.ts';
import {
  fitLinearProbe,
  type Labelled,
  type LinearProbe,
  linearProbe,
  predictClasses,
} from '../../pipeline/analyse/linear-probe.ts';
import { peerPython } from '../data/support.ts';
import { blobs, cpuSeconds, digits, gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

/** Mean loss with the penalty on the weights of standardised columns, from its definition. */
function lossOf(
  { weights, bias }: Pick<LinearProbe, 'weights' | 'bias'>,
  { rows, labels }: Labelled,
  size: number,
  c = 1,
) {
  const [n, classes] = [labels.length, bias.length];
  let total = 0;
  labels.forEach((label, row) => {
    const scores = Array.from(bias, (offset, k) => {
      let score = offset;
      for (let j = 0; j < size; j++) score += (rows[row * size + j] ?? 0) * (weights[j * classes + k] ?? 0);
      return score;
    });
    total += Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0)) - (scores[label] ?? 0);
  });
  for (let j = 0; j < size; j++) {
    const column = Array.from({ length: n }, (_, row) => rows[row * size + j] ?? 0);
    const mean = column.reduce((sum, value) => sum + value) / n;
    const variance = column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
    for (let k = 0; k < classes; k++) total += ((weights[j * classes + k] ?? 0) ** 2 * variance) / (2 * c);
  }
  return total / n;
}

test('ends at a minimum of the loss in every direction', async () => {
  const data = blobs(150, 4, 3, 1, 0.7);
  const probe = await fitLinearProbe(data, 4, { c: 0.3, tolerance: 1e-6, maxIterations: 500 });
  expect(probe.converged).toBe(true);
  expect([probe.classes, probe.rows]).toEqual([3, 150]);
  const least = lossOf(probe, data, 4, 0.3);
  expect(probe.loss).toBeCloseTo(least, 7);
  for (let direction = 0; direction < 40; direction++) {
    const [w, b] = [normals(12, direction), normals(3, direction + 100)];
    const weights = probe.weights.map((value, i) => value + 1e-3 * (w[i] ?? 0));
    const bias = probe.bias.map((value, i) => value + 1e-3 * (b[i] ?? 0));
    expect(lossOf({ weights, bias }, data, 4, 0.3)).toBeGreaterThan(least);
  }
});

test('does not depend on the columns’ scale and offset; ignores constant columns', async () => {
  const data = blobs(300, 3, 3, 2, 0.7);
  const changed = Float32Array.from({ length: 300 * 4 }, (_, at) => {
    const [row, j] = [Math.floor(at / 4), at % 4];
    return j === 3 ? 0.1 : 2 ** (4 * j) * ((data.rows[row * 3 + j] ?? 0) + j);
  });
  const options = { tolerance: 1e-8, maxIterations: 500 };
  const [plain, other] = [
    await fitLinearProbe(data, 3, options),
    await fitLinearProbe({ ...data, rows: changed }, 4, options),
  ];
  expect(other.loss).toBeCloseTo(plain.loss, 8);
  expect(await predictClasses(other, changed)).toEqual(await predictClasses(plain, data.rows));
  expect(gap(other.weights.subarray(9), [0, 0, 0])).toBeLessThan(1e-12);
});

test('a subset of too many rows, and a limit on the iterations, are reported', async () => {
  const [train, test] = [blobs(1000, 4, 5, 3), blobs(1000, 4, 5, 3)];
  const all = await linearProbe(train, test, 4);
  const some = await linearProbe(train, test, 4, { maxNonzeros: 1200, maxIterations: 3 });
  expect([all.rows, some.rows]).toEqual([1000, 300]);
  expect([all.converged, some.converged, some.iterations]).toEqual([true, false, 3]);
  expect(all.accuracy).toBeGreaterThan(0.9);
  expect(some.accuracy).toBeGreaterThan(0.4);
});

test('invalid arguments are refused; an error of the tick ends it', async () => {
  const { rows, labels } = blobs(30, 2, 3, 4);
  await expect(fitLinearProbe({ rows, labels: labels.subarray(1) }, 2)).rejects.toThrow('30 rows, 29 labels');
  await expect(fitLinearProbe({ rows, labels: labels.map((label) => label - 1) }, 2)).rejects.toThrow('class -1');
  const stop = new Error('enough');
  const tick = () => {
    throw stop;
  };
  await expect(fitLinearProbe(blobs(60_000, 10, 10, 5), 10, { tick })).rejects.toBe(stop);
});

test('60,000 latents of size 10 take seconds', async () => {
  const data = blobs(60_000, 10, 10, 5, 0.8);
  expect(await cpuSeconds(() => linearProbe(data, data, 10))).toBeLessThan(5);
});

test('the minimizer solves a badly scaled quadratic, and reports when it is stopped early', async () => {
  const scales = Float64Array.from({ length: 12 }, (_, i) => 2 ** i);
  const bowl = (point: Float64Array, gradient: Float64Array) => {
    gradient.set(point.map((x, i) => (scales[i] as number) * (x - i)));
    return Promise.resolve(point.reduce((sum, x, i) => sum + ((scales[i] as number) * (x - i) ** 2) / 2, 0));
  };
  const start = new Float64Array(12).fill(50);
  const found = await minimize(bowl, start, { maxIterations: 400, tolerance: 1e-8 });
  expect(found.converged).toBe(true);
  expect(gap(found.point, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).toBeLessThan(1e-7);
  const cut = await minimize(bowl, start, { maxIterations: 4, tolerance: 1e-8 });
  expect([cut.converged, cut.iterations]).toEqual([false, 4]);
});

test.runIf(peerPython)(`scikit-learn fits the same, and tells digits apart as well ${needsPeer}`, async () => {
  const data = blobs(2000, 10, 4, 6, 0.6);
  const probe = await fitLinearProbe(data, 10, { tolerance: 1e-8, maxIterations: 1000 });
  const shown = await digits(3000);
  const [train, test] = [
    { rows: shown.rows.subarray(0, 2000 * 784), labels: shown.labels.subarray(0, 2000) },
    { rows: shown.rows.subarray(2000 * 784), labels: shown.labels.subarray(2000) },
  ];
  const raw = await linearProbe(train, test, 784);
  const theirs = peer<{ weights: number[]; bias: number[]; predicted: number[]; raw: number }>(
    `
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
def fit(rows, labels, **options):
    return make_pipeline(StandardScaler(), LogisticRegression(C=1, **options)).fit(rows, labels)
rows = given['rows'].reshape(-1, 10).astype(float)
probe = fit(rows, given['labels'], tol=1e-8, max_iter=1000)
scaler, regression = probe[0], probe[1]
weights = regression.coef_.T / scaler.scale_[:, None]
bias = regression.intercept_ - scaler.mean_ @ weights
digits, names = given['digits'].reshape(-1, 784).astype(float), given['names']
raw = fit(digits[:2000], names[:2000]).score(digits[2000:], names[2000:])
print(json.dumps(dict(weights=weights.ravel().tolist(), bias=bias.tolist(), predicted=probe.predict(rows).tolist(), raw=raw)))`,
    { ...data, digits: shown.rows, names: shown.labels },
  );
  expect(gap(probe.weights, theirs.weights)).toBeLessThan(1e-4);
  // The same number added to all biases changes nothing.
  const centred = (bias: ArrayLike<number>) => Array.from(bias, (value) => value - (bias[0] ?? 0));
  expect(gap(centred(probe.bias), centred(theirs.bias))).toBeLessThan(1e-4);
  expect([...(await predictClasses(probe, data.rows))]).toEqual(theirs.predicted);
  expect(Math.abs(raw.accuracy - theirs.raw)).toBeLessThan(0.01);
});
