// Plain JavaScript, since a thread loads no TypeScript.
import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * A thread with its own sessions: warms up, reports, waits for the start signal, runs its share of the batches, reports.
 * @import { SessionSetup } from './sessions.ts'
 */

const { encoder, decoder, options, pixels, dims, latentSize, warmUp, next, end } = /** @type {SessionSetup} */ (
  workerData
);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);

ort.env.logLevel = 'fatal'; // what fails is thrown as well
const encoding = await ort.InferenceSession.create(encoder, options);
const decoding = decoder && (await ort.InferenceSession.create(decoder, options));
const size = dims.reduce((product, side) => product * side);
const batches = Math.floor(pixels.length / size);
const latent = new ort.Tensor('float32', new Float32Array(dims[0] * latentSize), [dims[0], latentSize]);
const image = new ort.Tensor('float32', new Float32Array(size), dims);

/** @param {number} index */
async function run(index) {
  const start = (index % batches) * size;
  await encoding.run({ image: new ort.Tensor('uint8', pixels.subarray(start, start + size), dims) }, { latent });
  await decoding?.run({ latent }, { image });
}

for (let index = 0; index < warmUp; index++) await run(index);
port.postMessage('warm');
await once(port, 'message');
for (let index = Atomics.add(next, 0, 1); index < end; index = Atomics.add(next, 0, 1)) await run(index);
port.postMessage('done');
