import { expect, test } from 'vitest';
import { kmeans } from '../../pipeline/analyse/kmeans.ts';
import { assign } from '../../pipeline/cluster/assigner.ts';
import { chooseK, comparisonOf } from '../../pipeline/cluster/choose.ts';
import { silhouetteOf, stabilityOf } from '../../pipeline/cluster/figures.ts';
import { fitClusters, spaceOf } from '../../pipeline/cluster/methods.ts';
import { largestOf, pickRows } from '../../pipeline/data/rows.ts';
import { umap } from '../../pipeline/pictures/umap.ts';
import { blobs, needsPeer, peerScript } from '../analyse/support.ts';
import { peerPython } from '../data/support.ts';

const peer = peerScript();
const { rows } = blobs(600, 3, 4, 1);
const space = { rows, size: 3, name: 'latents' } as const;

test.skipIf(!peerPython)(`silhouette and probabilities are those of scikit-learn ${needsPeer}`, async () => {
  const { mixture } = await fitClusters('gmm', space, { k: 4, seed: 0 });
  const { probabilities } = await assign(mixture, rows);
  const clusters = largestOf(probabilities, 4);
  const script = `
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
x = given['rows'].reshape(-1, 3)
means, factors = given['means'].reshape(4, 3), np.zeros((4, 3, 3))
for k in range(4): factors[k][np.tril_indices(3)] = given['factors'].reshape(4, 6)[k]
m = GaussianMixture(4)
m.weights_, m.means_ = given['weights'], means
m.precisions_cholesky_ = np.linalg.inv(factors).transpose(0, 2, 1)
print(json.dumps({'silhouette': float(silhouette_score(x, given['clusters'])), 'probabilities': m.predict_proba(x).ravel().tolist()}))
`;
  const given = {
    rows,
    clusters,
    weights: Float64Array.from(mixture.weights),
    means: Float64Array.from(mixture.means.flat()),
    factors: Float64Array.from(mixture.factors.flat()),
  };
  const expected = peer<{ silhouette: number; probabilities: number[] }>(script, given);
  const found = await silhouetteOf(space, clusters);
  expect(found).toEqual({ value: expect.closeTo(expected.silhouette, 5), images: 600 });
  expect(Math.max(...expected.probabilities.map((p, i) => Math.abs(p - (probabilities[i] ?? 1))))).toBeLessThan(1e-4);
});

/** Distances on a line: 0 and 1 in one cluster, 5 in another. (5 − 1)/5, (4 − 1)/4, and 0 for the one that is alone. */
test('the silhouette of three points, by hand', async () => {
  const line = { rows: Float32Array.of(0, 1, 5), size: 1, name: 'latents' } as const;
  expect((await silhouetteOf(line, Int32Array.of(0, 0, 1)))?.value).toBeCloseTo((4 / 5 + 3 / 4 + 0) / 3, 6);
  expect(await silhouetteOf(line, Int32Array.of(1, 1, 1))).toBeUndefined();
  expect(await silhouetteOf(line, Int32Array.of(0, 1, 2))).toBeUndefined();
});

/** Every second of 8,000 rows is of one kind: so would be 4,000 rows at equal distances. */
test('the silhouette of kinds that take turns compares both', async () => {
  const rows = Float32Array.from({ length: 8000 }, (_, i) => 10 * (i % 2) + (i % 3) / 10);
  const kinds = Int32Array.from(rows, (_, i) => i % 2);
  const found = await silhouetteOf({ rows, size: 1, name: 'latents' }, kinds);
  expect(found?.images).toBe(4000);
  expect(found?.value).toBeGreaterThan(0.98);
});

test('equal latents are one point of a map, others are mapped as they are; very few are left', async () => {
  const some = rows.subarray(0, 3 * 40);
  const map = await umap(some, 3, { neighbours: 20, minDistance: 0, epochs: 500, exact: true });
  const chosen = Uint32Array.of(...Array(40).keys(), ...Array<number>(40).fill(7));
  const { rows: found } = await spaceOf('umap-gmm', pickRows(some, 3, chosen), 3, { k: 4, seed: 0 });
  expect([...found]).toEqual([...pickRows(map, 2, chosen)]);
  const { mixture } = await fitClusters('umap-gmm', { rows: found, size: 2, name: 'map' }, { k: 4, seed: 0 });
  const clusters = largestOf((await assign(mixture, found)).probabilities, 4);
  expect(new Set(clusters.subarray(40)).size).toBe(1);
  const few = pickRows(some, 3, Uint32Array.of(0, 1, 2, 2, 1));
  expect(await spaceOf('umap-gmm', few, 3, { k: 2, seed: 1 })).toEqual({ rows: few, size: 3, name: 'latents' });
});

test('the most probable component of k-means is the nearest centre', async () => {
  const { assignment } = await kmeans(rows, 3, { clusters: 4, seed: 0 });
  const { mixture } = await fitClusters('kmeans', space, { k: 4, seed: 0 });
  const { probabilities, distances } = await assign(mixture, rows);
  expect(largestOf(probabilities, 4)).toEqual(assignment);
  const variance = distances.reduce((sum, distance) => sum + distance, 0) / distances.length / 3;
  expect(variance).toBeCloseTo(1, 4); // in units of that of the rows around their centres
});

test('stability is the agreement of pairs', () => {
  const [one, other] = [Int32Array.of(0, 0, 1, 1), Int32Array.of(0, 1, 0, 1)];
  expect(stabilityOf([one, Int32Array.of(5, 5, 2, 2)])).toEqual({ mean: 1, least: 1 });
  expect(stabilityOf([one, one, other])).toEqual({
    mean: expect.closeTo((1 - 0.5 - 0.5) / 3, 6),
    least: expect.closeTo(-0.5, 6),
  });
});

test('numbers of clusters are compared on as many images as mixtures of such latents take', () => {
  const of = (method: 'kmeans' | 'gmm' | 'umap-gmm', size: number, images: number) => {
    const { most, images: used, limit } = comparisonOf(method, size, images);
    return [most, used, limit];
  };
  expect(of('kmeans', 128, 70_000)).toEqual([20, 5000, undefined]);
  expect(of('umap-gmm', 128, 36)).toEqual([9, 36, 'images']);
  expect(of('gmm', 10, 70_000)).toEqual([20, 5000, undefined]);
  expect(of('gmm', 64, 70_000)).toEqual([20, 6400, undefined]); // five images for each of 20 × 64 numbers
  expect(of('gmm', 128, 3000)).toEqual([4, 3000, 'images']);
  // Images × clusters × 128²: 9,600 × (2 + … + 15) is 1.87e10, 10,240 × (2 + … + 16) above 2e10.
  expect(of('gmm', 128, 70_000)).toEqual([15, 9600, 'time']);
  expect(of('gmm', 600, 70_000)).toEqual([3, 9000, 'time']);
  expect(of('gmm', 4000, 70_000)[0]).toBe(1);
});

test('no more clusters are compared than there are distinct latents', async () => {
  const few = { ...space, rows: Float32Array.from({ length: 3 * 200 }, (_, at) => rows[at % 18] as number) };
  const { curve, k } = await chooseK('kmeans', few, { seed: 0, distinct: 6 });
  expect([curve.map((one) => one.k), k <= 6]).toEqual([[2, 3, 4, 5, 6], true]);
});
