import type { InferenceSession } from 'onnxruntime-common';
import { startThread, type Thread } from '../../io/thread.ts';
import { COMMAND, COMMANDS, FAILED, Slice } from './slice.js';

/** A tensor in shared memory; where it has two buffers, one is used on each side. */
export interface SharedTensor {
  readonly type: 'float32' | 'uint8' | 'int32';
  readonly dims: readonly number[];
  readonly addresses: readonly [bigint, (bigint | undefined)?];
}

/** What one thread does between two meetings of all. */
export interface Phase {
  readonly graph: Uint8Array;
  /** Its inputs and outputs by name, among others. */
  readonly tensors: Readonly<Record<string, SharedTensor>>;
}

/** Numbers that all threads share. */
export type Control = Int32Array<SharedArrayBuffer>;

export interface SliceSetup {
  readonly control: Control;
  /** That take part in a step. */
  readonly threads: number;
  /** Undefined where this thread has no part of a phase. */
  readonly phases: readonly (Phase | undefined)[];
  readonly options: InferenceSession.SessionOptions;
}

const SCRIPT = new URL('./slice-worker.js', import.meta.url);
const STOP = 2;

/** Threads that run phases together. */
export type Team = Awaited<ReturnType<typeof startTeam>>;

/**
 * Starts a thread for each list of phases but the first, which this thread runs.
 * @throws Error when a session cannot be created
 */
export async function startTeam(
  phases: readonly (readonly (Phase | undefined)[])[],
  options: InferenceSession.SessionOptions,
) {
  const control: Control = new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));
  const [own = [], ...others] = phases;
  const setup = { control, threads: phases.length, options };
  const slice = new Slice(control, phases.length);
  const threads = others.map((phases): Thread<string | undefined> => startThread(SCRIPT, { ...setup, phases }));
  const command = (value: number) => {
    Atomics.store(control, COMMAND, value);
    Atomics.add(control, COMMANDS, 1);
    Atomics.notify(control, COMMANDS);
  };
  const stop = async () => {
    command(STOP);
    await Promise.all([slice.release(), ...threads.map(({ exited }) => exited)]);
  };
  try {
    const [, ...failures] = await Promise.all([
      slice.open(own, options),
      ...threads.map((thread) => thread.nextReply()),
    ]);
    const failure = failures.find((message) => message !== undefined);
    if (failure !== undefined) throw new Error(failure);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    /** Runs all phases. @param side which buffers of the state are read @throws what a session throws */
    async run(side: 0 | 1): Promise<void> {
      command(side);
      await slice.run(side);
      if (Atomics.load(control, FAILED) === 0) return;
      throw new Error(await Promise.race(threads.map((thread) => thread.nextReply())));
    },
    stop,
  };
}
