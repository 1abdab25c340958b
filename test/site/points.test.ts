import { expect, test } from 'vitest';
import { Generator } from '../../pipeline/data/generator.ts';
import { tsne } from '../../pipeline/pictures/tsne.ts';
import { umap } from '../../pipeline/pictures/umap.ts';
import { mapOf, methodsFor } from '../../pipeline/site/points.ts';

/** Normal latents `[n, size]`; dimensions after the first `wide` vary much less. */
function latentsOf(n: number, size: number, wide = size): Float32Array {
  const numbers = new Float32Array(n * size);
  Generator.of(1, 'latents').fillNormal(numbers);
  return numbers.map((value, i) => (i % size < wide ? value : value * 1e-3));
}

const distance = (rows: Float32Array, size: number, a: number, b: number) =>
  Math.hypot(...Array.from({ length: size }, (_, d) => (rows[a * size + d] ?? 0) - (rows[b * size + d] ?? 0)));

test('two-dimensional latents are the map; few or one-dimensional ones are projected', async () => {
  const latents = latentsOf(50, 2);
  expect(methodsFor(50, 2)).toEqual(['codes']);
  expect(await mapOf(latents, 2, 'codes')).toEqual(latents);
  expect([methodsFor(50, 1), methodsFor(3, 5)]).toEqual([['PCA'], ['PCA']]);
  expect(methodsFor(50, 5)).toEqual(['t-SNE', 'UMAP', 'PCA']);
  expect(methodsFor(50, 5, ['PCA'])).toEqual(['PCA']);
});

test('latents of more dimensions are mapped by t-SNE with perplexity 30, or by UMAP', async () => {
  const latents = latentsOf(120, 5);
  for (const [method, reference] of [['t-SNE', tsne] as const, ['UMAP', umap] as const]) {
    const shares: number[] = [];
    const map = await mapOf(latents, 5, method, (share) => shares.push(share));
    expect(map).toEqual(await reference(latents, 5));
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
  }
});

test('high-dimensional latents are projected on their principal components before t-SNE', async () => {
  // One of 300 dimensions separates two groups; the others carry no information.
  const [n, size] = [80, 300];
  const latents = latentsOf(n, size, 0).map((value, i) => value + (i % size === 7 && i >= (n / 2) * size ? 5 : 0));
  const points = await mapOf(latents, size, 't-SNE');
  expect(points).toHaveLength(2 * n);
  const nearest = Array.from({ length: n }, (_, a) =>
    Array.from({ length: n }, (_, b) => b)
      .filter((b) => b !== a)
      .reduce((best, b) => (distance(points, 2, a, b) < distance(points, 2, a, best) ? b : best)),
  );
  expect(nearest.filter((b, a) => b < n / 2 === a < n / 2)).toHaveLength(n);
});

test('one-dimensional latents keep their distances, on a line', async () => {
  const latents = latentsOf(40, 1);
  const points = await mapOf(latents, 1, 'PCA');
  for (let i = 1; i < 40; i++) {
    expect(points[2 * i + 1]).toBe(0);
    expect(distance(points, 2, 0, i)).toBeCloseTo(distance(latents, 1, 0, i), 5);
  }
});

test.each([1, 2, 3])('too few points for t-SNE keep their distances: %i', async (n) => {
  const latents = latentsOf(n, 4);
  const points = await mapOf(latents, 4, 'PCA');
  expect(points).toHaveLength(2 * n);
  for (let i = 1; i < n; i++) {
    // Three points are in a plane, which two components span.
    expect(distance(points, 2, 0, i)).toBeCloseTo(distance(latents, 4, 0, i), 4);
  }
});
