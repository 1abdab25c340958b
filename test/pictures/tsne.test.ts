import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { nearestNeighbours } from '../../pipeline/analyse/knn.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { tsne } from '../../pipeline/pictures/tsne.ts';
import { umap } from '../../pipeline/pictures/umap.ts';
import { compiled } from '../cli/convae.ts';
import { peerPython, pixelsOf, scratchFolder } from '../data/support.ts';
import { noise } from './support.ts';

const scratch = scratchFolder();

/** Test images of MNIST as the means of their 4 × 4 blocks, `[n, 49]`. */
async function coarseDigits(n: number): Promise<Float32Array> {
  const test = await openSplit('mnist', 'test');
  const pixels = await pixelsOf(test);
  await test.close();
  const coarse = new Float32Array(n * 49);
  for (let i = 0; i < n * 784; i++) {
    const [image, y, x] = [Math.floor(i / 784), Math.floor((i % 784) / 28), i % 28];
    const block = image * 49 + Math.floor(y / 4) * 7 + Math.floor(x / 4);
    coarse[block] = (coarse[block] ?? 0) + (pixels[i] ?? 0) / 16 / 255;
  }
  return coarse;
}

/** Venna & Kaski's trustworthiness of a map at k neighbours. */
async function trustworthiness(points: Float32Array, size: number, map: Float32Array, k: number): Promise<number> {
  const n = points.length / size;
  const [ranked, mapped] = [
    await nearestNeighbours(points, points, size, { k: n }),
    await nearestNeighbours(map, map, 2, { k: k + 1 }),
  ];
  let penalty = 0;
  for (let i = 0; i < n; i++) {
    const order = [...ranked.indices.subarray(i * n, (i + 1) * n)].filter((j) => j !== i);
    const rank = new Map(order.map((j, at) => [j, at + 1]));
    const near = [...mapped.indices.subarray(i * (k + 1), (i + 1) * (k + 1))].filter((j) => j !== i).slice(0, k);
    for (const j of near) penalty += Math.max(0, (rank.get(j) ?? 0) - k);
  }
  return 1 - (2 * penalty) / (n * k * (2 * n - 3 * k - 1));
}

const digits = await coarseDigits(500);
let map = new Float32Array();

test('neighbours stay neighbours', async () => {
  const ticks: number[] = [];
  map = new Float32Array(await tsne(digits, 49, { tick: (done) => void ticks.push(done) }));
  expect(map).toHaveLength(1000);
  expect(ticks.length).toBeGreaterThan(50);
  expect([ticks[0], ticks.at(-1)]).toEqual([0, 1000]);
  expect(ticks).toEqual([...ticks].sort((a, b) => a - b));
  expect(await trustworthiness(digits, 49, map, 12)).toBeGreaterThan(0.94);
});

test('equal input gives equal bytes with and without ticks, beside other maps too, and another seed another map', async () => {
  const few = digits.slice(0, 200 * 49);
  const options = { iterations: 300 };
  const [first, other, again] = await Promise.all([
    tsne(few, 49, options),
    tsne(few, 49, { ...options, seed: 1 }),
    tsne(few, 49, { ...options, tick: () => {} }),
  ]);
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test('starts from the principal components', async () => {
  // far longer in one direction than across: with hardly an iteration done, the map's first axis is that direction
  const points = Float32Array.from(noise(300 * 3), (value, i) => (value - 128) * (i % 3 === 1 ? 20 : 1));
  const early = await tsne(points, 3, { iterations: 1 });
  const along = Array.from({ length: 300 }, (_, i) => [points[3 * i + 1] ?? 0, early[2 * i] ?? 0] as const);
  const dot = (f: (pair: readonly [number, number]) => number) => along.reduce((sum, pair) => sum + f(pair), 0);
  const correlation = dot(([a, b]) => a * b) / Math.sqrt(dot(([a]) => a * a) * dot(([, b]) => b * b));
  expect(Math.abs(correlation)).toBeGreaterThan(0.95);
});

test('an error of a tick ends it, and the next map is not affected', async () => {
  let last = 0;
  const stopped = tsne(digits, 49, {
    tick: async (done) => {
      last = done;
      if (done >= 40) throw new Error('stopped');
    },
  });
  await expect(stopped).rejects.toThrow('stopped');
  expect(last).toBe(40);
  const few = digits.slice(0, 50 * 49);
  expect(await tsne(few, 49, { iterations: 100 })).toEqual(await tsne(few, 49, { iterations: 100 }));
});

test('few points, latents of size 1 and equal latents have maps', async () => {
  for (const points of [noise(4 * 2), noise(40), new Uint8Array(60)]) {
    const plane = await tsne(Float32Array.from(points), points.length === 8 ? 2 : 1, { iterations: 60 });
    expect(plane.every(Number.isFinite)).toBe(true);
    expect(new Set(plane).size).toBeGreaterThan(3);
  }
});

test('invalid points are refused', async () => {
  await expect(tsne(new Float32Array(7), 2)).rejects.toThrow(RangeError);
  await expect(tsne(new Float32Array(6), 2)).rejects.toThrow('4 or more points of 2');
  await expect(tsne(Float32Array.of(1, 2, 3, 4, Number.NaN, 6, 7, 8), 2)).rejects.toThrow('not all finite');
});

test('its workers end with it', async () => {
  const workers = () => z.object({ workers: z.array(z.unknown()) }).parse(process.report.getReport()).workers.length;
  const before = workers();
  let during = 0;
  const tick = (done: number) => {
    if (done > 0) during = workers();
  };
  await tsne(Float32Array.from(noise(300)), 3, { iterations: 10, tick });
  await expect.poll(workers).toBe(before);
  expect(during).toBe(before + 1);
});

test('a process that made a map exits', () => {
  const source = pathToFileURL(join(dirname(compiled()), '../dist/pipeline/pictures/tsne.js')).href;
  const program = `import { tsne } from ${JSON.stringify(source)}; console.log((await tsne(Float32Array.from({ length: 60 }, (_, i) => i % 7), 3, { iterations: 20 })).length);`;
  writeFileSync(scratch('map.mjs'), program);
  const { status, stdout } = spawnSync(process.execPath, [scratch('map.mjs')], { encoding: 'utf8', timeout: 20_000 });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '40\n' });
});

test.skipIf(!peerPython)("maps are as trustworthy as scikit-learn's (skipped without CONVAE_PEER_PYTHON)", () => {
  writeFileSync(scratch('points.f32'), digits);
  writeFileSync(scratch('map.f32'), map);
  const program = `
import numpy as np, sys
from sklearn.manifold import TSNE, trustworthiness
x = np.fromfile(sys.argv[1], np.float32).reshape(-1, 49)
ours = np.fromfile(sys.argv[2], np.float32).reshape(-1, 2)
theirs = [TSNE(init=init, perplexity=30, random_state=seed, n_jobs=1).fit_transform(x)
          for init, seed in (('pca', 0), ('random', 0), ('random', 1), ('random', 2))]
print(*(trustworthiness(x, m, n_neighbors=12) for m in (ours, *theirs)))`;
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const output = execFileSync(peerPython ?? '', ['-c', program, scratch('points.f32'), scratch('map.f32')], {
    env,
    encoding: 'utf8',
  });
  const [ours = 0, ...theirs] = output.split(' ').map(Number);
  console.log(
    `trustworthiness ${ours.toFixed(4)}, scikit-learn's ${theirs.map((value) => value.toFixed(4)).join(', ')}`,
  );
  // scikit-learn's own maps differ by 0.01 between seeds and between processors.
  expect(theirs).toHaveLength(4);
  expect(ours).toBeGreaterThan(Math.min(...theirs) - 0.005);
});

test('UMAP keeps neighbours, gives equal bytes for equal input, and can be interrupted', async () => {
  const ticks: number[] = [];
  const map = await umap(digits, 49, { tick: (done) => void ticks.push(done) });
  expect(map).toHaveLength(1000);
  expect([ticks[0], ticks.at(-1)]).toEqual([0, 500]);
  expect(await trustworthiness(digits, 49, map, 12)).toBeGreaterThan(0.9);
  const few = digits.slice(0, 60 * 49);
  expect(await umap(few, 49)).toEqual(await umap(few, 49));
  const stop = (done: number) => {
    if (done > 0) throw new Error('enough');
  };
  await expect(umap(digits, 49, { tick: stop })).rejects.toThrow('enough');
  expect(await umap(digits.slice(0, 4 * 49), 49, { neighbours: 20 })).toHaveLength(8);
  await expect(umap(digits.slice(0, 3 * 49), 49)).rejects.toThrow(RangeError);
});
