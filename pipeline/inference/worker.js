// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * A worker thread with a session for each graph; it runs jobs one after another.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { Graphs, Job, Reply, Started } from './pool.ts'
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
let loading = '';
try {
  for (const [graph, { source }] of Object.entries(graphs)) {
    loading = graph;
    sessions[graph] = await ort.InferenceSession.create(/** @type {string} */ (source), options);
  }
  listen();
  const outputs = Object.entries(sessions).map(([graph, { outputNames }]) => [graph, outputNames]);
  port.postMessage(/** @type {Started} */ ({ outputs: Object.fromEntries(outputs) }));
} catch (error) {
  port.postMessage(/** @type {Started} */ ({ outputs: {}, failure: { graph: loading, message: messageOf(error) } }));
}

function listen() {
  let last = Promise.resolve();
  let stopping = false;
  port.on('message', (/** @type {Job | null} */ job) => {
    if (!job) stopping = true;
    last = last.then(() => (stopping ? port.close() : answer(/** @type {Job} */ (job))));
  });
}

/** @param {Job} job */
async function answer(job) {
  const failure = await run(job).then(() => undefined, messageOf);
  const buffers = Object.values(job.tensors).flatMap((tensor) => tensor?.data?.buffer ?? []);
  port.postMessage(/** @type {Reply} */ ({ job, failure }), buffers);
}

/**
 * Runs the job's graphs, each on the job's tensors that have the names of its inputs and outputs.
 * @param {Job} job
 */
async function run({ graphs: names, tensors }) {
  /** @type {Record<string, ort.Tensor>} */
  const made = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor) made[name] = new ort.Tensor(tensor.data ?? scratchOf(name, tensor.dims), tensor.dims);
  }
  for (const graph of names) {
    const session = /** @type {ort.InferenceSession} */ (sessions[graph]);
    const renamed = graphs[graph]?.outputs ?? {};
    const pick = (/** @type {readonly string[]} */ keys, /** @type {(key: string) => string} */ nameOf) =>
      Object.fromEntries(keys.flatMap((key) => (made[nameOf(key)] ? [[key, made[nameOf(key)]]] : [])));
    await session.run(
      pick(session.inputNames, (key) => key),
      pick(session.outputNames, (key) => renamed[key] ?? key),
    );
  }
}

/** @type {(name: string, dims: readonly number[]) => Float32Array} */
function scratchOf(name, dims) {
  const length = dims.reduce((product, side) => product * side, 1);
  let array = scratch[name] ?? new Float32Array(0);
  if (array.length < length) array = scratch[name] = new Float32Array(length);
  return array.subarray(0, length);
}

/** @type {(error: unknown) => string} */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
