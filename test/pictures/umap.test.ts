import { expect, test } from 'vitest';
import { tsne } from '../../pipeline/pictures/tsne.ts';
import { umap } from '../../pipeline/pictures/umap.ts';
import { blobs } from '../analyse/support.ts';

const { rows, labels } = blobs(200, 5, 2, 3);

test('groups stay apart, and equal input gives equal bytes beside another map', async () => {
  const ticks: number[] = [];
  const [map, again] = await Promise.all([
    umap(rows, 5, { neighbours: 10, minDistance: 0, tick: (done, all) => void ticks.push(done / all) }),
    umap(rows, 5, { neighbours: 10, minDistance: 0 }),
    tsne(rows.slice(0, 100), 5, { iterations: 20 }),
  ]);
  expect(map).toHaveLength(400);
  expect(again).toEqual(map);
  expect([ticks[0], ticks.at(-1)]).toEqual([0, 1]);
  const nearest = Array.from({ length: 200 }, (_, i) => {
    const distance = (j: number) =>
      Math.hypot((map[2 * i] ?? 0) - (map[2 * j] ?? 0), (map[2 * i + 1] ?? 0) - (map[2 * j + 1] ?? 0));
    return [...labels.keys()].filter((j) => j !== i).reduce((best, j) => (distance(j) < distance(best) ? j : best));
  });
  expect(nearest.filter((j, i) => labels[j] === labels[i]).length).toBeGreaterThan(195);
});

test('too few points and numbers that are not finite are refused', async () => {
  await expect(umap(new Float32Array(6), 2)).rejects.toThrow(RangeError);
  await expect(umap(Float32Array.from([Number.NaN, ...rows.slice(1)]), 5)).rejects.toThrow(RangeError);
});
