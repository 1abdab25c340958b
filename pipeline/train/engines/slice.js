// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import koffi from 'koffi';

/** @import { Control, Stages, TeamSetup } from './slice-team.ts' */

/** Places in the numbers that all threads share. */
export const [COMMANDS, COMMAND] = [0, 1];
const ARRIVED = 2;

/** One of the threads that a step is shared among: the phases of its slices. */
export class Slice {
  /** @type {Control} */
  #control;
  /** @type {TeamSetup['failures']} */
  #failures;
  /** @type {Stages} */
  #stages;
  /** @type {number} */
  #thread;
  /** @type {(...pointers: readonly bigint[]) => bigint | null} */
  #run;
  /** Arrivals after which all threads have come. */
  #expected = 0;

  /** @param {TeamSetup} setup @param {Stages} stages @param {number} thread its place among those of the team */
  constructor({ control, failures, library, run }, stages, thread) {
    this.#control = control;
    this.#failures = failures;
    this.#stages = stages;
    this.#thread = thread;
    koffi.load(library); // in a thread that has loaded no library koffi cannot call a function
    this.#run = koffi.decode(run, koffi.proto('void *', ['void *', 'void *', 'void *']));
  }

  /**
   * Runs all stages; after each, waits for the other threads. Writes down the status of what fails instead of throwing: the
   * others would wait forever.
   * @param {0 | 1} side which of the two buffers of the state is read; the other one is written
   */
  run(side) {
    /** @type {bigint | null} */
    let failure = null;
    for (const phases of this.#stages) {
      for (const { session, options, bindings } of phases) failure ??= this.#run(session, options, bindings[side]);
      this.#failures[this.#thread] = failure ?? 0n;
      this.#meet();
    }
  }

  /** Returns when all threads have called it. The count may overflow. */
  #meet() {
    this.#expected = (this.#expected + this.#failures.length) | 0;
    const arrived = (Atomics.add(this.#control, ARRIVED, 1) + 1) | 0;
    if (arrived === this.#expected) Atomics.notify(this.#control, ARRIVED);
    for (let now = arrived; ((now - this.#expected) | 0) < 0; now = Atomics.load(this.#control, ARRIVED)) {
      Atomics.wait(this.#control, ARRIVED, now);
    }
  }
}
