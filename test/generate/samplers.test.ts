import { expect, test } from 'vitest';
import { sampleMixture } from '../../pipeline/analyse/gaussian-mixture.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { interpolate, planSamples, priorLatents, samplerOf } from '../../pipeline/generate/samplers.ts';
import { openExported } from '../../pipeline/inference/exported.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';
import { exportSampled, tinyMixture } from './support.ts';

const scratch = scratchFolder();
const generator = (seed = 0) => Generator.of(seed, 'test');
const { card: plainCard } = await openExported(await exportSampled(scratch('plain')));
const mixtureLatents = samplerOf(plainCard, 'plain', 'mixture');

/** Mean and covariance of rows of two numbers. */
function momentsOf(rows: readonly (readonly [number, number])[]) {
  const mean = (of: (row: readonly [number, number]) => number) =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const [x, y] = [mean((row) => row[0]), mean((row) => row[1])];
  const covariance = [
    mean((row) => (row[0] - x) ** 2),
    mean((row) => (row[0] - x) * (row[1] - y)),
    mean((row) => (row[1] - y) ** 2),
  ];
  return { mean: [x, y], covariance };
}

const pairs = (latents: Float32Array): [number, number][] =>
  Array.from({ length: latents.length / 2 }, (_, i) => [
    latents[2 * i] ?? Number.NaN,
    latents[2 * i + 1] ?? Number.NaN,
  ]);

function expectNear(got: readonly number[], expected: readonly number[], within: number): void {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of got.entries()) expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThan(within);
}

test('the prior is N(0, I)', () => {
  const { mean, covariance } = momentsOf(pairs(priorLatents(2, 40_000, generator())));
  expectNear(mean, [0, 0], 4 / Math.sqrt(40_000));
  expectNear(covariance, [1, 0, 1], 4 * Math.sqrt(2 / 40_000));
});

test('a mixture gives each component its share, around its mean, with its covariance', () => {
  const latents = pairs(mixtureLatents(40_000, generator()));
  const [first, second] = [latents.filter(([x]) => x < 2), latents.filter(([x]) => x >= 2)];
  expect(Math.abs(first.length / 40_000 - 0.25)).toBeLessThan(4 * Math.sqrt((0.25 * 0.75) / 40_000));
  const [a, b] = [momentsOf(first), momentsOf(second)];
  expectNear(a.mean, [-6, 2], 4 * Math.sqrt(4.25 / 10_000));
  expectNear(a.covariance, [1, 0.5, 4.25], 4 * 4.25 * Math.sqrt(2 / 10_000)); // L Lᵀ of L = [1 0; 0.5 2]
  expectNear(b.mean, [8, -4], 4 * Math.sqrt(1.0625 / 30_000));
  expectNear(b.covariance, [0.25, -0.5, 1.0625], 4 * 1.0625 * Math.sqrt(2 / 30_000)); // of L = [0.5 0; -1 0.25]
});

test('the same seed draws the same latents, and more of them begin with the same', () => {
  for (const draw of [
    (count: number, seed: number) => priorLatents(2, count, generator(seed)),
    (count: number, seed: number) => mixtureLatents(count, generator(seed)),
  ]) {
    expect(draw(50, 3)).toEqual(draw(50, 3));
    expect(draw(50, 3).subarray(0, 20)).toEqual(draw(10, 3));
    expect(draw(50, 4)).not.toEqual(draw(50, 3));
  }
});

test('more images than fit into memory are refused', async () => {
  for (const sampler of ['mixture', 'interpolation'] as const) {
    const refused = inputErrorOf((async () => planSamples(plainCard, 'plain', { n: 1e11, sampler, seed: 0 }))());
    expect(await refused).toMatch(/^--n 100000000000: /);
  }
});

test('an interpolation has equal steps from one latent to the other', () => {
  expect(interpolate(Float32Array.of(-1, 4, 0.3), Float32Array.of(1, 0, 0.3), 5)).toEqual(
    Float32Array.of(-1, 4, 0.3, -0.5, 3, 0.3, 0, 2, 0.3, 0.5, 1, 0.3, 1, 0, 0.3),
  );
  expect(interpolate(Float32Array.of(7, 8), Float32Array.of(1, 2), 1)).toEqual(Float32Array.of(7, 8));
});

test('variational models are sampled from their prior, others from the mixture in the card', async () => {
  const { card: vaeCard } = await openExported(await exportSampled(scratch('vae'), { variational: true }));
  const prior = priorLatents(2, 9, generator());
  const shared = generator();
  const rows = Array.from({ length: 9 }, () => sampleMixture({ ...tinyMixture, size: 2 }, 1, shared).rows);
  const mixture = Float32Array.from(rows.flatMap((row) => [...row]));
  expect(samplerOf(vaeCard, 'vae')(9, generator())).toEqual(prior);
  expect(samplerOf(vaeCard, 'vae', 'mixture')(9, generator())).toEqual(mixture);
  expect(samplerOf(plainCard, 'plain')(9, generator())).toEqual(mixture);
  expect(await inputErrorOf((async () => samplerOf(plainCard, 'plain', 'prior'))())).toMatch(
    /^--sampler prior: tiny is not .*--sampler mixture$/,
  );
  const { card: old } = await openExported(await exportTiny(scratch('old')));
  expect(await inputErrorOf((async () => samplerOf(old, 'old'))())).toMatch(
    /^old: its card has no mixture .*export the model again$/,
  );
});

test('rows of interpolations: steps between drawn latents, one class per row', async () => {
  const names = { conditional: { encoder: false, decoder: true }, classes: ['cat', 'dog', 'cow'] };
  const { card } = await openExported(await exportSampled(scratch('lines'), names));
  const { n, latents, labels, columns } = planSamples(card, 'lines', { n: 43, sampler: 'interpolation', seed: 5 });
  expect({ n, columns }).toEqual({ n: 43, columns: { of: 'steps', count: 10 } });
  expect(latents.length).toBe(2 * 43);
  expect([...(labels ?? [])]).toEqual(Array.from({ length: 43 }, (_, i) => Math.floor(i / 10) % 3));
  const points = pairs(latents);
  for (const row of [0, 1, 2, 3]) {
    const [first, last] = [points[10 * row], points[10 * row + 9]];
    for (let step = 1; step < 9; step++) {
      const between = [0, 1].map((d) => ((first?.[d] ?? 0) * (9 - step) + (last?.[d] ?? 0) * step) / 9);
      expectNear(points[10 * row + step] ?? [], between, 1e-5);
    }
    expect(first).not.toEqual(last);
  }
  const five = planSamples(card, 'lines', { n: 5, sampler: 'interpolation', seed: 5, class: 'cow' });
  expect([...(five.labels ?? [])]).toEqual([2, 2, 2, 2, 2]);
  expect(five.columns.count).toBe(5);
  expect(pairs(five.latents)[4]).toEqual(points[9]);
});

test('classes have a column each, and fewer images than classes only those of the first', async () => {
  const names = { conditional: { encoder: false, decoder: true }, classes: ['cat', 'dog', 'cow'] };
  const { card } = await openExported(await exportSampled(scratch('columns'), names));
  for (const [n, count] of [
    [7, 3],
    [2, 2],
  ] as const) {
    const { labels, columns } = planSamples(card, 'columns', { n, sampler: 'mixture', seed: 5 });
    expect(columns).toEqual({ of: 'classes', count });
    expect([...(labels ?? [])]).toEqual(Array.from({ length: n }, (_, i) => i % 3));
  }
});
