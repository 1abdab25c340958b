import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accuracy, majorityVote, nearestNeighbours } from '../../pipeline/analyse/knn.ts';
import { spreadOf } from '../../pipeline/analyse/moments.ts';
import { peerPython, scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();

const rowsOf = (numbers: Float32Array, size: number) =>
  Array.from({ length: numbers.length / size }, (_, i) => [...numbers.subarray(i * size, (i + 1) * size)]);

/** Every distance, sorted; equal ones by row. */
function naive(points: Float32Array, queries: Float32Array, size: number, k: number) {
  return rowsOf(queries, size).map((query) =>
    rowsOf(points, size)
      .map((point, row) => ({ row, distance: point.reduce((sum, p, i) => sum + (p - (query[i] ?? 0)) ** 2, 0) }))
      .sort((a, b) => a.distance - b.distance || a.row - b.row)
      .slice(0, k),
  );
}

/** Standard-normal numbers from a fixed seed. */
function normals(count: number, seed: number): Float32Array {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

test('finds the same as comparing and sorting everything, even with equal distances', async () => {
  const coordinate = fc.integer({ min: -2, max: 2 }); // few values, so that many distances are equal
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 7 }).chain((size) => {
        const rows = (min: number) =>
          fc.array(fc.array(coordinate, { minLength: size, maxLength: size }), { minLength: min, maxLength: 40 });
        return fc.tuple(fc.constant(size), rows(1), rows(0));
      }),
      fc.integer({ min: 1, max: 12 }),
      async ([size, points, queries], most) => {
        const k = Math.min(most, points.length);
        const [p, q] = [Float32Array.from(points.flat()), Float32Array.from(queries.flat())];
        const { indices, squaredDistances } = await nearestNeighbours(p, q, size, { k });
        const expected = naive(p, q, size, k).flat();
        expect([...indices]).toEqual(expected.map(({ row }) => row));
        expect([...squaredDistances]).toEqual(expected.map(({ distance }) => distance));
      },
    ),
    { numRuns: 60 }, // each compiles a program
  );
});

test('finds them across blocks of points and queries', async () => {
  const [points, queries] = [normals(1300 * 3, 1), normals(700 * 3, 2)];
  const done: number[] = [];
  const { indices } = await nearestNeighbours(points, queries, 3, { k: 10, tick: (count) => done.push(count) });
  expect([...indices]).toEqual(
    naive(points, queries, 3, 10)
      .flat()
      .map(({ row }) => row),
  );
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBe(700);
});

test.each([
  ['far from the origin', (value: number) => value + 3e4],
  ['in two groups far from each other', (value: number, row: number) => value + (row % 2) * 3e4],
  ['with an outlier', (value: number, row: number) => (row === 7 ? 1e25 : value)],
  ['with many equal rows', (value: number, row: number) => (row % 3 > 0 ? 1.5 : value)],
])('ranks exactly where float32 products would not: rows %s', async (_, change) => {
  const size = 4;
  const rows = (count: number, seed: number) =>
    normals(count * size, seed).map((value, at) => change(value, Math.floor(at / size)));
  const [points, queries] = [rows(900, 7), rows(60, 8)];
  const { indices, squaredDistances } = await nearestNeighbours(points, queries, size, { k: 10 });
  const expected = naive(points, queries, size, 10).flat();
  expect([...indices]).toEqual(expected.map(({ row }) => row));
  expect([...squaredDistances]).toEqual(expected.map(({ distance }) => distance));
});

test('is fast enough for 60,000 × 10,000 latents of size 10 in 20 seconds', async () => {
  const [points, queries] = [normals(60_000 * 10, 3), normals(500 * 10, 4)];
  const seconds: number[] = [];
  for (let i = 0; i < 3; i++) {
    const began = process.cpuUsage();
    await nearestNeighbours(points, queries, 10, { k: 10 });
    const { user, system } = process.cpuUsage(began);
    seconds.push((user + system) / 1e6);
  }
  expect(Math.min(...seconds)).toBeLessThan(1); // a twentieth of the queries
});

test('the majority decides; the nearest one breaks ties', () => {
  const neighbours = {
    indices: Int32Array.of(0, 1, 2, 3, 4, 5, 4, 3, 2, 1, 0, 5),
    squaredDistances: new Float64Array(12),
  };
  const labels = Int32Array.of(7, 7, 8, 8, 9, 3);
  expect([...majorityVote(neighbours, labels, 6)]).toEqual([7, 8]);
  expect([...majorityVote(neighbours, labels, 4)]).toEqual([7, 9, 7]);
  expect([...majorityVote(neighbours, labels, 3)]).toEqual([7, 8, 8, 7]);
  expect(accuracy(Int32Array.of(7, 9, 8), Int32Array.of(7, 8, 8))).toBeCloseTo(2 / 3, 12);
});

test('invalid arguments are refused', async () => {
  const points = new Float32Array(6);
  await expect(nearestNeighbours(points, points, 2, { k: 4 })).rejects.toThrow('4 neighbours of 3 points');
  await expect(nearestNeighbours(points.fill(Number.NaN, 3, 4), points, 2, { k: 1 })).rejects.toThrow(
    'number 1 of row 1 is NaN',
  );
  await expect(nearestNeighbours(points, points, 4, { k: 1 })).rejects.toThrow('6 numbers are not rows of 4');
  expect(() => accuracy(Int32Array.of(1), Int32Array.of(1, 2))).toThrow('1 predictions, 2 labels');
  expect(() => spreadOf(points, 4)).toThrow('6 numbers are not rows of 4');
});

test('statistics of columns', () => {
  const { mean, std, min, max } = spreadOf(Float32Array.of(1, -1, 3, -1, 8, 5), 2);
  expect([mean, min, max]).toEqual([
    [4, 1],
    [1, -1],
    [8, 5],
  ]);
  expect(std[0]).toBeCloseTo(Math.sqrt((9 + 1 + 16) / 3), 12);
  expect(std[1]).toBeCloseTo(Math.sqrt((4 + 4 + 16) / 3), 12);
});

test.runIf(peerPython)('scikit-learn finds the same neighbours', async () => {
  const [points, queries] = [normals(4000 * 10, 5), normals(300 * 10, 6)];
  const { indices } = await nearestNeighbours(points, queries, 10, { k: 10 });
  writeFileSync(scratch('points'), points);
  writeFileSync(scratch('queries'), queries);
  const script = `
import sys, json, numpy as np
from sklearn.neighbors import NearestNeighbors
points, queries = (np.fromfile(path, np.float32).reshape(-1, 10).astype(float) for path in sys.argv[1:])
found = NearestNeighbors(n_neighbors=10, algorithm='kd_tree').fit(points).kneighbors(queries, return_distance=False)
print(json.dumps(found.ravel().tolist()))`;
  const answer = execFileSync(peerPython ?? '', ['-c', script, scratch('points'), scratch('queries')], {
    encoding: 'utf8',
  });
  expect([...indices]).toEqual(JSON.parse(answer));
});
