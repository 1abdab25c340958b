import { PCA } from 'ml-pca';
import * as scran from 'scran.js';
import { call } from 'scran.js/main/wasm.js';
import { Generator } from '../data/generator.ts';
import { checkPoints, nextTurn, withScran } from './scran-module.ts';

/** Standard deviation of the initial map along its first axis, and of the noise that separates equal points. */
const START_SPREAD = 1e-4;
const START_NOISE = 1e-6;
/** Two threads are no faster for thousands of points. */
const THREADS = 1;
/** Iterations between calls of `tick`. */
const STRIDE = 10;

export interface TsneOptions {
  /** Effective number of neighbours; 30 by default, fewer where there are fewer than 91 points. */
  readonly perplexity?: number | undefined;
  readonly iterations?: number | undefined;
  readonly seed?: number | undefined;
  /** Called before the first iteration and every few after it; its errors end the work. */
  readonly tick?: ((done: number, iterations: number) => void | Promise<void>) | undefined;
}

/**
 * t-SNE (Barnes–Hut, early exaggeration 12 for 250 iterations), initialized by the first two principal components like
 * scikit-learn's with `init="pca"`. Equal input and seed give equal results.
 * @param points `[n, size]`
 * @returns float32 `[n, 2]`
 * @throws RangeError when a value is not finite or there are fewer than 4 points
 */
export async function tsne(
  points: Float32Array,
  size: number,
  { perplexity = 30, iterations = 1000, seed = 0, tick = () => undefined }: TsneOptions = {},
): Promise<Float32Array> {
  const n = checkPoints('t-SNE', points, size);
  return withScran(THREADS, async () => {
    const start = startOf(points, size, seed);
    await tick(0, iterations);
    const effective = Math.min(perplexity, (n - 1) / 3);
    const index = scran.buildNeighborSearchIndex(points, { numberOfDims: size, numberOfCells: n, approximate: false });
    const k = Math.min(n - 1, scran.perplexityToNeighbors(effective));
    const neighbors = scran.findNearestNeighbors(index, k, { numberOfThreads: THREADS });
    // scran.js's wrapper of these calls starts from a random map; the module accepts any coordinates.
    const state = call((module) => module.initialize_tsne(neighbors.results, effective, THREADS));
    const coordinates = scran.createFloat64WasmArray(2 * n);
    coordinates.array().set(start);
    for (let done = 0; done < iterations; ) {
      done = Math.min(iterations, done + STRIDE);
      call((module) => module.run_tsne(state, -1, done, coordinates.offset));
      await nextTurn();
      await tick(done, iterations);
    }
    return Float32Array.from(coordinates.array());
  });
}

/** The initial map: the first two principal components, scaled down, float64 `[n, 2]`. */
function startOf(points: Float32Array, size: number, seed: number): Float64Array {
  const n = points.length / size;
  const rows = Array.from({ length: n }, (_, i) => [...points.subarray(i * size, (i + 1) * size)]);
  const components = new PCA(rows, { method: 'covarianceMatrix' }).predict(rows, { nComponents: Math.min(2, size) });
  let squares = 0;
  for (let i = 0; i < n; i++) squares += components.get(i, 0) ** 2;
  const scale = squares > 0 ? START_SPREAD / Math.sqrt(squares / n) : 0;
  const start = new Float32Array(2 * n);
  Generator.of(seed, 't-SNE').fillNormal(start);
  return Float64Array.from(start, (noise, i) => {
    const component = i % 2 < components.columns ? components.get(i >> 1, i % 2) : 0;
    return scale * component + START_NOISE * noise;
  });
}
