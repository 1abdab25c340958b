// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { parentPort, workerData } from 'node:worker_threads';
import { COMMAND, COMMANDS, Slice } from './slice.js';

/**
 * A thread that runs its slices whenever it is told the side, until it is told another number.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { SliceSetup } from './slice-team.ts'
 */

const port = /** @type {MessagePort} */ (parentPort);
const { control, threads, stages, options } = /** @type {SliceSetup} */ (workerData);
const slice = new Slice(control, threads);
port.postMessage(await failureOf(slice.open(stages, options)));
for (let done = 0; ; done = (done + 1) | 0) {
  Atomics.wait(control, COMMANDS, done);
  const side = Atomics.load(control, COMMAND);
  if (side > 1) break;
  const failure = await failureOf(slice.run(side));
  if (failure !== undefined) port.postMessage(failure);
}
await slice.release();

/** @param {Promise<void>} work */
function failureOf(work) {
  return work.then(
    () => undefined,
    (error) => (error instanceof Error ? error.message : String(error)),
  );
}
