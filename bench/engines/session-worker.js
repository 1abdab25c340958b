// Plain JavaScript, since a thread loads no TypeScript.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * A thread with its own sessions: warms up, reports, waits for the start signal, runs batches for some seconds, reports how
 * many.
 * @import { SessionSetup } from './sessions.ts'
 */

const { encoder, decoder, options, pixels, labels, dims, latentSize, seconds } = /** @type {SessionSetup} */ (
  workerData
);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

ort.env.logLevel = 'fatal'; // what fails is thrown as well
const encoding = await ort.InferenceSession.create(encoder, options);
const decoding = decoder && (await ort.InferenceSession.create(decoder, options));
const size = dims.reduce((product, side) => product * side);
const batches = Math.floor(pixels.length / size);
const rows = [dims[0], latentSize];
/** @type {Record<string, ort.Tensor>} */
const made = { label: new ort.Tensor('int32', labels, [dims[0]]) };
for (const name of encoding.outputNames) {
  made[name] = new ort.Tensor('float32', new Float32Array(dims[0] * latentSize), rows);
}
const reconstruction = new ort.Tensor('float32', new Float32Array(size), dims);

/** @param {readonly string[]} names */
const pick = (names) =>
  /** @type {Record<string, ort.Tensor>} */ (Object.fromEntries(names.map((name) => [name, made[name]])));

/** @param {number} index */
async function run(index) {
  const start = (index % batches) * size;
  made.image = new ort.Tensor('uint8', pixels.subarray(start, start + size), dims);
  await encoding.run(pick(encoding.inputNames), pick(encoding.outputNames));
  if (decoding) await decoding.run(pick(decoding.inputNames), { image: reconstruction });
}

for (let index = 0; index < 5; index++) await run(index);
port.postMessage('warm');
await once(port, 'message');
const end = performance.now() + 1000 * seconds;
let done = 0;
do await run(done++);
while (performance.now() < end);
port.postMessage(done);
