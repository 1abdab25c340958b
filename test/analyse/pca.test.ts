import { PCA } from 'ml-pca';
import { expect, test } from 'vitest';
import { choleskyFactor, invertLower, symmetricEigensystem } from '../../pipeline/analyse/matrix.ts';
import { momentsOf } from '../../pipeline/analyse/moments.ts';
import { fitPca, project } from '../../pipeline/analyse/pca.ts';
import { pauses } from '../../pipeline/io/stages.ts';
import { peerPython } from '../data/support.ts';
import { cpuSeconds, digits, gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

/** Rows whose columns vary less and less, mixed. */
function decaying(n: number, size: number, seed: number, decay = 0.6): Float32Array {
  const [sources, mixing] = [normals(n * 20, seed), normals(20 * size, seed + 1)];
  return Float32Array.from({ length: n * size }, (_, at) => {
    const [row, column] = [Math.floor(at / size), at % size];
    let sum = 5;
    for (let k = 0; k < 20; k++) sum += decay ** k * (sources[row * 20 + k] ?? 0) * (mixing[k * size + column] ?? 0);
    return sum;
  });
}

/** By singular values of all rows. */
function bySingularValues(rows: Float32Array, size: number, count: number) {
  const lines = Array.from({ length: rows.length / size }, (_, i) =>
    Array.from(rows.subarray(i * size, (i + 1) * size)),
  );
  const found = new PCA(lines);
  const components = found.getLoadings().to2DArray().slice(0, count);
  const upright = components.map((line) => {
    const largest = line.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best));
    return line.map((value) => value * Math.sign(largest));
  });
  return { components: upright.flat(), variances: found.getEigenvalues().slice(0, count) };
}

test.each([
  ['from the complete covariance', 200, 30],
  ['by passes over long rows', 40, 1030],
])('agrees with the singular value decomposition, %s', async (_, n, size) => {
  const rows = decaying(n, size, 1);
  const expected = bySingularValues(rows, size, 4);
  const found = await fitPca(rows, size, { components: 4 });
  expect(found.rows).toBe(n);
  expect(gap(found.variances, expected.variances) / (expected.variances[0] ?? 0)).toBeLessThan(1e-6);
  expect(gap(found.components, expected.components)).toBeLessThan(1e-3);
  expect(found.residual).toBeLessThan(1e-4);
  const places = await project(found, rows);
  const { mean, covariance } = await momentsOf(places, 4, pauses(undefined));
  expect(gap(mean, [0, 0, 0, 0])).toBeLessThan(1e-4);
  const diagonal = covariance.map((_, at) => (at % 5 === 0 ? (found.variances[at / 5] ?? 0) : 0));
  expect(gap(covariance, diagonal) / (found.variances[0] ?? 0)).toBeLessThan(1e-4);
});

test('rows of lower rank than the number of components', async () => {
  const line = Float32Array.from({ length: 50 * 6 }, (_, at) => Math.floor(at / 6) * (at % 6));
  const found = await fitPca(line, 6);
  expect(found.components.length).toBe(36);
  expect((found.variances[1] ?? 1) / (found.variances[0] ?? 0)).toBeLessThan(1e-12);
  expect(
    gap(
      found.components.subarray(0, 6),
      [0, 1, 2, 3, 4, 5].map((x) => x / Math.sqrt(55)),
    ),
  ).toBeLessThan(1e-7);
  const same = await fitPca(new Uint8Array(40).fill(9), 4, { components: 2 });
  expect([...same.variances]).toEqual([0, 0]);
  expect([...(await project(same, new Uint8Array(4).fill(9)))]).toEqual([0, 0]);
  await expect(fitPca(line, 6, { components: 0 })).rejects.toThrow('0 components');
});

test('covariances of rows with few zeros and with many', async () => {
  const dense = decaying(300, 11, 3);
  const sparse = dense.map((value, at) => ((at * 7919) % 10 < 8 ? 0 : value));
  for (const rows of [dense, sparse]) {
    const { mean, covariance } = await momentsOf(rows, 11, pauses(undefined));
    const columns = Array.from({ length: 11 }, (_, j) => Array.from(rows.filter((_, at) => at % 11 === j)));
    const average = (values: number[]) => values.reduce((sum, value) => sum + value) / 300;
    const means = columns.map(average);
    expect(gap(mean, means)).toBeLessThan(1e-12);
    const centred = columns.map((column, j) => column.map((value) => value - (means[j] ?? 0)));
    const expected = centred.flatMap((a) =>
      centred.map((b) => (average(a.map((value, row) => value * (b[row] ?? 0))) * 300) / 299),
    );
    expect(gap(covariance, expected) / Math.max(...expected)).toBeLessThan(1e-7);
  }
});

test('symmetric matrices: eigenvectors, Cholesky factors, inverses', () => {
  const size = 9;
  const source = normals(size * size, 8);
  const times = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Float64Array.from({ length: size * size }, (_, at) => {
      let sum = 0;
      for (let k = 0; k < size; k++)
        sum += (a[Math.floor(at / size) * size + k] ?? 0) * (b[k * size + (at % size)] ?? 0);
      return sum;
    });
  const turned = (a: ArrayLike<number>) =>
    Float64Array.from({ length: size * size }, (_, at) => a[(at % size) * size + Math.floor(at / size)] ?? 0);
  const identity = Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
  const matrix = times(source, turned(source));
  const { values, vectors } = symmetricEigensystem(matrix, size);
  expect([...values]).toEqual([...values].sort((a, b) => b - a));
  expect(gap(times(vectors, turned(vectors)), identity)).toBeLessThan(1e-12);
  const scaled = vectors.map((value, at) => value * (values[Math.floor(at / size)] ?? 0));
  expect(gap(times(turned(vectors), scaled), matrix)).toBeLessThan(1e-10);
  /** A lower triangle as a full matrix. */
  const full = (triangle: Float64Array) =>
    Float64Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size];
      return j > i ? 0 : (triangle[(i * (i + 1)) / 2 + j] ?? Number.NaN);
    });
  const factor = choleskyFactor(matrix, size);
  expect(gap(times(full(factor), turned(full(factor))), matrix)).toBeLessThan(1e-10);
  expect(gap(times(full(factor), full(invertLower(factor, size))), identity)).toBeLessThan(1e-9);
  expect(() => choleskyFactor(Float64Array.of(1, 2, 2, 1), 2)).toThrow('not positive definite at row 1');
  expect([...symmetricEigensystem(Float64Array.of(3), 1).values]).toEqual([3]);
});

test('10,000 digits take a second', async () => {
  const { rows } = await digits(10_000);
  expect(await cpuSeconds(() => fitPca(rows, 784))).toBeLessThan(5);
});

test.runIf(peerPython)(`scikit-learn finds the same components of digits ${needsPeer}`, async () => {
  const { rows } = await digits(2000);
  const found = await fitPca(rows, 784);
  const places = await project(found, rows);
  const theirs = peer<{ components: number[]; variances: number[]; places: number[] }>(
    `
from sklearn.decomposition import PCA
rows = given['rows'].reshape(-1, 784).astype(float)
found = PCA(10, svd_solver='covariance_eigh').fit(rows)
sign = np.sign(found.components_[np.arange(10), np.abs(found.components_).argmax(1)])
print(json.dumps(dict(components=(found.components_ * sign[:, None]).ravel().tolist(),
    variances=found.explained_variance_.tolist(), places=(found.transform(rows) * sign).ravel().tolist())))`,
    { rows },
  );
  expect(gap(found.variances, theirs.variances) / (theirs.variances[0] ?? 0)).toBeLessThan(1e-10);
  expect(gap(found.components, theirs.components)).toBeLessThan(1e-5);
  expect(gap(places, theirs.places)).toBeLessThan(0.02); // of places up to 2,000
});
