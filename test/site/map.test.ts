import { expect, test } from 'vitest';
import { Generator } from '../../pipeline/data/generator.ts';
import { tsne } from '../../pipeline/pictures/tsne.ts';
import { mapOf } from '../../pipeline/site/map.ts';

/** Normal numbers, `[n, size]`, the dimensions after the first `wide` much narrower. */
function codes(n: number, size: number, wide = size): Float32Array {
  const numbers = new Float32Array(n * size);
  Generator.of(1, 'codes').fillNormal(numbers);
  return numbers.map((value, i) => (i % size < wide ? value : value * 1e-3));
}

const distance = (rows: Float32Array, size: number, a: number, b: number) =>
  Math.hypot(...Array.from({ length: size }, (_, d) => (rows[a * size + d] ?? 0) - (rows[b * size + d] ?? 0)));

test('codes of two numbers are the map', async () => {
  const latents = codes(50, 2);
  expect(await mapOf(latents, 2)).toEqual({ points: latents, method: 'codes', perplexity: null });
});

test('longer codes are laid out by t-SNE with perplexity 30, or what so few points allow', async () => {
  const latents = codes(120, 5);
  const shares: number[] = [];
  const map = await mapOf(latents, 5, (share) => shares.push(share));
  expect(map).toMatchObject({ method: 't-SNE', perplexity: 30 });
  expect(map.points).toEqual(await tsne(latents, 5));
  expect(shares).toEqual([...shares].sort((a, b) => a - b));
  expect([shares[0], shares.at(-1)]).toEqual([0, 1]);
  expect((await mapOf(codes(31, 5), 5)).perplexity).toBe(10);
});

test('very long codes are brought to their principal components before', async () => {
  // Two groups that a single direction tells apart, among 300 that say nothing.
  const [n, size] = [80, 300];
  const latents = codes(n, size, 0).map((value, i) => value + (i % size === 7 && i >= (n / 2) * size ? 5 : 0));
  const { points, method } = await mapOf(latents, size);
  expect(method).toBe('t-SNE');
  expect(points).toHaveLength(2 * n);
  const nearest = Array.from({ length: n }, (_, a) =>
    Array.from({ length: n }, (_, b) => b)
      .filter((b) => b !== a)
      .reduce((best, b) => (distance(points, 2, a, b) < distance(points, 2, a, best) ? b : best)),
  );
  expect(nearest.filter((b, a) => b < n / 2 === a < n / 2)).toHaveLength(n);
});

test('codes of one number lie on a line, in their own distances', async () => {
  const latents = codes(40, 1);
  const { points, method } = await mapOf(latents, 1);
  expect(method).toBe('PCA');
  for (let i = 1; i < 40; i++) {
    expect(points[2 * i + 1]).toBe(0);
    expect(distance(points, 2, 0, i)).toBeCloseTo(distance(latents, 1, 0, i), 5);
  }
});

test.each([1, 2, 3])('too few points for t-SNE: %i', async (n) => {
  const latents = codes(n, 4);
  const { points, method } = await mapOf(latents, 4);
  expect([method, points.length]).toEqual(['PCA', 2 * n]);
  for (let i = 1; i < n; i++) {
    // Three points lie in a plane, which their two components are.
    expect(distance(points, 2, 0, i)).toBeCloseTo(distance(latents, 4, 0, i), 4);
  }
});
