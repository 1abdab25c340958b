import type { InferenceSession } from 'onnxruntime-common';
import { startThread, type Thread } from '../../io/thread.ts';
import { COMMAND, COMMANDS, FAILED, Slice } from './slice.js';

/** A tensor in shared memory; where it has two buffers, one is used on each side. */
export interface SharedTensor {
  readonly type: 'float32' | 'uint8' | 'int32';
  readonly dims: readonly number[];
  readonly addresses: readonly [bigint, (bigint | undefined)?];
}

/** What is computed of one slice between two meetings of all threads. */
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
  /** The phases of this thread's slices, from meeting to meeting. */
  readonly stages: readonly (readonly Phase[])[];
  readonly options: InferenceSession.SessionOptions;
}

const SCRIPT = new URL('./slice-worker.js', import.meta.url);
const STOP = 2;

/** Threads that run phases together. */
export type Team = Awaited<ReturnType<typeof startTeam>>;

/**
 * Starts a thread for each slice but those of the first, which this thread runs; with fewer threads, each has several.
 * @param slices the phases of each; undefined where it has no part of one
 * @throws Error when a session cannot be created
 */
export async function startTeam(
  slices: readonly (readonly (Phase | undefined)[])[],
  { threads: most, session: options }: { readonly threads: number; readonly session: InferenceSession.SessionOptions },
) {
  const count = Math.min(most, slices.length);
  const stagesOf = (_: unknown, thread: number) => {
    const own = slices.filter((_, slice) => slice % count === thread);
    return Array.from(slices[0] ?? [], (_, i) => own.flatMap((phases) => phases[i] ?? []));
  };
  const control: Control = new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));
  const [own = [], ...others] = Array.from({ length: count }, stagesOf);
  const setup = { control, threads: count, options };
  const slice = new Slice(control, count);
  const threads = others.map((stages): Thread<string | undefined> => startThread(SCRIPT, { ...setup, stages }));
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
