import { totalmem } from 'node:os';
import { EnvironmentError } from '../io/errors.ts';
import { bytesPerImage, defineDataset, type ImageDataset } from './dataset.ts';
import { range } from './rows.ts';

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
 * Iterates over a data set in its order; the last batch may be smaller. While the consumer works on a batch, the next
 * `ahead` are being read. Uses the memory of `2 × ahead + 1` batches: buffers are reused, so a batch's `images` are valid
 * until `ahead + 1` more batches have been requested.
 * @param ahead batches to read in advance; 0 reads on request only
 * @throws InputError from the data set's `read`, when the batch concerned is requested
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
    const images = (ring[next % ring.length] as Uint8Array).subarray(0, count * bytes);
    const labels = dataset.labels?.subarray(start, start + count);
    const batch = dataset.read(range(start, count), images).then(() => ({ start, count, images, labels }));
    batch.catch(() => {}); // reported when this batch is requested
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
    await Promise.allSettled(reading); // a consumer that stops early may close the data set next
  }
}

const CHUNK = 2 ** 22;
const GIB = 2 ** 30;

/** Half of the memory available to this process, at most 4 GiB, the largest typed array of Node 20. */
const defaultLimit = () => Math.min(4 * GIB, Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2);

/**
 * Reads a data set into one array, for access in random order. The caller may close the original afterwards.
 * @param limitBytes maximum size of the pixels; half of the available memory by default, at most 4 GiB
 * @throws EnvironmentError when the pixels are larger; InputError when an image cannot be read
 */
export async function loadIntoMemory(
  dataset: ImageDataset,
  { limitBytes = defaultLimit() }: { limitBytes?: number } = {},
): Promise<ImageDataset> {
  const { name, length, shape } = dataset;
  const bytes = bytesPerImage(shape);
  if (length * bytes > limitBytes) {
    throw new EnvironmentError(
      `${name}: ${length} images of ${shape.height}×${shape.width}×${shape.channels} take ${gib(length * bytes)} of memory, more than the limit of ${gib(limitBytes)}; use fewer or smaller images, or a machine with more memory`,
    );
  }
  const pixels = new Uint8Array(length * bytes);
  const step = Math.max(1, Math.floor(CHUNK / bytes));
  for (let start = 0; start < length; start += step) {
    await dataset.read(range(start, Math.min(step, length - start)), pixels.subarray(start * bytes));
  }
  return defineDataset({
    ...dataset,
    async read(indices, target) {
      for (let i = 0; i < indices.length; i++) {
        const start = (indices[i] as number) * bytes;
        target.set(pixels.subarray(start, start + bytes), i * bytes);
      }
    },
    close: async () => {},
  });
}

const gib = (bytes: number): string => `${(bytes / GIB).toFixed(bytes < GIB ? 3 : 1)} GiB`;
