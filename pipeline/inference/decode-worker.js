// Plain JavaScript, since a thread starts three times as fast without a loader for TypeScript.
import { workerData } from 'node:worker_threads';
import ort from 'onnxruntime-node';
import { serve } from './serve.js';

/**
 * One thread that decodes batches.
 * @import { DecodeJob, DecoderSetup } from './decode-job.ts'
 */

const { decoder: path, session, shape, latentSize } = /** @type {DecoderSetup} */ (workerData);
const pixels = shape[0] * shape[1] * shape[2];

await serve(async () => {
  const decoder = await ort.InferenceSession.create(path, session);
  return {
    async run(/** @type {DecodeJob} */ { count, latents, labels, images }) {
      const latent = new ort.Tensor('float32', latents.subarray(0, count * latentSize), [count, latentSize]);
      const label = labels && new ort.Tensor('int32', labels.subarray(0, count), [count]);
      const image = new ort.Tensor('float32', images.subarray(0, count * pixels), [count, ...shape]);
      await decoder.run(label ? { latent, label } : { latent }, { image });
    },
  };
});
