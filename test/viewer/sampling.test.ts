import { describe, expect, it } from 'vitest';
import {
  distributions,
  mixtureLatents,
  priorLatents,
  randomLatents,
  seeded,
} from '../../web-viewer/src/state/sampling.ts';

const statistics = { over: 'test' as const, images: 5, mean: [1, -2], std: [0.5, 3], min: [0, -9], max: [2, 9] };
const mixture = {
  over: 'train' as const,
  codes: 5,
  logLikelihood: 0,
  weights: [0.25, 0.75],
  means: [
    [10, 0],
    [-10, 5],
  ],
  factors: [
    [1, 0.8, 0.6],
    [2, -1, 0.5],
  ],
};
const card = (variational: boolean, withMixture: boolean) => ({
  model: { name: 'x', summary: '', error: 'mean squared error' as const, variational },
  latent: { size: 2, statistics, ...(withMixture && { mixture }) },
});

function column(latents: Float32Array, size: number, at: number): number[] {
  return Array.from({ length: latents.length / size }, (_, row) => latents[row * size + at] as number);
}
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
const covariance = (a: readonly number[], b: readonly number[]) =>
  mean(a.map((value, i) => value * (b[i] as number))) - mean(a) * mean(b);

describe('the seeded random generator', () => {
  it('is sfc32', () => {
    // Its published step, in BigInt.
    const [seed, rounds] = [123_456, 40];
    let state = [BigInt(seed), 0n, 0x9e3779b9n, 1n] as [bigint, bigint, bigint, bigint];
    const cut = (value: bigint) => value & 0xffffffffn;
    const expected: number[] = [];
    for (let i = 0; i < rounds; i++) {
      const [a, b, c, counter] = state;
      const sum = cut(a + b + counter);
      state = [b ^ (b >> 9n), cut(c + (c << 3n)), cut(cut((c << 21n) | (c >> 11n)) + sum), counter + 1n];
      expected.push(Number(sum) / 2 ** 32);
    }
    const random = seeded(seed);
    expect(Array.from({ length: rounds - 16 }, () => random.uniform())).toEqual(expected.slice(16));
  });

  it('is reproducible by seed, and uncorrelated between seeds', () => {
    expect(priorLatents(7, 3, 5)).toEqual(priorLatents(7, 3, 5));
    const [one, two] = [1, 2].map((seed) => [...priorLatents(20_000, 1, seed)]) as [number[], number[]];
    expect(Math.abs(covariance(one, two))).toBeLessThan(0.03);
    expect(priorLatents(4, 2, 2 ** 32 + 1)).not.toEqual(priorLatents(4, 2, 1));
  });

  it('keeps the first latents when more are drawn', () => {
    expect(priorLatents(3, 4, 9)).toEqual(priorLatents(10, 4, 9).subarray(0, 12));
  });
});

describe('the prior', () => {
  it('has the moments and quantiles of N(0, I)', () => {
    const latents = priorLatents(50_000, 2, 1);
    const [x, y] = [column(latents, 2, 0), column(latents, 2, 1)];
    for (const values of [x, y]) {
      expect(Math.abs(mean(values))).toBeLessThan(0.02);
      expect(covariance(values, values)).toBeCloseTo(1, 1);
      expect(mean(values.map((v) => v ** 4))).toBeCloseTo(3, 0);
      expect(mean(values.map((v) => Number(v < 1)))).toBeCloseTo(0.8413, 2);
      expect(mean(values.map((v) => Number(v < -1.96)))).toBeCloseTo(0.025, 2);
    }
    expect(Math.abs(covariance(x, y))).toBeLessThan(0.02);
  });
});

describe('the mixture', () => {
  it('has its components’ weights, means and covariances', () => {
    const latents = mixtureLatents(card(false, true), 40_000, 3);
    const rows = Array.from({ length: 40_000 }, (_, row) => latents.subarray(2 * row, 2 * row + 2));
    const parts = [rows.filter((row) => (row[0] as number) > 0), rows.filter((row) => (row[0] as number) <= 0)];
    parts.forEach((part, k) => {
      expect(part.length / rows.length).toBeCloseTo(mixture.weights[k] as number, 1);
      const [x, y] = [part.map((row) => row[0] as number), part.map((row) => row[1] as number)];
      const [a, b, c] = mixture.factors[k] as [number, number, number];
      expect(mean(x)).toBeCloseTo(mixture.means[k]?.[0] as number, 1);
      expect(mean(y)).toBeCloseTo(mixture.means[k]?.[1] as number, 1);
      expect(covariance(x, x) / a ** 2).toBeCloseTo(1, 1);
      expect(covariance(x, y) / (a * b)).toBeCloseTo(1, 1);
      expect(covariance(y, y) / (b ** 2 + c ** 2)).toBeCloseTo(1, 1);
    });
  });

  it('is rejected where it does not match the latent size', () => {
    expect(() => mixtureLatents(card(false, false), 1, 1)).toThrow('no mixture');
    const damaged = card(false, true);
    const latent = { ...damaged.latent, mixture: { ...mixture, factors: [[1], [1]] } };
    expect(() => mixtureLatents({ latent }, 1, 1)).toThrow('not one of 2 dimensions');
  });
});

describe('random latents of a model', () => {
  it('come from the prior, else the mixture, else its statistics', () => {
    expect(distributions(card(true, true))).toEqual(['prior', 'mixture']);
    expect(randomLatents(card(true, true), 9, 4)).toEqual(priorLatents(9, 2, 4));
    expect(randomLatents(card(true, true), 9, 4, 'mixture')).toEqual(mixtureLatents(card(true, true), 9, 4));
    expect(distributions(card(false, true))).toEqual(['mixture']);
    expect(randomLatents(card(false, true), 9, 4)).toEqual(mixtureLatents(card(false, true), 9, 4));
    expect(distributions(card(false, false))).toEqual(['statistics']);
    const latents = randomLatents(card(false, false), 20_000, 4);
    expect(mean(column(latents, 2, 1))).toBeCloseTo(-2, 0);
    expect(Math.sqrt(covariance(column(latents, 2, 1), column(latents, 2, 1)))).toBeCloseTo(3, 0);
    expect(Math.sqrt(covariance(column(latents, 2, 0), column(latents, 2, 0)))).toBeCloseTo(0.5, 1);
  });
});
