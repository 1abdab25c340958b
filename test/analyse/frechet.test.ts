import { expect, test } from 'vitest';
import { fitGaussian, frechetDistance } from '../../pipeline/analyse/frechet.ts';
import { peerPython } from '../data/support.ts';
import { cpuSeconds, gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

const diagonal = (mean: number[], variances: number[]) => ({
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(variances.flatMap((_, i) => variances.map((variance, j) => (i === j ? variance : 0)))),
});

/** Correlated features: normals times a random matrix of the given rank, and an offset. */
function features(n: number, size: number, rank: number, seed: number): Float32Array {
  const [sources, mixing] = [normals(n * rank, seed), normals(rank * size, seed + 1)];
  return Float32Array.from({ length: n * size }, (_, at) => {
    const [row, column] = [Math.floor(at / size), at % size];
    let sum = seed + column / size;
    for (let k = 0; k < rank; k++) sum += (sources[row * rank + k] ?? 0) * (mixing[k * size + column] ?? 0);
    return sum;
  });
}

test('of independent features: squared differences of means and of standard deviations', () => {
  const distance = frechetDistance(diagonal([1, 2, 3], [4, 9, 0]), diagonal([1, 0, 3], [1, 9, 25]));
  expect(distance).toBeCloseTo(4 + 1 + 0 + 25, 10);
  expect(frechetDistance(diagonal([5], [4]), diagonal([5], [9]))).toBeCloseTo(1, 12);
});

test('is 0 to itself, symmetric, and right for rotated covariances', async () => {
  const [a, b] = [await fitGaussian(features(300, 12, 12, 1), 12), await fitGaussian(features(200, 12, 12, 5), 12)];
  expect(frechetDistance(a, a)).toBeLessThan(1e-9 * frechetDistance(a, diagonal(Array(12).fill(0), Array(12).fill(0))));
  expect(frechetDistance(a, b) / frechetDistance(b, a)).toBeCloseTo(1, 10);
  // [[2, 1], [1, 2]] against the identity: the roots of its eigenvalues 3 and 1 less 1, squared.
  const turned = { mean: new Float64Array(2), covariance: Float64Array.of(2, 1, 1, 2) };
  expect(frechetDistance(turned, diagonal([0, 0], [1, 1]))).toBeCloseTo((Math.sqrt(3) - 1) ** 2, 10);
});

test('invalid arguments are refused', async () => {
  await expect(fitGaussian(Float32Array.of(1, 2), 2)).rejects.toThrow('one row');
  expect(() => frechetDistance(diagonal([1], [1]), diagonal([1, 1], [1, 1]))).toThrow(/features.*\b1\b.*\b2\b/);
});

test('10,000 rows of 128 features take seconds', async () => {
  const [a, b] = [normals(1_280_000, 1), normals(1_280_000, 2)];
  const distances: number[] = [];
  const seconds = await cpuSeconds(async () => {
    distances.push(frechetDistance(await fitGaussian(a, 128), await fitGaussian(b, 128)));
  });
  expect(seconds).toBeLessThan(3);
  // The bias of covariances from n rows each, size (size + 1) / 2n to second order, and of the means, 2 size / n.
  expect(distances[0]).toBeCloseTo((128 * 129) / 20_000 + 256 / 10_000, 1);
});

test.runIf(peerPython)(`scipy's matrix root, and numpy's singular values, give the same ${needsPeer}`, async () => {
  const [size, full, flat] = [40, features(1000, 40, 40, 1), features(500, 40, 15, 7)];
  const other = features(700, 40, 40, 3);
  const flatter = features(30, 40, 40, 9); // fewer rows than features
  const [a, b, c, d] = await Promise.all([full, other, flat, flatter].map((rows) => fitGaussian(rows, size)));
  if (!a || !b || !c || !d) throw new Error('four fits were asked for');
  const theirs = peer<{ covariance: number[]; root: number; singular: number[] }>(
    `
from scipy.linalg import sqrtm
fits = {}
for name in given:
    rows = given[name].reshape(-1, ${size}).astype(float)
    fits[name] = rows.mean(0), np.cov(rows, rowvar=False)
def root(a, b):
    return float(((a[0] - b[0]) ** 2).sum() + np.trace(a[1] + b[1] - 2 * sqrtm(a[1] @ b[1]).real))
def half(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T
def singular(a, b):
    overlap = np.linalg.norm(half(a[1]) @ half(b[1]), 'nuc')
    return float(((a[0] - b[0]) ** 2).sum() + np.trace(a[1] + b[1]) - 2 * overlap)
full, other, flat, flatter = (fits[name] for name in ('full', 'other', 'flat', 'flatter'))
print(json.dumps(dict(covariance=full[1].ravel().tolist(), root=root(full, other),
    singular=[singular(full, flat), singular(flat, full), singular(flat, flatter)])))`,
    { full, other, flat, flatter },
  );
  expect(gap(a.covariance, theirs.covariance) / Math.max(...a.covariance)).toBeLessThan(1e-7);
  expect(frechetDistance(a, b) / theirs.root).toBeCloseTo(1, 7);
  const ours = [frechetDistance(a, c), frechetDistance(c, a), frechetDistance(c, d)];
  ours.forEach((distance, i) => {
    expect(distance / (theirs.singular[i] ?? Number.NaN)).toBeCloseTo(1, 6);
  });
});
