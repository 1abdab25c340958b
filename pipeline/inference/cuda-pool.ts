import { readFile } from 'node:fs/promises';
import { InferenceSession, Tensor } from 'onnxruntime-common';
import { cudaSessions } from '../devices/cuda-sessions.ts';
import { errorOf, type Graphs, type Job, type JobTensor, type Pool, type PoolOptions } from './pool.ts';

/**
 * A pool as `startPool` makes it, by ONNX Runtime's C API: onnxruntime-node passes no options on to the CUDA provider, whose
 * convolutions would be computed in TF32. Its sessions are in this thread, which they do not block.
 * @param name of the sessions, for `executionProviders`
 * @throws as `startPool`
 */
export async function startCudaPool(graphs: Graphs, options: PoolOptions, name = cudaSessions()): Promise<Pool> {
  const failing = async <T>(graph: string, loading: boolean, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw errorOf({ graph, loading, message: (error as Error).message }, graphs, options.provider);
    }
  };
  const session = { ...options.session, executionProviders: [name] };
  const opened: InferenceSession[] = [];
  const openAll = async () => {
    const sessions: Record<string, InferenceSession> = {};
    for (const [graph, { source }] of Object.entries(graphs)) {
      const bytes = typeof source === 'string' ? await readFile(source) : source;
      const made = await failing(graph, true, () => InferenceSession.create(bytes, session));
      sessions[graph] = made;
      opened.push(made);
    }
    return { sessions, waiting: 0, last: Promise.resolve() as Promise<unknown> };
  };
  let stopping = false;
  const lanes: Awaited<ReturnType<typeof openAll>>[] = [];
  const stop = async () => {
    stopping = true;
    await Promise.allSettled(lanes.map(({ last }) => last));
    for (const session of opened.splice(0)) await session.release();
  };
  try {
    for (let i = 0; i < options.workers; i++) lanes.push(await openAll());
  } catch (error) {
    await stop();
    throw error;
  }
  const run = <J extends Job>(job: J): Promise<J> => {
    const lane = lanes.reduce((least, other) => (other.waiting < least.waiting ? other : least));
    const work = async () => {
      if (stopping) throw new Error('the sessions were stopped');
      for (const graph of job.graphs) {
        const { outputs = {} } = graphs[graph] ?? {};
        await failing(graph, false, () => runGraph(lane.sessions[graph] as InferenceSession, job, outputs));
      }
      return job;
    };
    lane.waiting++;
    const result = lane.last.then(work).finally(() => lane.waiting--);
    lane.last = result.catch(() => {});
    result.catch(() => {}); // the caller awaits it later
    return result;
  };
  const [first] = lanes;
  const named = Object.entries(first?.sessions ?? {}).map(([graph, { outputNames }]) => [graph, outputNames] as const);
  return { size: lanes.length, outputs: Object.fromEntries(named), run, stop };
}

/** Tensors of a job that have no memory of its own, while it runs. */
const between = new WeakMap<JobTensor, Tensor>();

/** Runs a graph on the tensors that have the names of its inputs, and fills those of its outputs. */
async function runGraph(session: InferenceSession, { tensors }: Job, renamed: Readonly<Record<string, string>>) {
  const feeds = session.inputNames.flatMap((name) => {
    const tensor = tensors[renamed[name] ?? name];
    return tensor ? [[name, between.get(tensor) ?? new Tensor(tensor.data as Float32Array, tensor.dims)]] : [];
  });
  const found = await session.run(Object.fromEntries(feeds));
  for (const name of session.outputNames) {
    const [tensor, output] = [tensors[renamed[name] ?? name], found[name]];
    if (!tensor || !output) continue;
    if (tensor.data) tensor.data.set(output.data as Float32Array);
    else between.set(tensor, output);
  }
}
