// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * A worker thread with a session for each graph; it runs jobs one after another.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { Graphs, Job, OutputNames, Reply } from './pool.ts'
 */

const port = /** @type {MessagePort} */ (parentPort);
const { graphs, session: options } = /** @type {{ graphs: Graphs, session: ort.InferenceSession.SessionOptions }} */ (
  workerData
);
/** @type {Record<string, ort.InferenceSession>} */
const sessions = {};
/** @type {Record<string, Float32Array>} Tensors that stay here, by name; reused by the next job. */
const scratch = {};

ort.env.logLevel = 'fatal'; // errors are thrown as well

/** @type {string | undefined} The graph whose session is being created or run. */
let current;
let loading = true;
let stopping = false;
let last = answer(createSessions);
port.on('message', (/** @type {Job | null} */ job) => {
  stopping ||= !job;
  last = last.then(() => (!job || stopping ? port.close() : answer(() => run(job), job.tensors)));
});

/**
 * Posts the result of a request, or why it failed.
 * @param {() => Promise<OutputNames | Job>} work
 * @param {Job['tensors']} tensors of the result: their arrays are transferred
 */
async function answer(work, tensors = {}) {
  try {
    const reply = /** @type {Reply} */ ({ result: await work() });
    const buffers = Object.values(tensors).flatMap((tensor) => tensor?.data?.buffer ?? []);
    port.postMessage(reply, buffers);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    port.postMessage(/** @type {Reply} */ ({ failure: { graph: current, loading, message } }));
  }
}

/** @returns {Promise<OutputNames>} */
async function createSessions() {
  for (const [graph, { source }] of Object.entries(graphs)) {
    current = graph;
    sessions[graph] = await ort.InferenceSession.create(/** @type {string} */ (source), options);
  }
  loading = false;
  return Object.fromEntries(Object.entries(sessions).map(([graph, { outputNames }]) => [graph, outputNames]));
}

/**
 * Runs the job's graphs, each on the job's tensors that have the names of its inputs and outputs.
 * @param {Job} job
 */
async function run(job) {
  /** @type {Record<string, ort.Tensor>} */
  const made = {};
  current = undefined;
  for (const [name, tensor] of Object.entries(job.tensors)) {
    if (tensor) made[name] = new ort.Tensor(tensor.data ?? scratchOf(name, tensor.dims), tensor.dims);
  }
  for (const graph of job.graphs) {
    current = graph;
    const session = /** @type {ort.InferenceSession} */ (sessions[graph]);
    const renamed = graphs[graph]?.outputs ?? {};
    const pick = (/** @type {readonly string[]} */ keys) =>
      Object.fromEntries(
        keys.flatMap((key) => {
          const tensor = made[renamed[key] ?? key];
          return tensor ? [[key, tensor]] : [];
        }),
      );
    await session.run(pick(session.inputNames), pick(session.outputNames));
  }
  return job;
}

/** @type {(name: string, dims: readonly number[]) => Float32Array} */
function scratchOf(name, dims) {
  const length = dims.reduce((product, side) => product * side, 1);
  let array = scratch[name] ?? new Float32Array(0);
  if (array.length < length) array = scratch[name] = new Float32Array(length);
  return array.subarray(0, length);
}
