import * as scran from 'scran.js';

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs work with the module of scran.js. There is one in a process, which is ended after each work, so works run one at a time.
 * @param prepare awaited before the module is loaded
 */
export function withScran<T>(threads: number, prepare: () => void | Promise<void>, work: () => Promise<T>): Promise<T> {
  const next = last.then(async () => {
    await prepare();
    await scran.initialize({ numberOfThreads: threads });
    try {
      return await work();
    } finally {
      scran.terminate(); // frees its workers and all its memory
    }
  });
  last = next.catch(() => undefined);
  return next;
}
