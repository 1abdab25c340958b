import { setImmediate as nextTurn } from 'node:timers/promises';
import * as scran from 'scran.js';
import { defaultThreads } from '../devices/device.ts';
import { withScran } from './scran-module.ts';

/** Milliseconds between calls of `tick`. */
const STRIDE = 200;

export interface UmapOptions {
  /** Neighbours of each point, 15 by default; fewer where there are fewer points. */
  readonly neighbours?: number | undefined;
  /** How close points of the map may be; 0.01 by default. */
  readonly minDistance?: number | undefined;
  /** 500 by default. */
  readonly epochs?: number | undefined;
  /** Called with the share done; its errors end the work. */
  readonly tick?: ((share: number) => void) | undefined;
}

/**
 * UMAP in the plane (McInnes, Healy & Melville 2018), started from the spectrum of the neighbours' graph. Equal input gives
 * equal results, for any number of threads; another order of the points gives another map.
 * @param points `[n, size]`
 * @returns float32 `[n, 2]`
 * @throws RangeError when a value is not finite or there are fewer than 4 points
 */
export function umap(points: Float32Array, size: number, options: UmapOptions = {}): Promise<Float32Array> {
  const { neighbours = 15, minDistance = 0.01, epochs = 500, tick = () => undefined } = options;
  const n = points.length / size;
  if (!Number.isInteger(n) || n < 4) {
    throw new RangeError(`UMAP of ${points.length} numbers: not 4 or more points of ${size}`);
  }
  if (!points.every(Number.isFinite)) throw new RangeError('UMAP of numbers that are not all finite');
  const threads = defaultThreads();
  return withScran(
    threads,
    () => tick(0),
    async () => {
      const index = scran.buildNeighborSearchIndex(points, {
        numberOfDims: size,
        numberOfCells: n,
        approximate: false,
      });
      const k = Math.min(n - 1, neighbours);
      const found = scran.findNearestNeighbors(index, k, { numberOfThreads: threads });
      await nextTurn();
      tick(0.2);
      const state = scran.initializeUmap(found, {
        neighbors: k,
        epochs,
        minDist: minDistance,
        numberOfThreads: threads,
      });
      while (state.currentEpoch() < state.totalEpochs()) {
        state.run({ runTime: STRIDE });
        await nextTurn(); // lets the event loop handle signals and timers
        tick(0.2 + (0.8 * state.currentEpoch()) / state.totalEpochs());
      }
      const { x, y } = state.extractCoordinates();
      return Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 ? y : x)[i >> 1] as number);
    },
  );
}
