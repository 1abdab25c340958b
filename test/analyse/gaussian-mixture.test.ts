import { expect, test } from 'vitest';
import {
  fitGaussianMixture,
  type GaussianMixture,
  improveMixture,
  sampleMixture,
} from '../../pipeline/analyse/gaussian-mixture.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { peerPython } from '../data/support.ts';
import { blobs, cpuSeconds, gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

const two: GaussianMixture = {
  size: 2,
  weights: [0.25, 0.75],
  means: [
    [0, 0],
    [5, -3],
  ],
  factors: [
    [1, 0, 1],
    [2, -1, 0.5],
  ],
};

const mean = (numbers: ArrayLike<number>) => Array.from(numbers).reduce((sum, x) => sum + x, 0) / numbers.length;

/** Mean log density of rows. */
const logDensity = async (mixture: GaussianMixture, rows: Float32Array) =>
  (await improveMixture(rows, mixture, { maxIterations: 1 })).logLikelihood;

test('log density by hand', async () => {
  const at = (x: number, y: number) => logDensity(two, Float32Array.of(x, y));
  // The second's covariance is [[4, −2], [−2, 1.25]], its determinant 1; the inverse is [[1.25, 2], [2, 4]].
  const expected = (x: number, y: number) => {
    const [u, v] = [x - 5, y + 3];
    const second = (0.75 * Math.exp(-(1.25 * u * u + 4 * u * v + 4 * v * v) / 2)) / (2 * Math.PI);
    return Math.log((0.25 * Math.exp(-(x * x + y * y) / 2)) / (2 * Math.PI) + second);
  };
  for (const [x, y] of [
    [0, 0],
    [5, -3],
    [2, -1],
    [4, -1],
  ] as const)
    expect(await at(x, y)).toBeCloseTo(expected(x, y), 5);
  const far = await at(1000, 0);
  expect(far).toBeLessThan(-100_000);
  expect(Number.isFinite(far)).toBe(true);
});

test('small numbers have the same clusters as large ones', async () => {
  const { rows } = blobs(600, 3, 4, 1);
  const of = async (scale: number) => {
    const { mixture } = await fitGaussianMixture(
      rows.map((value) => scale * value),
      3,
      { components: 4, seed: 0 },
    );
    return [...mixture.means, ...mixture.factors].flat().map((value) => value / scale);
  };
  expect(gap(await of(2 ** -20), await of(1))).toBeLessThan(1e-3);
});

test('one component is the rows’ mean and covariance', async () => {
  const rows = normals(600, 1).map((value, at) => value * (1 + (at % 3)) + (at % 3));
  const { mixture, converged } = await fitGaussianMixture(rows, 3, { components: 1, seed: 0, ridge: 0 });
  expect(converged).toBe(true);
  expect(mixture.weights).toEqual([1]);
  const column = (j: number) => rows.filter((_, at) => at % 3 === j);
  const means = [0, 1, 2].map((j) => mean(column(j)));
  expect(gap(mixture.means[0] ?? [], means)).toBeLessThan(1e-6);
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mixture.factors[0] ?? [];
  const covariance = [a * a, a * b, b * b + c * c, a * d, b * d + c * e, d * d + e * e + f * f];
  const pairs = [
    [0, 0],
    [0, 1],
    [1, 1],
    [0, 2],
    [1, 2],
    [2, 2],
  ] as const;
  const expected = pairs.map(([i, j]) => {
    const other = column(j);
    return mean(column(i).map((x, row) => (x - (means[i] ?? 0)) * ((other[row] ?? 0) - (means[j] ?? 0))));
  });
  expect(gap(covariance, expected)).toBeLessThan(1e-5);
});

test('samples have the mixture’s moments; fitting them recovers it', async () => {
  const { rows, components } = sampleMixture(two, 40_000, Generator.of(3, 'samples'));
  expect(mean(components)).toBeCloseTo(0.75, 2);
  const [x, y] = [0, 1].map((j) => rows.filter((_, at) => at % 2 === j && components[at >> 1] === 1));
  expect(mean(x ?? [])).toBeCloseTo(5, 1);
  expect(mean(y ?? [])).toBeCloseTo(-3, 1);
  expect(mean(Array.from(x ?? [], (value, row) => (value - 5) * ((y?.[row] ?? 0) + 3)))).toBeCloseTo(-2, 1);
  const { mixture } = await fitGaussianMixture(rows, 2, { components: 2, seed: 0, tolerance: 1e-6 });
  const order = [0, 1].sort((i, j) => (mixture.weights[i] ?? 0) - (mixture.weights[j] ?? 0));
  expect(
    gap(
      order.map((i) => mixture.weights[i] ?? 0),
      two.weights,
    ),
  ).toBeLessThan(0.01);
  expect(
    gap(
      order.flatMap((i) => mixture.means[i] ?? []),
      two.means.flat(),
    ),
  ).toBeLessThan(0.05);
  expect(
    gap(
      order.flatMap((i) => mixture.factors[i] ?? []),
      two.factors.flat(),
    ),
  ).toBeLessThan(0.05);
  const stored: GaussianMixture = JSON.parse(JSON.stringify(mixture));
  expect([...sampleMixture(stored, 5, Generator.of(1, 's')).rows]).toEqual([
    ...sampleMixture(mixture, 5, Generator.of(1, 's')).rows,
  ]);
});

test('no iteration lowers the likelihood; equal seeds give equal mixtures', async () => {
  const { rows } = blobs(2000, 5, 8, 4, 1);
  const options = { components: 6, seed: 2, tolerance: 0 };
  let before = Number.NEGATIVE_INFINITY;
  for (let maxIterations = 1; maxIterations <= 12; maxIterations++) {
    const { logLikelihood } = await fitGaussianMixture(rows, 5, { ...options, maxIterations });
    expect(logLikelihood).toBeGreaterThan(before - 1e-9);
    before = logLikelihood;
  }
  const [one, again] = [await fitGaussianMixture(rows, 5, options), await fitGaussianMixture(rows, 5, options)];
  expect(again).toEqual(one);
  expect(one.iterations).toBe(100);
});

test('constant columns, equal rows', async () => {
  const rows = normals(300, 5).map((value, at) => (at % 3 === 1 ? 1000 : value));
  const { mixture } = await fitGaussianMixture(rows, 3, { components: 3, seed: 0 });
  expect(mixture.factors.flat().every(Number.isFinite)).toBe(true);
  expect(
    gap(
      mixture.means.map((line) => line[1] ?? 0),
      [1000, 1000, 1000],
    ),
  ).toBeLessThan(1e-9);
  const equal = await fitGaussianMixture(new Float32Array(20).fill(2), 2, { components: 3, seed: 0 });
  expect(equal.mixture.factors.flat().concat(equal.mixture.weights).every(Number.isFinite)).toBe(true);
  expect([...sampleMixture(equal.mixture, 2, Generator.of(0, 's')).rows].map(Math.round)).toEqual([2, 2, 2, 2]);
});

test('more columns than rows, which nearly depend on each other', async () => {
  const [n, size] = [230, 300];
  const [codes, directions] = [normals(n * 2, 1), normals(2 * size, 2)];
  const rows = Float32Array.from({ length: n * size }, (_, at) => {
    const [row, column] = [Math.floor(at / size), at % size];
    const along = (d: number) => (codes[row * 2 + d] ?? 0) * (directions[d * size + column] ?? 0);
    return 5 + along(0) + 1e-3 * along(1);
  });
  const { mixture } = await fitGaussianMixture(rows, size, { components: 1, seed: 0 });
  const [factor = []] = mixture.factors;
  const variances = [0, size - 1].map((column) => {
    const values = Array.from({ length: n }, (_, row) => rows[row * size + column] ?? 0);
    const line = factor.slice((column * (column + 1)) / 2, ((column + 1) * (column + 2)) / 2);
    const own = mean(values.map((value) => (value - mean(values)) ** 2));
    return line.reduce((sum, value) => sum + value ** 2, 0) / own;
  });
  expect(gap(variances, [1, 1])).toBeLessThan(1e-3);
});

test('60,000 latents of size 10 take seconds', async () => {
  const { rows } = blobs(60_000, 10, 12, 6, 0.5);
  const seconds = await cpuSeconds(() =>
    fitGaussianMixture(rows, 10, { components: 10, seed: 0, maxIterations: 5, tolerance: 0 }),
  );
  expect(seconds).toBeLessThan(3); // a twentieth of the iterations, after k-means
});

test.runIf(peerPython)(`scikit-learn improves it the same way ${needsPeer}`, async () => {
  const size = 4;
  const { rows } = blobs(3000, size, 5, 7, 1);
  const start: GaussianMixture = {
    size,
    weights: [0.2, 0.3, 0.5],
    means: [0, 1, 2].map((row) => Array.from(rows.subarray(row * size, (row + 1) * size))),
    factors: [1, 2, 3].map((scale) => [scale, 0, scale, 0, 0, scale, 0, 0, 0, scale]),
  };
  const { mixture } = await improveMixture(rows, start, { maxIterations: 25, tolerance: 0 });
  const theirs = peer<{ weights: number[]; means: number[]; factors: number[][]; logs: number[] }>(
    `
from sklearn.mixture import GaussianMixture
rows, means = given['rows'].reshape(-1, ${size}).astype(float), given['means'].reshape(3, ${size})
found = GaussianMixture(3, max_iter=25, tol=0, weights_init=[0.2, 0.3, 0.5], means_init=means,
    precisions_init=[np.eye(${size}) / scale ** 2 for scale in (1, 2, 3)]).fit(rows)
lower = np.tril_indices(${size})
factors = [np.linalg.cholesky(covariance)[lower].tolist() for covariance in found.covariances_]
print(json.dumps(dict(weights=found.weights_.tolist(), means=found.means_.ravel().tolist(), factors=factors,
    logs=found.score_samples(rows[:60]).tolist())))`,
    { rows, means: Float64Array.from(start.means.flat()) },
  );
  expect(gap(mixture.weights, theirs.weights)).toBeLessThan(1e-5);
  expect(gap(mixture.means.flat(), theirs.means)).toBeLessThan(1e-5);
  expect(gap(mixture.factors.flat(), theirs.factors.flat())).toBeLessThan(1e-5);
  const logs: number[] = [];
  for (let at = 0; at < 60 * size; at += size) logs.push(await logDensity(mixture, rows.subarray(at, at + size)));
  expect(gap(logs, theirs.logs)).toBeLessThan(1e-4);
});
