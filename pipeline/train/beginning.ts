import { noSums } from '../artifacts/metrics.ts';
import type { RunPosition } from '../artifacts/run.ts';
import { Generator } from '../data/generator.ts';

/** The position of a new run. */
export const beginning = (seed: number): RunPosition => ({
  epoch: 0,
  batches: 0,
  step: 0,
  order: Generator.of(seed, 'order').state,
  noise: Generator.of(seed, 'noise').state,
  epochSums: noSums,
  windowSums: noSums,
  metrics: null,
  best: null,
  metricsLines: 0,
});
