import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import { bytesPerImage } from '../../pipeline/data/dataset.ts';
import { mnistInMemory } from '../mnist.ts';

/**
 * Loads all of MNIST and the sessions, with default options of ONNX Runtime.
 * @param decoder whether to decode the latents too
 * @returns a function that runs every batch once and returns the images per second
 */
export async function bareLoop(
  exported: string,
  { batchSize, decoder }: { batchSize: number; decoder: boolean },
): Promise<() => Promise<number>> {
  const card = await readCard(exported);
  const [encoding, decoding] = await Promise.all(
    ['encoder.onnx', 'decoder.onnx'].map((file) => InferenceSession.create(join(exported, file))),
  );
  if (!encoding || !decoding) throw new Error('there are two models');
  const { length, shape, pixels } = await mnistInMemory();
  const bytes = bytesPerImage(shape);
  const dims = [shape.height, shape.width, shape.channels];
  const latents = new Float32Array(batchSize * card.latent.size);
  const images = new Float32Array(batchSize * bytes);
  return async () => {
    const began = performance.now();
    for (let start = 0; start < length; start += batchSize) {
      const count = Math.min(batchSize, length - start);
      const image = new Tensor('uint8', pixels.subarray(start * bytes, (start + count) * bytes), [count, ...dims]);
      const latent = new Tensor('float32', latents.subarray(0, count * card.latent.size), [count, card.latent.size]);
      await encoding.run({ image }, { latent });
      if (!decoder) continue;
      await decoding.run(
        { latent },
        { image: new Tensor('float32', images.subarray(0, count * bytes), [count, ...dims]) },
      );
    }
    return (length * 1000) / (performance.now() - began);
  };
}
