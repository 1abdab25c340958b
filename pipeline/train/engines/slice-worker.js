// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { parentPort, workerData } from 'node:worker_threads';
import { COMMAND, COMMANDS, Slice } from './slice.js';

/**
 * A thread that runs its slices whenever it is told the side, until it is told another number. It posts a message when it has
 * started.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { Stages, TeamSetup } from './slice-team.ts'
 */

const port = /** @type {MessagePort} */ (parentPort);
const { setup, stages, thread } = /** @type {{ setup: TeamSetup, stages: Stages, thread: number }} */ (workerData);
const slice = new Slice(setup, stages, thread);
port.postMessage(null);
for (let done = 0; ; done = (done + 1) | 0) {
  Atomics.wait(setup.control, COMMANDS, done);
  const side = Atomics.load(setup.control, COMMAND);
  if (side !== 0 && side !== 1) break;
  slice.run(side);
}
