import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import type { Generator, GeneratorState } from '../data/generator.ts';
import type { HostBatch } from './engine.ts';
import type { TrainingProgram } from './program.ts';

/** The inputs of a model besides pixels. */
export interface BatchNeeds {
  readonly labels: boolean;
  /** Shape of the noise for `n` images, or undefined for none. */
  noiseShape(n: number): number[] | undefined;
}

export const needsOf = ({ model, autoencoder }: TrainingProgram): BatchNeeds => ({
  labels: model.conditional.encoder || model.conditional.decoder,
  noiseShape: (n) => autoencoder.noiseShape(n),
});

/** A batch, and the state of the noise generator after the batch's noise was drawn from it. */
export interface PreparedBatch extends HostBatch {
  readonly noiseState: GeneratorState | undefined;
}

/**
 * Iterates over a data set in a given order; the last batch may be smaller. The next batch is read while the consumer
 * works on the current one, into the other of two buffers: `images` are valid until the next batch but one is requested.
 * @param order indices of images
 * @param first index of the first batch
 * @param noise source of the noise; without it batches have none
 * @throws InputError what the data set's `read` throws, when the batch concerned is requested
 */
export async function* batchesOf(
  dataset: ImageDataset,
  order: Uint32Array,
  { batchSize, first = 0, needs, noise }: { batchSize: number; first?: number; needs: BatchNeeds; noise?: Generator },
): AsyncGenerator<PreparedBatch, void, undefined> {
  const total = Math.ceil(order.length / batchSize);
  const bytes = bytesPerImage(dataset.shape);
  const buffers = [0, 1].map(() => new Uint8Array(Math.min(batchSize, order.length) * bytes));

  const prepare = async (index: number): Promise<PreparedBatch | undefined> => {
    if (index >= total) return undefined;
    const indices = order.subarray(index * batchSize, (index + 1) * batchSize);
    const count = indices.length;
    const images = (buffers[index % 2] as Uint8Array).subarray(0, count * bytes);
    const labels = needs.labels ? Int32Array.from(indices, (i) => dataset.labels?.[i] as number) : undefined;
    const noiseShape = noise && needs.noiseShape(count);
    const normal = noiseShape && new Float32Array(noiseShape.reduce((size, d) => size * d, 1));
    if (normal) noise.fillNormal(normal);
    const noiseState = noise?.state;
    await dataset.read(indices, images);
    return { count, images, labels, noise: normal, noiseState };
  };

  let next = prepare(first);
  try {
    for (let index = first; ; index++) {
      const batch = await next;
      if (!batch) return;
      next = prepare(index + 1);
      next.catch(() => {}); // reported when the batch is requested
      yield batch;
    }
  } finally {
    await Promise.allSettled([next]); // a consumer that stops early may close the data set immediately
  }
}
