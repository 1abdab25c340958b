// Plain JavaScript, since a thread starts three times as fast without a loader for TypeScript.
import { workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { serve } from './serve.js';

/**
 * One thread that encodes batches.
 * @import { EncodeJob, EncoderSetup } from './job.ts'
 */

const {
  encoder: encoderPath,
  decoder: decoderPath,
  session,
  shape,
  latentSize,
  conditional,
  error,
} = /** @type {EncoderSetup} */ (workerData);
const pixels = shape[0] * shape[1] * shape[2];

const NEAREST = 2 ** -25;

/** Reconstructions of a batch, used again for the next. */
let reconstructions = new Float32Array(0);

await serve(async () => {
  const encoder = await ort.InferenceSession.create(encoderPath, session);
  const decoder = decoderPath === undefined ? undefined : await ort.InferenceSession.create(decoderPath, session);
  return { outputs: encoder.outputNames, run: (/** @type {EncodeJob} */ job) => run(job, encoder, decoder) };
});

/**
 * Fills `job.latents` unless they are given, and `job.logvars` and `job.errors` where they are there.
 * @param {EncodeJob} job
 * @param {ort.InferenceSession} encoder
 * @param {ort.InferenceSession | undefined} decoder
 */
async function run({ count, given, images, labels, latents, logvars, errors }, encoder, decoder) {
  const label = labels && new ort.Tensor('int32', labels.subarray(0, count), [count]);
  const latent = codes(latents, count);
  if (!given) {
    const image = new ort.Tensor('uint8', images.subarray(0, count * pixels), [count, ...shape]);
    const outputs = logvars ? { latent, logvar: codes(logvars, count) } : { latent };
    await encoder.run(conditional.encoder && label ? { image, label } : { image }, outputs);
  }
  if (!errors || !decoder) return;
  if (reconstructions.length < count * pixels) reconstructions = new Float32Array(count * pixels);
  const output = new ort.Tensor('float32', reconstructions.subarray(0, count * pixels), [count, ...shape]);
  await decoder.run(conditional.decoder && label ? { latent, label } : { latent }, { image: output });
  const errorOf = error === 'mean squared error' ? meanSquaredError : binaryCrossEntropy;
  for (let i = 0; i < count; i++) errors[i] = errorOf(images, reconstructions, i * pixels, (i + 1) * pixels);
}

/**
 * @param {Float32Array} numbers
 * @param {number} count
 */
const codes = (numbers, count) =>
  new ort.Tensor('float32', numbers.subarray(0, count * latentSize), [count, latentSize]);

/**
 * Mean over the numbers `from` to before `to` of the binary cross-entropy between pixels and probabilities, in nats.
 * Probabilities are held 2^-25 away from 0 and 1 (17.3 nats): a float32 comes no nearer to 1, nor does ONNX Runtime's
 * sigmoid to 0 before it is exactly that. Black and white pixels, which have one term each, are multiplied and share a
 * logarithm.
 * @param {Uint8Array} images 0–255
 * @param {Float32Array} probabilities
 * @param {number} from
 * @param {number} to
 */
function binaryCrossEntropy(images, probabilities, from, to) {
  let sum = 0;
  let product = 1;
  for (let i = from; i < to; i++) {
    const pixel = /** @type {number} */ (images[i]);
    const p = Math.min(Math.max(/** @type {number} */ (probabilities[i]), NEAREST), 1 - NEAREST);
    if (pixel === 0) product *= 1 - p;
    else if (pixel === 255) product *= p;
    else sum += (pixel * Math.log(p) + (255 - pixel) * Math.log(1 - p)) / 255;
    if (product < 1e-200) {
      sum += Math.log(product);
      product = 1;
    }
  }
  return -(sum + Math.log(product)) / (to - from);
}

/**
 * Mean over the numbers `from` to before `to` of the squared difference between pixels / 255 and reconstructions.
 * @param {Uint8Array} images 0–255
 * @param {Float32Array} reconstructed
 * @param {number} from
 * @param {number} to
 */
function meanSquaredError(images, reconstructed, from, to) {
  let sum = 0;
  for (let i = from; i < to; i++) {
    const [pixel, value] = /** @type {[number, number]} */ ([images[i], reconstructed[i]]);
    sum += (pixel / 255 - value) ** 2;
  }
  return sum / (to - from);
}
