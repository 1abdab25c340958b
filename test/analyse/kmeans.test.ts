import fc from 'fast-check';
import { expect, test } from 'vitest';
import { kmeans, refineCentres } from '../../pipeline/analyse/kmeans.ts';
import { peerPython } from '../data/support.ts';
import { blobs, cpuSeconds, digits, gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

/** Lloyd's iterations that compare every row with every centre; NaN centres where a cluster is left empty. */
function naive(rows: Float32Array, size: number, start: Float64Array) {
  const [n, clusters] = [rows.length / size, start.length / size];
  const at = (row: number, centres: Float64Array, c: number) =>
    Array.from({ length: size }, (_, j) => ((rows[row * size + j] ?? 0) - (centres[c * size + j] ?? 0)) ** 2).reduce(
      (sum, square) => sum + square,
    );
  let [centres, assignment] = [start, new Int32Array(n).fill(-1)];
  for (;;) {
    const nearest = Int32Array.from({ length: n }, (_, row) => {
      const distances = Array.from({ length: clusters }, (_, c) => at(row, centres, c));
      return distances.indexOf(Math.min(...distances));
    });
    if (nearest.every((cluster, row) => cluster === assignment[row])) break;
    assignment = nearest;
    centres = new Float64Array(start.length);
    assignment.forEach((own, row) => {
      for (let j = 0; j < size; j++)
        centres[own * size + j] = (centres[own * size + j] ?? 0) + (rows[row * size + j] ?? 0);
    });
    centres = centres.map((sum, i) => sum / assignment.filter((own) => own === Math.floor(i / size)).length);
  }
  return { assignment, centres };
}

test('ends where comparing every row with every centre ends', async () => {
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 8, max: 120 }),
      fc.nat(),
      async (size, clusters, n, seed) => {
        const rows = normals(n * size, seed);
        const start = Float64Array.from(rows.subarray(0, clusters * size));
        const expected = naive(rows, size, start);
        if (expected.centres.some(Number.isNaN)) return; // an empty cluster: see below
        compared++;
        const found = await refineCentres(rows, size, start, { tolerance: 0 });
        expect([...found.assignment]).toEqual([...expected.assignment]);
        expect(gap(found.centres, expected.centres)).toBeLessThan(1e-12);
      },
    ),
    { numRuns: 40 }, // each compiles a program
  );
  expect(compared).toBeGreaterThan(20);
});

test.each([
  ['far from the origin', (value: number) => value + 3e4],
  ['in two groups far from each other', (value: number, row: number) => value + (row % 2) * 3e4],
])('assigns exactly where float32 products would not: rows %s', async (_, change) => {
  const size = 3;
  const rows = normals(600 * size, 4).map((value, at) => change(value, Math.floor(at / size)));
  const start = Float64Array.from(rows.subarray(0, 6 * size));
  const expected = naive(rows, size, start);
  const found = await refineCentres(rows, size, start, { tolerance: 0 });
  expect([...found.assignment]).toEqual([...expected.assignment]);
  expect(gap(found.centres, expected.centres)).toBeLessThan(1e-9);
});

test('a cluster without rows takes the row farthest from its centre', async () => {
  const rows = Float32Array.of(0, 1, 2, 10);
  const { assignment, centres, inertia } = await refineCentres(rows, 1, Float64Array.of(1, 1000));
  expect([...assignment]).toEqual([0, 0, 0, 1]);
  expect([...centres]).toEqual([1, 10]);
  expect(inertia).toBe(2);
});

test('as many clusters as rows, and more clusters than distinct rows', async () => {
  const three = await kmeans(Float32Array.of(5, 7, 9), 1, { clusters: 3, seed: 0 });
  expect(new Set(three.assignment).size).toBe(3);
  expect(three.inertia).toBe(0);
  const same = await kmeans(new Float32Array(12).fill(3), 2, { clusters: 4, seed: 0 });
  expect(same.inertia).toBe(0);
  expect([...same.centres]).toEqual(Array(8).fill(3));
});

test('finds separate groups; equal seeds give equal clusters', async () => {
  const { rows, labels } = blobs(3000, 10, 10, 1, 8);
  const found = await kmeans(rows, 10, { clusters: 10, seed: 5 });
  const classes = Array.from(
    { length: 10 },
    (_, c) => new Set(labels.filter((_, i) => found.assignment[i] === c)).size,
  );
  expect(classes).toEqual(Array(10).fill(1));
  const again = await kmeans(rows, 10, { clusters: 10, seed: 5 });
  expect([...again.centres]).toEqual([...found.centres]);
  const noise = normals(2000, 2);
  const [one, two] = [
    await kmeans(noise, 2, { clusters: 9, restarts: 1, seed: 1 }),
    await kmeans(noise, 2, { clusters: 9, restarts: 1, seed: 2 }),
  ];
  expect([...one.centres]).not.toEqual([...two.centres]);
  const best = await kmeans(noise, 2, { clusters: 9, restarts: 20, seed: 1 });
  expect(best.inertia).toBeLessThanOrEqual(one.inertia); // the first of its starts
});

test('yields to other events, reports progress, and ends with an error of the tick', async () => {
  const rows = normals(70_000 * 10, 3);
  let events = 0;
  const timer = setInterval(() => events++, 1);
  const shares: number[] = [];
  const stop = new Error('enough');
  const work = kmeans(rows, 10, {
    clusters: 10,
    seed: 0,
    tick: (share) => {
      shares.push(share);
      if (shares.length === 8) throw stop;
    },
  });
  await expect(work).rejects.toBe(stop);
  clearInterval(timer);
  expect(events).toBeGreaterThan(3);
  expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  expect(shares.at(-1)).toBeLessThan(1);
});

test('invalid arguments are refused', async () => {
  const rows = Float32Array.of(1, 2, Number.NaN, 4);
  await expect(kmeans(rows, 2, { clusters: 1, seed: 0 })).rejects.toThrow('number 0 of row 1 is NaN');
  await expect(kmeans(rows.subarray(0, 2), 2, { clusters: 2, seed: 0 })).rejects.toThrow('2 clusters of 1 rows');
  await expect(kmeans(rows, 3, { clusters: 1, seed: 0 })).rejects.toThrow('not rows of 3');
});

test('70,000 latents of size 10 take seconds', async () => {
  const { rows } = blobs(70_000, 10, 10, 4, 1);
  expect(await cpuSeconds(() => kmeans(rows, 10, { clusters: 10, restarts: 2, seed: 0 }))).toBeLessThan(4);
});

test.runIf(peerPython)(`scikit-learn ends with the same clusters of digits ${needsPeer}`, async () => {
  const { rows: pixels } = await digits(1000);
  const rows = Float32Array.from(pixels, (value) => value / 255);
  const start = Float64Array.from(rows.subarray(0, 7840));
  const { assignment, inertia } = await refineCentres(rows, 784, start);
  const best = await kmeans(rows, 784, { clusters: 10, restarts: 3, seed: 0 });
  const theirs = peer<{ labels: number[]; inertia: number; best: number }>(
    `
from sklearn.cluster import KMeans
rows = given['rows'].reshape(-1, 784).astype(float)
found = KMeans(10, init=given['start'].reshape(10, 784), n_init=1).fit(rows)
best = KMeans(10, n_init=3, random_state=0).fit(rows)
print(json.dumps(dict(labels=found.labels_.tolist(), inertia=found.inertia_, best=best.inertia_)))`,
    { rows, start },
  );
  expect([...assignment]).toEqual(theirs.labels);
  expect(inertia / theirs.inertia).toBeCloseTo(1, 9);
  expect(best.inertia / theirs.best).toBeLessThan(1.01);
});
