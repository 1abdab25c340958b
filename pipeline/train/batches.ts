import type { ImageDataset } from '../data/dataset.ts';
import { bytesPerImage } from '../data/dataset.ts';
import type { Generator, GeneratorState } from '../data/generator.ts';
import type { HostBatch } from './engine.ts';

/** What a model wants beside pixels. */
export interface BatchNeeds {
  readonly labels: boolean;
  /** Shape of the noise for `n` images, or undefined for none. */
  noiseShape(n: number): number[] | undefined;
}

/** A batch with where the noise generator stood once the batch's noise was drawn. */
export interface PreparedBatch extends HostBatch {
  readonly noiseState: GeneratorState;
}

/**
 * Walks through a data set in a given order; the last batch may be smaller. While the consumer works on a batch the
 * next one is being read. Two sets of buffers take turns: a batch is valid until the next but one is asked for.
 * @param order indices of images
 * @param first the batch to begin with
 * @throws InputError what the data set's `read` throws, when the batch that it concerns is asked for
 */
export async function* batchesOf(
  dataset: ImageDataset,
  order: Uint32Array,
  { batchSize, first = 0, needs, noise }: { batchSize: number; first?: number; needs: BatchNeeds; noise: Generator },
): AsyncGenerator<PreparedBatch, void, undefined> {
  const total = Math.ceil(order.length / batchSize);
  const bytes = bytesPerImage(dataset.shape);
  const most = Math.min(batchSize, order.length);
  const buffers = [0, 1].map(() => ({
    images: new Uint8Array(most * bytes),
    labels: new Int32Array(needs.labels ? most : 0),
    noise: new Float32Array(noiseLength(needs, most)),
  })) as [Buffers, Buffers];

  const prepare = async (index: number): Promise<PreparedBatch> => {
    const indices = order.subarray(index * batchSize, (index + 1) * batchSize);
    const count = indices.length;
    const buffer = buffers[index % 2 === 0 ? 0 : 1];
    const images = buffer.images.subarray(0, count * bytes);
    const normal = buffer.noise.subarray(0, noiseLength(needs, count));
    if (normal.length > 0) noise.fillNormal(normal);
    const noiseState = noise.state;
    const labels = buffer.labels.subarray(0, needs.labels ? count : 0);
    for (let i = 0; i < labels.length; i++) labels[i] = dataset.labels?.[indices[i] as number] as number;
    await dataset.read(indices, images);
    return {
      count,
      images,
      labels: needs.labels ? labels : undefined,
      noise: normal.length > 0 ? normal : undefined,
      noiseState,
    };
  };

  let next: Promise<PreparedBatch> | undefined;
  const prepareNext = (index: number) => {
    next = index < total ? prepare(index) : undefined;
    next?.catch(() => {}); // reported when its turn comes
  };
  try {
    prepareNext(first);
    for (let index = first; next; index++) {
      const batch: PreparedBatch = await next;
      prepareNext(index + 1);
      yield batch;
    }
  } finally {
    await Promise.allSettled([next]); // whoever stops early may close the data set at once
  }
}

interface Buffers {
  readonly images: Uint8Array;
  readonly labels: Int32Array;
  readonly noise: Float32Array;
}

const noiseLength = (needs: BatchNeeds, n: number) => (needs.noiseShape(n) ?? [0]).reduce((size, d) => size * d, 1);
