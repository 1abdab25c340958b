import type { InferenceSession } from 'onnxruntime-common';
import { cudaFailure } from '../devices/cuda.ts';
import { deviceFailure } from '../devices/failure.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import { printable } from '../io/printable.ts';
import { startThread } from '../io/thread.ts';

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

/** Output names of each graph. */
export type OutputNames = Readonly<Record<string, readonly string[]>>;

interface Failure {
  /** The graph that cannot be loaded or run; undefined where the job itself is at fault. */
  readonly graph: string | undefined;
  readonly loading: boolean;
  /** ONNX Runtime's message. */
  readonly message: string;
}

/** A worker's answer: the output names first, once its sessions are created, then each job in its order. */
export type Reply = { readonly result: OutputNames | Job } | { readonly failure: Failure };

export interface PoolOptions {
  readonly provider: Provider;
  readonly workers: number;
  readonly session: InferenceSession.SessionOptions;
}

/** Asks a worker to stop. */
const STOP = null;
const SCRIPT = new URL('./worker.js', import.meta.url);

/** Sessions that run jobs. */
export type Pool = Awaited<ReturnType<typeof startPool>>;

/**
 * Starts worker threads, each with its own session of every graph: several on one core each are faster than one on all
 * cores. All of them start or none.
 * @throws EnvironmentError or InputError when ONNX Runtime cannot load a graph
 */
export async function startPool(graphs: Graphs, options: PoolOptions) {
  const workers = Array.from({ length: options.workers }, () => startWorker(graphs, options));
  /** Stops the workers: each finishes the job that it runs and drops the others. */
  const stop = async () => {
    await Promise.all(workers.map((worker) => worker.stop()));
  };
  /**
   * Runs a job on the worker with the fewest jobs. Its arrays cannot be used until they come back with the result.
   * @throws EnvironmentError when memory is short; InputError when ONNX Runtime cannot run a file; Error when it fails otherwise
   */
  const run = <J extends Job>(job: J): Promise<J> => {
    const leastBusy = workers.reduce((least, other) => (other.load() < least.load() ? other : least));
    const result = leastBusy.run(job);
    result.catch(() => {}); // the caller awaits it later
    return result;
  };
  try {
    const [outputs = {}] = await Promise.all(workers.map(({ started }) => started));
    return { size: workers.length, outputs, run, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function startWorker(graphs: Graphs, { provider, session }: PoolOptions) {
  const thread = startThread<Reply>(SCRIPT, { graphs, session });
  const resultOf = async <Result extends OutputNames | Job>(answer: Promise<Reply>): Promise<Result> => {
    const reply = await answer;
    if ('result' in reply) return reply.result as Result;
    throw errorOf(reply.failure, graphs, provider);
  };
  return {
    started: resultOf<OutputNames>(thread.nextReply()),
    /** Number of jobs that are not finished. */
    load: thread.waiting,
    run<J extends Job>(job: J): Promise<J> {
      const buffers = Object.values(job.tensors).flatMap((tensor) => tensor?.data?.buffer ?? []);
      return resultOf<J>(thread.ask(job, buffers));
    },
    /** A worker that is terminated while ONNX Runtime computes takes the whole process with it, so it is asked to stop. */
    stop(): Promise<void> {
      thread.post(STOP);
      return thread.exited;
    },
  };
}

/** The error for what ONNX Runtime says of a graph. */
export function errorOf({ graph, loading, message }: Failure, graphs: Graphs, provider: Provider): Error {
  const reason = printable(message.replace(/\s+/g, ' ').trim());
  if (loading && provider === 'cuda') return cudaFailure(message);
  const source = graph === undefined ? undefined : graphs[graph]?.source;
  const name = typeof source === 'string' ? source : `the graph ${graph}`;
  const ofDevice = deviceFailure(message, loading ? name : 'a batch');
  if (ofDevice) return ofDevice;
  if (loading && !UNSUITABLE.test(reason)) return new EnvironmentError(`ONNX Runtime cannot load ${name}: ${reason}`);
  if (typeof source !== 'string') return new Error(`ONNX Runtime failed: ${reason}`);
  return new InputError(
    `${source}: ONNX Runtime cannot ${loading ? 'load' : 'run'} it: ${reason}; export the model again`,
  );
}

/** What ONNX Runtime says of a file that it can read but that is no model that it knows, rather than of the machine. */
const UNSUITABLE =
  /invalid model|invalid_graph|not_implemented|not a registered|shapeinference|opset|ir version|type error/i;
