import * as scran from 'scran.js';
import { defaultThreads } from '../devices/device.ts';
import { checkPoints, nextTurn, withScran } from './scran-module.ts';

/** Milliseconds between calls of `tick`. */
const SLICE = 100;
/** From this many points on, neighbours may be approximate and epochs are fewer, as in umap-learn. */
const MANY = { neighbours: 4096, epochs: 10_000 };

export interface UmapOptions {
  /** 15 by default; fewer where there are not as many points. */
  readonly neighbours?: number | undefined;
  /** Smallest distance between points of the map; 0.1 by default. */
  readonly minDistance?: number | undefined;
  /** By default 500, or 200 of more than 10,000 points. */
  readonly epochs?: number | undefined;
  /** Finds the neighbours of more than 4,096 points exactly too, which takes longer. */
  readonly exact?: boolean | undefined;
  /** Called before the first epoch and now and then after it; its errors end the work. */
  readonly tick?: ((done: number, epochs: number) => void | Promise<void>) | undefined;
}

/**
 * UMAP (McInnes, Healy and Melville 2018) to two dimensions, by default as umap-learn does it, started from the spectrum of the
 * neighbours' graph. Equal input gives equal results, for any number of threads; another order of the points gives another map.
 * @param points `[n, size]`
 * @returns float32 `[n, 2]`
 * @throws RangeError when a value is not finite or there are fewer than 4 points
 */
export async function umap(points: Float32Array, size: number, options: UmapOptions = {}): Promise<Float32Array> {
  const n = checkPoints('UMAP', points, size);
  const { neighbours = 15, minDistance = 0.1, exact = false, tick = () => undefined } = options;
  const { epochs = n > MANY.epochs ? 200 : 500 } = options;
  const threads = defaultThreads();
  return withScran(threads, async () => {
    await tick(0, epochs);
    const approximate = !exact && n > MANY.neighbours;
    const index = scran.buildNeighborSearchIndex(points, { numberOfDims: size, numberOfCells: n, approximate });
    const k = Math.min(n - 1, neighbours);
    const found = scran.findNearestNeighbors(index, k, { numberOfThreads: threads });
    await nextTurn();
    const state = scran.initializeUmap(found, { neighbors: k, epochs, minDist: minDistance, numberOfThreads: threads });
    while (state.currentEpoch() < epochs) {
      state.run({ runTime: SLICE });
      await nextTurn();
      await tick(state.currentEpoch(), epochs);
    }
    const { x, y } = state.extractCoordinates();
    return Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? y : x)[i >> 1] as number);
  });
}
