import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { cudaFailure } from '../devices/cuda.ts';
import { EnvironmentError } from '../io/errors.ts';
import type { Provider } from './plan-threads.ts';

/** A thread's first message: the names of its model's outputs, where it tells them, or what ONNX Runtime said. */
export interface Started {
  readonly outputs?: readonly string[];
  readonly failure?: string;
}

/** A thread's answer to a job; `failure` is what ONNX Runtime said. */
export interface Done<Job> {
  readonly job: Job;
  readonly failure?: string;
}

/** Asks a thread to end. */
const STOP = null;

/** ONNX Runtime failed; the message is its own. */
class RuntimeFailure extends Error {}

interface Waiting<Job> {
  resolve(job: Job): void;
  reject(reason: unknown): void;
}

/**
 * A thread with sessions of its own. Several of them, each on one core, are faster than one on all cores. A job's arrays
 * travel to the thread and back with it.
 */
export class ModelThread<Job extends object> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Job>[] = [];
  /** What the thread told when it started. */
  readonly outputs: readonly string[];
  #ended = false;

  private constructor(worker: Worker, outputs: readonly string[]) {
    this.#worker = worker;
    this.outputs = outputs;
    worker.on('message', ({ job, failure }: Done<Job>) => {
      const waiting = this.#waiting.shift();
      if (failure === undefined) waiting?.resolve(job);
      else waiting?.reject(new RuntimeFailure(failure));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => {
      this.#ended = true;
      this.#fail(new Error(`a thread of ONNX Runtime ended with code ${code}`));
    });
  }

  /**
   * @param script one that calls `serve` of serve.js
   * @param setup what the script finds in its `workerData`
   * @throws RuntimeFailure when a model cannot be loaded
   */
  static async start<Job extends object>(script: URL, setup: object): Promise<ModelThread<Job>> {
    const worker = new Worker(script, { workerData: setup, execArgv: [] });
    // Waited for from the start: a thread that ends at once gives its last message and ends in one turn of the event loop.
    const exited = new Promise<[]>((resolve) => worker.once('exit', () => resolve([])));
    const [told] = (await Promise.race([once(worker, 'message'), exited])) as [Started?];
    if (!told) throw new Error('a thread of ONNX Runtime ended before it could compute');
    if (told.failure === undefined) return new ModelThread(worker, told.outputs ?? []);
    await exited;
    throw new RuntimeFailure(told.failure);
  }

  /** Jobs that it has yet to finish. */
  get load(): number {
    return this.#waiting.length;
  }

  /**
   * Does a job. Its arrays cannot be used until they come back.
   * @throws RuntimeFailure
   */
  run(job: Job): Promise<Job> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      const arrays = Object.values(job).filter((value) => ArrayBuffer.isView(value));
      this.#worker.postMessage(
        job,
        arrays.map(({ buffer }) => buffer as ArrayBuffer),
      );
    });
  }

  /**
   * Ends the thread: it finishes the batch that it is at and drops those that wait. (A thread that is terminated while
   * ONNX Runtime computes takes the whole process with it.)
   */
  async stop(): Promise<void> {
    if (this.#ended) return;
    const ended = once(this.#worker, 'exit');
    this.#worker.postMessage(STOP);
    await ended;
  }

  #fail(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}

/**
 * Starts several threads of a script, all or none.
 * @param models what messages call what they load
 * @throws EnvironmentError when ONNX Runtime cannot load it
 */
export async function startThreads<Job extends object>(
  script: URL,
  setup: object,
  { workers, provider, models }: { workers: number; provider: Provider; models: string },
): Promise<ModelThread<Job>[]> {
  const starting = await Promise.allSettled(
    Array.from({ length: workers }, () => ModelThread.start<Job>(script, setup)),
  );
  const started = starting.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const failed = starting.find((start) => start.status === 'rejected');
  if (!failed) return started;
  await Promise.all(started.map((thread) => thread.stop()));
  if (!(failed.reason instanceof RuntimeFailure)) throw failed.reason;
  if (provider === 'cuda') throw cudaFailure(failed.reason.message);
  throw new EnvironmentError(`ONNX Runtime cannot load ${models}: ${inOneLine(failed.reason)}`);
}

/** The thread that has least to do. */
export const leastBusy = <Job extends object>(threads: readonly ModelThread<Job>[]): ModelThread<Job> =>
  threads.reduce((least, other) => (other.load < least.load ? other : least));

/**
 * What to throw for what a job was answered with.
 * @param remedy what to do where memory is short
 */
export function failureOf(error: unknown, remedy: string): unknown {
  if (!(error instanceof RuntimeFailure)) return error;
  const reason = inOneLine(error);
  if (!/alloc|out of memory/i.test(reason)) return new Error(`ONNX Runtime failed: ${reason}`);
  return new EnvironmentError(`not enough memory for a batch: ${reason}; ${remedy}`);
}

const inOneLine = ({ message }: Error) => message.replace(/\s+/g, ' ').trim();
