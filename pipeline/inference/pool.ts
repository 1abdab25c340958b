import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { InferenceSession } from 'onnxruntime-common';
import { cudaFailure } from '../devices/cuda.ts';
import { EnvironmentError } from '../io/errors.ts';

/** ONNX Runtime's execution providers that models run on. */
export type Provider = 'cpu' | 'cuda' | 'webgpu';

/** The graphs that each worker holds a session of, by name: path or bytes, and outputs that a job knows by other names. */
export type Graphs = Readonly<
  Record<string, { readonly source: string | Uint8Array; readonly outputs?: Readonly<Record<string, string>> }>
>;

/** Input or output of a job's graphs. */
export interface JobTensor {
  readonly dims: readonly number[];
  /**
   * Read or filled by the worker; transferred there and back. Without data the tensor (float32) stays in the worker: an
   * output of one graph that is an input of the next.
   */
  readonly data?: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
}

/** Graphs to run one after another. Tensors are their inputs, and the outputs to fill, by name. */
export interface Job {
  readonly graphs: readonly string[];
  readonly tensors: Readonly<Record<string, JobTensor | undefined>>;
}

/** A worker's first message: the outputs of each graph, or the graph that ONNX Runtime cannot load and its reason. */
export interface Started {
  readonly outputs: Readonly<Record<string, readonly string[]>>;
  readonly failure?: { readonly graph: string; readonly message: string };
}

/** A worker's answer to a job; `failure` is ONNX Runtime's message. */
export interface Reply {
  readonly job: Job;
  readonly failure: string | undefined;
}

export interface PoolOptions {
  readonly provider: Provider;
  readonly workers: number;
  readonly session: InferenceSession.SessionOptions;
}

/** Asks a worker to stop. */
const STOP = null;
const SCRIPT = new URL('./worker.js', import.meta.url);

/** Worker threads, each with its own session of every graph: several on one core each are faster than one on all cores. */
export class Pool {
  readonly #workers: readonly SessionWorker[];
  /** Output names of each graph. */
  readonly outputs: Started['outputs'];

  private constructor(workers: readonly SessionWorker[]) {
    this.#workers = workers;
    this.outputs = workers[0]?.outputs ?? {};
  }

  /**
   * Starts all workers or none.
   * @throws EnvironmentError when ONNX Runtime cannot load a graph
   */
  static async start(graphs: Graphs, options: PoolOptions): Promise<Pool> {
    const starting = Array.from({ length: options.workers }, () => SessionWorker.start(graphs, options));
    const results = await Promise.allSettled(starting);
    const pool = new Pool(results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
    const failed = results.find((result) => result.status === 'rejected');
    if (!failed) return pool;
    await pool.stop();
    throw failed.reason;
  }

  get size(): number {
    return this.#workers.length;
  }

  /**
   * Runs a job on the worker with the fewest jobs. Its arrays cannot be used until they come back with the result.
   * @throws EnvironmentError when memory is short; Error when ONNX Runtime fails otherwise
   */
  run<J extends Job>(job: J): Promise<J> {
    const leastBusy = this.#workers.reduce((least, other) => (other.load < least.load ? other : least));
    const result = leastBusy.run(job);
    result.catch(() => {}); // the caller awaits it later
    return result;
  }

  /** Stops the workers: each finishes the job that it runs and drops the others. */
  async stop(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }
}

class SessionWorker {
  readonly #worker: Worker;
  readonly #waiting: { resolve(job: object): void; reject(reason: unknown): void }[] = [];
  readonly outputs: Started['outputs'];
  #exited = false;

  private constructor(worker: Worker, outputs: Started['outputs']) {
    this.#worker = worker;
    this.outputs = outputs;
    worker.on('message', ({ job, failure }: Reply) => {
      const waiting = this.#waiting.shift();
      if (failure === undefined) waiting?.resolve(job);
      else waiting?.reject(runError(failure));
    });
    worker.on('error', (error) => this.#fail(error));
    worker.on('exit', (code) => {
      this.#exited = true;
      this.#fail(new Error(`a worker thread of ONNX Runtime exited with code ${code}`));
    });
  }

  /** @throws EnvironmentError when ONNX Runtime cannot load a graph */
  static async start(graphs: Graphs, { provider, session }: PoolOptions): Promise<SessionWorker> {
    const worker = new Worker(SCRIPT, { workerData: { graphs, session }, execArgv: [] });
    // Listened for from the start: a worker that fails may send its message and exit in one turn of the event loop.
    const exited = new Promise<[]>((resolve) => worker.once('exit', () => resolve([])));
    const [started] = (await Promise.race([once(worker, 'message'), exited])) as [Started?];
    if (!started) throw new Error('a worker thread of ONNX Runtime exited before it could compute');
    if (!started.failure) return new SessionWorker(worker, started.outputs);
    await exited;
    const { graph, message } = started.failure;
    if (provider === 'cuda') throw cudaFailure(message);
    const source = graphs[graph]?.source;
    const name = typeof source === 'string' ? source : `the graph ${graph}`;
    throw new EnvironmentError(`ONNX Runtime cannot load ${name}: ${oneLine(message)}`);
  }

  /** Jobs that are not finished. */
  get load(): number {
    return this.#waiting.length;
  }

  run<J extends Job>(job: J): Promise<J> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: (done) => resolve(done as J), reject });
      const buffers = Object.values(job.tensors).flatMap((tensor) => tensor?.data?.buffer ?? []);
      this.#worker.postMessage(job, buffers);
    });
  }

  /** A worker that is terminated while ONNX Runtime computes takes the whole process with it, so it is asked to stop. */
  async stop(): Promise<void> {
    if (this.#exited) return;
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage(STOP);
    await exited;
  }

  #fail(reason: unknown): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}

/** @param message ONNX Runtime's */
function runError(message: string): Error {
  const reason = oneLine(message);
  if (!/alloc|out of memory/i.test(reason)) return new Error(`ONNX Runtime failed: ${reason}`);
  const remedy = 'choose a smaller batch size, smaller images or another device';
  return new EnvironmentError(`not enough memory for a batch: ${reason}; ${remedy}`);
}

const oneLine = (message: string): string => message.replace(/\s+/g, ' ').trim();
