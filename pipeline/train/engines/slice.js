// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import koffi from 'koffi';
import ort from 'onnxruntime-node';

/**
 * @import { Control, Phase, SharedTensor } from './slice-team.ts'
 * @typedef {Record<string, ort.Tensor>} Tensors
 */

/** Places in the numbers that all threads share. */
export const [COMMANDS, COMMAND, FAILED] = [0, 1, 2];
const ARRIVED = 3;

/** One of the threads that a step is shared among: the phases of its slices, each with a session of its own. */
export class Slice {
  /** @type {Awaited<ReturnType<typeof opened>>[][]} */
  #stages = [];
  /** @type {Control} */
  #control;
  /** @type {number} */
  #threads;
  /** Arrivals after which all threads have come. */
  #expected = 0;

  /** @param {Control} control @param {number} threads that take part in a step */
  constructor(control, threads) {
    this.#control = control;
    this.#threads = threads;
  }

  /** @param {readonly (readonly Phase[])[]} stages @param {ort.InferenceSession.SessionOptions} options */
  async open(stages, options) {
    ort.env.logLevel = 'fatal'; // what fails is thrown as well
    for (const phases of stages) {
      /** @type {Awaited<ReturnType<typeof opened>>[]} */
      const stage = [];
      this.#stages.push(stage);
      for (const phase of phases) stage.push(await opened(phase, options));
    }
  }

  /**
   * Runs all stages; after each, waits for the other threads.
   * @param {number} side which of the two buffers of the state is read; the other one is written
   * @throws what a session throws, after the last stage: the others would wait forever
   */
  async run(side) {
    /** @type {unknown[]} */
    const failures = [];
    for (const stage of this.#stages) {
      for (const { session, sides } of stage) {
        const { feeds = {}, fetches = {} } = sides[side] ?? {};
        if (failures.length === 0) await session.run(feeds, fetches).catch((error) => failures.push(error));
      }
      if (failures.length > 0) Atomics.store(this.#control, FAILED, 1);
      this.#meet();
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Returns when all threads have called it. The count may overflow. */
  #meet() {
    this.#expected = (this.#expected + this.#threads) | 0;
    const arrived = (Atomics.add(this.#control, ARRIVED, 1) + 1) | 0;
    if (arrived === this.#expected) Atomics.notify(this.#control, ARRIVED);
    for (let now = arrived; ((now - this.#expected) | 0) < 0; now = Atomics.load(this.#control, ARRIVED)) {
      Atomics.wait(this.#control, ARRIVED, now);
    }
  }

  async release() {
    for (const { session } of this.#stages.flat()) await session.release();
  }
}

/** @param {Phase} phase @param {ort.InferenceSession.SessionOptions} options */
async function opened(phase, options) {
  const session = await ort.InferenceSession.create(phase.graph, options);
  const sides = [0, 1].map((side) => ({
    feeds: tensors(session.inputNames, phase.tensors, side),
    fetches: tensors(session.outputNames, phase.tensors, side),
  }));
  return { session, sides };
}

/** @type {(names: readonly string[], shared: Phase['tensors'], side: number) => Tensors} */
function tensors(names, shared, side) {
  return Object.fromEntries(
    names.map((name) => {
      const tensor = /** @type {SharedTensor} */ (shared[name]);
      return [name, new ort.Tensor(tensor.type, elements(tensor, side), tensor.dims)];
    }),
  );
}

/** @param {SharedTensor} tensor @param {number} side */
function elements({ type, dims, addresses }, side) {
  const length = dims.reduce((product, d) => product * d, 1);
  const array = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array }[type];
  return new array(koffi.view(addresses[side] ?? addresses[0], length * array.BYTES_PER_ELEMENT));
}
