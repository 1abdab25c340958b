import { bytesPerImage, type ImageDataset } from './dataset.ts';
import { range } from './indices.ts';

/** Images `start` to before `start + count` of a data set, in its order. */
export interface SequentialBatch {
  readonly start: number;
  readonly count: number;
  /** `[count, H, W, C]`, pixels 0–255. */
  readonly images: Uint8Array;
  /** `[count]`, where the data set has labels. */
  readonly labels: Int32Array | undefined;
}

/**
 * Walks through a data set in its order; the last batch may be smaller. While the consumer works on a batch, the next
 * `ahead` are being read. Memory is that of `2 × ahead + 1` batches, whatever the length: buffers are used in turn, so
 * a batch's `images` are valid until `ahead + 1` more batches have been asked for.
 * @param ahead batches read beforehand; 0 reads only when asked
 * @throws InputError what the data set's `read` throws, when the batch that it concerns is asked for
 */
export async function* sequentialBatches(
  dataset: ImageDataset,
  batchSize: number,
  { ahead = 1 }: { ahead?: number } = {},
): AsyncGenerator<SequentialBatch, void, undefined> {
  if (!(Number.isInteger(batchSize) && batchSize > 0)) throw new RangeError(`a batch of ${batchSize} images`);
  const bytes = bytesPerImage(dataset.shape);
  const batches = Math.ceil(dataset.length / batchSize);
  const ring = Array.from(
    { length: Math.min(2 * ahead + 1, batches) },
    () => new Uint8Array(Math.min(batchSize, dataset.length) * bytes),
  );
  const reading: Promise<SequentialBatch>[] = [];
  let next = 0;
  const readNext = () => {
    if (next >= batches) return;
    const start = next * batchSize;
    const count = Math.min(batchSize, dataset.length - start);
    const buffer = ring[next % ring.length] as Uint8Array;
    const images = buffer.subarray(0, count * bytes);
    const labels = dataset.labels?.subarray(start, start + count);
    const batch = dataset.read(range(start, count), images).then(() => ({ start, count, images, labels }));
    batch.catch(() => {}); // reported when its turn comes
    reading.push(batch);
    next++;
  };
  try {
    for (let i = 0; i < ahead; i++) readNext();
    for (let done = 0; done < batches; done++) {
      readNext();
      yield await (reading.shift() as Promise<SequentialBatch>);
    }
  } finally {
    await Promise.allSettled(reading); // whoever stops early may close the data set at once
  }
}
