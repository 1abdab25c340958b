import { expect, test } from 'vitest';
import { sharedNeighbours, spectralEmbedding } from '../../pipeline/analyse/spectral.ts';
import { peerPython } from '../data/support.ts';
import { blobs, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

/** Products of the first row with all others, which no rotation of the eigenvectors changes. */
const productsOf = (rows: ArrayLike<number>, size: number, row: number) =>
  Array.from({ length: rows.length / size }, (_, other) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += (rows[row * size + i] as number) * (rows[other * size + i] as number);
    return sum;
  });

test.skipIf(!peerPython)(`eigenvectors are those of numpy, of a graph by scikit-learn ${needsPeer}`, async () => {
  const { rows } = blobs(400, 3, 5, 2, 2);
  const script = `
from sklearn.neighbors import NearestNeighbors
x = given['rows'].reshape(-1, 3).astype(float)
near = NearestNeighbors(n_neighbors=20).fit(x).kneighbors(x, return_distance=False)
sets = [set(one) for one in near.tolist()]
a = np.array([[len(p & q) / len(p | q) if i != j and (i in q or j in p) else 0 for j, q in enumerate(sets)] for i, p in enumerate(sets)])
d = a.sum(1)
values, vectors = np.linalg.eigh(a / np.sqrt(np.outer(d, d)))
top = vectors[:, -5:]
print(json.dumps({'rows': (top / np.linalg.norm(top, axis=1, keepdims=True)).ravel().tolist()}))
`;
  const expected = peer<{ rows: number[] }>(script, { rows });
  const found = await spectralEmbedding(rows, 3, { count: 5, seed: 0 });
  expect(found.scattered).toBe(false);
  for (const row of [0, 1, 2, 3, 4, 399]) {
    const [own, theirs] = [productsOf(found.rows, 5, row), productsOf(expected.rows, 5, row)];
    expect(Math.max(...own.map((value, i) => Math.abs(value - (theirs[i] ?? 9))))).toBeLessThan(1e-4);
  }
});

/** Of 0 {0, 1} and 1 {1, 2}, one of three is common; of 1 and 2 {2, 1}, both. Points 0 and 2 are no neighbours. */
test('edges have the Jaccard index of both lists, by hand', () => {
  const { from, to, weights } = sharedNeighbours(Int32Array.of(0, 1, 1, 2, 2, 1), 2);
  expect([...from].map((one, edge) => [one, to[edge], weights[edge]])).toEqual([
    [0, 1, 1 / 3],
    [1, 2, 1],
  ]);
});

test('parts of the graph are orthogonal to each other, and more than there are eigenvectors are told', async () => {
  const points = normals(3 * 60, 1).map((value, i) => value + 1000 * (Math.floor(i / 2) % 3));
  const { rows, scattered } = await spectralEmbedding(points, 2, { count: 3, seed: 0 });
  expect(scattered).toBe(false);
  for (const [other, value] of productsOf(rows, 3, 0).entries()) expect(value).toBeCloseTo(other % 3 === 0 ? 1 : 0, 5);
  expect((await spectralEmbedding(points, 2, { count: 2, seed: 0 })).scattered).toBe(true);
});
