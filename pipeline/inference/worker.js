// Plain JavaScript: a thread starts three times as fast without a TypeScript loader.
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * A worker thread with a session for each graph; it runs jobs one after another.
 * @import { MessagePort } from 'node:worker_threads'
 * @import { Graphs, Job, Reply, Started } from './pool.ts'
 */

const port = /** @type {MessagePort} */ (parentPort);
const { graphs, session } = /** @type {{ graphs: Graphs, session: ort.InferenceSession.SessionOptions }} */ (
  workerData
);
/** @type {Record<string, ort.InferenceSession>} */
const sessions = {};
/** @type {Record<string, Float32Array>} Tensors that stay here, by name; reused by the next job. */
const scratch = {};

ort.env.logLevel = 'fatal'; // errors are thrown as well
const failure = await load();
/** @type {Started} */
const started = {
  outputs: Object.fromEntries(Object.entries(sessions).map(([name, { outputNames }]) => [name, outputNames])),
  failure,
};
if (!failure) listen();
port.postMessage(started);

async function load() {
  for (const [graph, { source }] of Object.entries(graphs)) {
    try {
      sessions[graph] = await ort.InferenceSession.create(/** @type {string} */ (source), session);
    } catch (error) {
      return { graph, message: messageOf(error) };
    }
  }
  return undefined;
}

function listen() {
  let last = Promise.resolve();
  let stopping = false;
  port.on('message', (/** @type {Job | null} */ job) => {
    if (job) last = last.then(() => (stopping ? undefined : answer(job)));
    else {
      stopping = true;
      last = last.then(() => port.close());
    }
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
    /** @type {ort.InferenceSession.OnnxValueMapType} */
    const [inputs, outputs] = [{}, {}];
    for (const name of session.inputNames) if (made[name]) inputs[name] = made[name];
    for (const name of session.outputNames) {
      const tensor = made[renamed[name] ?? name];
      if (tensor) outputs[name] = tensor;
    }
    await session.run(inputs, outputs);
  }
}

/**
 * @param {string} name
 * @param {readonly number[]} dims
 */
function scratchOf(name, dims) {
  const length = dims.reduce((product, side) => product * side, 1);
  let array = scratch[name] ?? new Float32Array(0);
  if (array.length < length) array = scratch[name] = new Float32Array(length);
  return array.subarray(0, length);
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
