import { setImmediate } from 'node:timers/promises';
import * as scran from 'scran.js';

/** Lets the event loop handle signals and timers. */
export const nextTurn = (): Promise<void> => setImmediate();

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs work with scran.js. It has one module in a process, which is ended after the work to free its memory, so works run one
 * at a time.
 */
export function withScran<T>(threads: number, work: () => Promise<T>): Promise<T> {
  const result = last.then(async () => {
    await scran.initialize({ numberOfThreads: threads });
    try {
      return await work();
    } finally {
      scran.terminate(); // frees its workers and all its memory
    }
  });
  last = result.catch(() => undefined);
  return result;
}

/**
 * The number of points `[n, size]`.
 * @throws RangeError when a value is not finite or there are fewer than 4 points
 */
export function checkPoints(method: string, points: Float32Array, size: number): number {
  const n = points.length / size;
  if (!Number.isInteger(n) || n < 4) {
    throw new RangeError(`${method} of ${points.length} numbers: not 4 or more points of ${size}`);
  }
  if (!points.every(Number.isFinite)) throw new RangeError(`${method} of numbers that are not all finite`);
  return n;
}
