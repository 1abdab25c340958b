// Plain JavaScript, since a thread starts three times as fast without a loader for TypeScript.
import { parentPort, workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';

/**
 * One thread that decodes batches. Its messages are the types of thread.ts: `WorkerSetup` in `workerData`, `DecodeJob` in,
 * `Started`, then `Done` out.
 * @import { DecodeJob, Done, Started, WorkerSetup } from './thread.ts'
 */

const { decoder: path, session, shape, latentSize } = /** @type {WorkerSetup} */ (workerData);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const pixels = shape[0] * shape[1] * shape[2];

ort.env.logLevel = 'fatal'; // what fails is thrown as well
try {
  const decoder = await ort.InferenceSession.create(path, session);
  let done = Promise.resolve();
  let stopping = false;
  port.on('message', (/** @type {DecodeJob | null} */ job) => {
    if (job === null) {
      stopping = true;
      done = done.then(() => port.close());
      return;
    }
    done = done
      .then(() => (stopping ? undefined : run(job, decoder)))
      .then(
        () => reply({ job }),
        (failure) => reply({ job, failure: messageOf(failure) }),
      );
  });
  start({});
} catch (failure) {
  start({ failure: messageOf(failure) });
}

/**
 * Fills `job.images`.
 * @param {DecodeJob} job
 * @param {ort.InferenceSession} decoder
 */
async function run({ count, latents, labels, images }, decoder) {
  const latent = new ort.Tensor('float32', latents.subarray(0, count * latentSize), [count, latentSize]);
  const label = labels && new ort.Tensor('int32', labels.subarray(0, count), [count]);
  const image = new ort.Tensor('float32', images.subarray(0, count * pixels), [count, ...shape]);
  await decoder.run(label ? { latent, label } : { latent }, { image });
}

/** @param {Started} message */
function start(message) {
  port.postMessage(message);
}

/** @param {Done} message */
function reply(message) {
  const { latents, labels, images } = message.job;
  const arrays = labels ? [latents, labels, images] : [latents, images];
  port.postMessage(
    message,
    arrays.map(({ buffer }) => buffer),
  );
}

/** @param {unknown} failure */
function messageOf(failure) {
  return failure instanceof Error ? failure.message : String(failure);
}
