import { expect, test } from 'vitest';
import {
  activeUnits,
  importanceSampling,
  klDivergence,
  normalLogDensity,
  standardNormalLogDensity,
} from '../../pipeline/analyse/vae.ts';
import { peerPython } from '../data/support.ts';
import { gap, needsPeer, normals, peerScript } from './support.ts';

const peer = peerScript();

test('divergence by hand, and of posteriors close to the prior', () => {
  const { perDimension, total } = klDivergence(Float32Array.of(1, 0, 3, 0), Float32Array.of(0, Math.log(4), 0, 0), 2);
  expect(perDimension[0]).toBeCloseTo((0.5 + 4.5) / 2, 7);
  expect(perDimension[1]).toBeCloseTo((3 - Math.log(4)) / 4, 7);
  expect(total).toBeCloseTo(2.5 + (3 - Math.log(4)) / 4, 7);
  const near = klDivergence(Float32Array.of(0), Float32Array.of(2 ** -20), 1); // logvar² / 4 to first order
  expect(near.total / 2 ** -42).toBeCloseTo(1, 5);
  expect(() => klDivergence(new Float32Array(4), new Float32Array(2), 2)).toThrow(/4 numbers.*\b2\b/);
});

test('active units are those whose mean varies by more than 0.01', () => {
  const { variances, active } = activeUnits(Float32Array.of(0.11, 0.09, 5, -0.11, -0.09, 5), 3);
  expect(gap(variances, [0.0121, 0.0081, 0])).toBeLessThan(1e-8);
  expect(active).toBe(1);
  expect(activeUnits(Float32Array.of(0.11, 0.09, 5, -0.11, -0.09, 5), 3, 0.005).active).toBe(2);
});

test('log densities by hand', () => {
  const half = Math.log(2 * Math.PI) / 2;
  expect(gap(standardNormalLogDensity(Float32Array.of(0, 0, 1, 2), 2), [-2 * half, -2 * half - 2.5])).toBeLessThan(
    1e-12,
  );
  const [z, mu, logvar] = [Float32Array.of(3, -1), Float32Array.of(1, -1), Float32Array.of(0, 2)];
  expect(gap(normalLogDensity(z, mu, logvar, 2), [-2 * half - 2 - 1])).toBeLessThan(1e-12);
});

/** Samples of z for x = z + noise, both standard normal: p(x) is N(0, 2), the posterior N(x / 2, 1 / 2). */
function linearModel(xs: Float32Array, variance: number, samples: number) {
  const sampling = importanceSampling(xs.length);
  const mu = xs.map((x) => x / 2);
  const logvar = new Float32Array(xs.length).fill(Math.log(variance));
  for (let k = 0; k < samples; k++) {
    const z = normals(xs.length, k).map((e, i) => (mu[i] as number) + Math.sqrt(variance) * e);
    sampling.add({
      likelihood: normalLogDensity(xs, z, new Float32Array(xs.length), 1),
      prior: standardNormalLogDensity(z, 1),
      posterior: normalLogDensity(z, mu, logvar, 1),
    });
  }
  return { sampling, truth: Float64Array.from(xs, (x) => -(x ** 2 / 2 + Math.log(4 * Math.PI)) / 2) };
}

test('with the exact posterior a single sample is exact', () => {
  const { sampling, truth } = linearModel(Float32Array.of(-2, 0, 1, 30), 0.5, 1);
  expect(gap(sampling.logLikelihoods(), truth)).toBeLessThan(1e-4);
  expect(gap(sampling.lowerBounds(), truth)).toBeLessThan(1e-4);
});

test('samples of another posterior approach the truth; its lower bound is off by the divergence', () => {
  const { sampling, truth } = linearModel(Float32Array.of(-2, 0, 1, 3), 0.8, 4000);
  expect(sampling.samples).toBe(4000);
  expect(gap(sampling.logLikelihoods(), truth)).toBeLessThan(0.03);
  const divergence = (0.8 / 0.5 - 1 - Math.log(0.8 / 0.5)) / 2;
  expect(
    gap(
      sampling.lowerBounds(),
      truth.map((log) => log - divergence),
    ),
  ).toBeLessThan(0.03);
});

test('weights beyond the exponential’s range, and impossible samples, are handled', () => {
  const sampling = importanceSampling(3);
  const zeros = [0, 0, 0];
  const add = (...likelihood: number[]) => sampling.add({ likelihood, prior: zeros, posterior: zeros });
  add(-5000, 9000, Number.NEGATIVE_INFINITY);
  add(-5000 + Math.log(3), 8000, Number.NEGATIVE_INFINITY);
  add(Number.NEGATIVE_INFINITY, 9000, 2);
  add(-9000, -9000, 2);
  expect(gap(sampling.logLikelihoods(), [-5000, 9000 + Math.log(2 / 4), 2 + Math.log(2 / 4)])).toBeLessThan(1e-9);
  expect(() => add(1, 2)).toThrow('2 logs of 3 images');
  expect(() => add(1, Number.NaN, 2)).toThrow('image 1');
});

test.runIf(peerPython)(`scipy and numpy agree ${needsPeer}`, () => {
  const [n, size, samples] = [50, 5, 60];
  const [mu, logvar] = [normals(n * size, 1), normals(n * size, 2).map((value) => value - 1)];
  const z = normals(samples * n * size, 3).map((value) => 2 * value);
  const likelihood = normals(samples * n, 4).map((value) => -90 + 30 * value);
  const sampling = importanceSampling(n);
  for (let k = 0; k < samples; k++) {
    const one = z.subarray(k * n * size, (k + 1) * n * size);
    sampling.add({
      likelihood: likelihood.subarray(k * n, (k + 1) * n),
      prior: standardNormalLogDensity(one, size),
      posterior: normalLogDensity(one, mu, logvar, size),
    });
  }
  const theirs = peer<{ kl: number[]; variances: number[]; logs: number[] }>(
    `
from scipy.special import logsumexp
from scipy.stats import norm
mu, logvar = (given[name].reshape(${n}, ${size}).astype(float) for name in ('mu', 'logvar'))
z, likelihood = given['z'].reshape(${samples}, ${n}, ${size}).astype(float), given['likelihood'].reshape(${samples}, ${n}).astype(float)
weights = likelihood + norm.logpdf(z).sum(2) - norm.logpdf(z, mu, np.exp(logvar / 2)).sum(2)
grid = np.linspace(-30, 30, 6001)[:, None, None]
posterior, prior = norm.logpdf(grid, mu, np.exp(logvar / 2)), norm.logpdf(grid)
kl = (np.exp(posterior) * (posterior - prior)).sum(0).mean(0) * 0.01
print(json.dumps(dict(kl=kl.tolist(), variances=mu.var(0).tolist(), logs=(logsumexp(weights, 0) - np.log(${samples})).tolist())))`,
    { mu, logvar, z, likelihood },
  );
  expect(gap(klDivergence(mu, logvar, size).perDimension, theirs.kl)).toBeLessThan(1e-9);
  expect(gap(activeUnits(mu, size).variances, theirs.variances)).toBeLessThan(1e-9);
  expect(gap(sampling.logLikelihoods(), theirs.logs)).toBeLessThan(1e-8);
});
