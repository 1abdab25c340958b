import { setImmediate } from 'node:timers/promises';
import type { InferenceSession } from 'onnxruntime-common';
import { cpuRuntime, NativeSession } from '../../devices/native-session.ts';
import type { Pointer } from '../../devices/ort-c-api.ts';
import { runtimeLibrary } from '../../devices/ort-library.ts';
import type { TensorType } from '../../devices/ort-values.ts';
import { startThread, type Thread } from '../../io/thread.ts';
import { COMMAND, COMMANDS, Slice } from './slice.js';

/** A tensor in shared memory; where it has two buffers, one is used on each side. */
export interface SharedTensor extends TensorType {
  readonly addresses: readonly [Pointer, (Pointer | undefined)?];
}

/** What is computed of one slice between two meetings of all threads. */
export interface Phase {
  readonly graph: Uint8Array;
  /** Its inputs and outputs by name, among others. */
  readonly tensors: Readonly<Record<string, SharedTensor>>;
}

/** A phase ready to run, with a binding for each side. */
interface BoundPhase {
  readonly session: Pointer;
  readonly options: Pointer;
  readonly bindings: readonly [Pointer, Pointer];
}

/** The phases of a thread's slices, from meeting to meeting. */
export type Stages = readonly (readonly BoundPhase[])[];

/** Numbers that all threads share. */
export type Control = Int32Array<SharedArrayBuffer>;

export interface TeamSetup {
  readonly control: Control;
  /** ONNX Runtime's status of what failed in each thread that takes part in a step; 0 where nothing did. */
  readonly failures: BigInt64Array<SharedArrayBuffer>;
  /** ONNX Runtime's, and where its function is that runs a session. */
  readonly library: string;
  readonly run: Pointer;
}

const SCRIPT = new URL('./slice-worker.js', import.meta.url);
const STOP = 2;
const FATAL = 4;

/** Threads that run phases together. */
export type Team = Awaited<ReturnType<typeof startTeam>>;

/**
 * Starts a thread for each slice but those of the first, which this thread runs; with fewer threads, each has several. Runs are
 * bound to their memory once: they make nothing in JavaScript, whose garbage collection would interrupt all threads.
 * @param slices the phases of each; undefined where it has no part of one
 * @throws Error when a session cannot be created
 */
export async function startTeam(
  slices: readonly (readonly (Phase | undefined)[])[],
  { threads: most, session: options }: { readonly threads: number; readonly session: InferenceSession.SessionOptions },
) {
  const { api } = cpuRuntime();
  const count = Math.min(most, slices.length);
  const control: Control = new Int32Array(new SharedArrayBuffer(3 * Int32Array.BYTES_PER_ELEMENT));
  const failures = new BigInt64Array(new SharedArrayBuffer(count * BigInt64Array.BYTES_PER_ELEMENT));
  const setup: TeamSetup = { control, failures, library: runtimeLibrary(), run: api.address('RunWithBinding') };
  const sessions = new Sessions(options);
  const threads: Thread<null>[] = [];
  const command = (value: number) => {
    Atomics.store(control, COMMAND, value);
    Atomics.add(control, COMMANDS, 1);
    Atomics.notify(control, COMMANDS);
  };
  const stop = async () => {
    command(STOP);
    await Promise.all(threads.map(({ exited }) => exited));
    sessions.release();
  };
  const stagesOf = (thread: number): Stages => {
    const own = slices.filter((_, slice) => slice % count === thread);
    return Array.from(slices[0] ?? [], (_, stage) =>
      own.flatMap((phases) => {
        const phase = phases[stage];
        return phase ? [sessions.bound(phase)] : [];
      }),
    );
  };
  try {
    const [own = [], ...others] = Array.from({ length: count }, (_, thread) => stagesOf(thread));
    const slice = new Slice(setup, own, 0);
    threads.push(...others.map((stages, i) => startThread<null>(SCRIPT, { setup, stages, thread: i + 1 })));
    await Promise.all(threads.map((thread) => thread.nextReply()));
    return {
      /** Runs all phases. @param side which buffers of the state are read @throws what a session throws */
      async run(side: 0 | 1): Promise<void> {
        await setImmediate(); // what else waits, such as a signal, takes its turn between steps
        command(side);
        slice.run(side);
        const [failure = null, ...more] = failures.filter((status) => status !== 0n);
        failures.fill(0n);
        for (const status of more) api.release('Status', status);
        api.check(failure);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The sessions of a team, and what their runs read and write. */
class Sessions {
  readonly #options: InferenceSession.SessionOptions;
  readonly #opened = new Map<Uint8Array, NativeSession>();
  readonly #all: NativeSession[] = [];
  readonly #bindings: Pointer[] = [];

  constructor(options: InferenceSession.SessionOptions) {
    this.#options = { ...options, logSeverityLevel: FATAL }; // what fails is thrown as well
  }

  bound({ graph, tensors }: Phase): BoundPhase {
    const session = this.#session(graph);
    const [first, second] = [this.#bind(session, tensors, 0), this.#bind(session, tensors, 1)];
    return { session: session.pointer, options: session.options, bindings: [first, second] };
  }

  release(): void {
    for (const binding of this.#bindings.splice(0)) cpuRuntime().api.release('IoBinding', binding);
    for (const session of this.#all.splice(0)) session.release();
  }

  /** Slices of the same graph share a session, unless it has threads of its own. */
  #session(graph: Uint8Array): NativeSession {
    const found = this.#opened.get(graph);
    if (found && this.#options.intraOpNumThreads === 1) return found;
    const session = new NativeSession(cpuRuntime(), graph, this.#options);
    this.#opened.set(graph, session);
    this.#all.push(session);
    return session;
  }

  #bind(session: NativeSession, tensors: Phase['tensors'], side: 0 | 1): Pointer {
    const { values } = cpuRuntime();
    const binding = session.bind((name) => {
      const { addresses, ...type } = tensors[name] as SharedTensor;
      return values.at(addresses[side] ?? addresses[0], type);
    });
    this.#bindings.push(binding);
    return binding;
  }
}
