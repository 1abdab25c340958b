import { totalmem } from 'node:os';
import { EnvironmentError } from '../io/errors.ts';
import { bytesPerImage, defineDataset, type ImageDataset, type ImageShape } from './dataset.ts';
import { range } from './rows.ts';

/** Images `start` to before `start + count` of an order. */
export interface ImageBatch {
  readonly start: number;
  readonly count: number;
  /** `[count, H, W, C]`, pixels 0–255. */
  readonly images: Uint8Array;
  /** `[count]`, where the data set has labels. */
  readonly labels: Int32Array | undefined;
}

export interface BatchOptions {
  /** Indices of the images to read; all of the data set in its order by default. */
  readonly order?: Uint32Array | undefined;
  /** Index of the first batch. */
  readonly first?: number | undefined;
  /** Batches to read in advance, 1 by default; 0 reads on request only. */
  readonly ahead?: number;
}

/** Images to read at a time where only memory limits them: 500, or fewer that take up to 64 MiB. */
export const imagesAtATime = (shape: ImageShape): number =>
  Math.max(1, Math.min(500, Math.floor(2 ** 26 / bytesPerImage(shape))));

/**
 * Reads a data set batch by batch; the last may be smaller. While the consumer works on a batch, the next `ahead` are being
 * read. Uses the memory of `2 × ahead + 1` batches: buffers are reused, so a batch's `images` are valid until `ahead + 1`
 * more batches have been requested.
 * @throws InputError from the data set's `read`, when the batch concerned is requested
 */
export async function* readBatches(
  dataset: ImageDataset,
  batchSize: number,
  { order = range(0, dataset.length), first = 0, ahead = 1 }: BatchOptions = {},
): AsyncGenerator<ImageBatch, void, undefined> {
  if (!(Number.isInteger(batchSize) && batchSize > 0)) throw new RangeError(`a batch of ${batchSize} images`);
  const bytes = bytesPerImage(dataset.shape);
  const batches = Math.ceil(order.length / batchSize);
  const ring = Array.from(
    { length: Math.min(2 * ahead + 1, batches) },
    () => new Uint8Array(Math.min(batchSize, order.length) * bytes),
  );
  const reading: Promise<ImageBatch>[] = [];
  let next = first;
  const readNext = () => {
    if (next >= batches) return;
    const start = next * batchSize;
    const indices = order.subarray(start, start + batchSize);
    const count = indices.length;
    const images = (ring[next % ring.length] as Uint8Array).subarray(0, count * bytes);
    const labels = labelsOf(dataset.labels, indices);
    const batch = dataset.read(indices, images).then(() => ({ start, count, images, labels }));
    batch.catch(() => {}); // reported when this batch is requested
    reading.push(batch);
    next++;
  };
  try {
    for (let i = 0; i < ahead; i++) readNext();
    for (let done = first; done < batches; done++) {
      readNext();
      yield await (reading.shift() as Promise<ImageBatch>);
    }
  } finally {
    await Promise.allSettled(reading); // a consumer that stops early may close the data set next
  }
}

/** The labels of some images, where there are any. */
export const labelsOf = (labels: Int32Array | undefined, indices: Uint32Array): Int32Array | undefined =>
  labels && Int32Array.from(indices, (index) => labels[index] as number);

const GIB = 2 ** 30;

/**
 * 512 MiB where threads can read the pixels in files instead; else half of the memory available to this process, at most 4 GiB,
 * the largest typed array of Node 20.
 */
const defaultLimit = ({ pixels }: ImageDataset) =>
  pixels ? GIB / 2 : Math.min(4 * GIB, Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2);

/**
 * Reads a data set into one array, for access in random order, also by other threads. The caller may close the original
 * afterwards, unless it is in memory already.
 * @param limitBytes maximum size of the pixels; by default 512 MiB where they are in files as they are, else half of the
 * available memory, at most 4 GiB
 * @throws EnvironmentError when the pixels are larger; InputError when an image cannot be read
 */
export async function loadIntoMemory(dataset: ImageDataset, limitBytes = defaultLimit(dataset)): Promise<ImageDataset> {
  if (dataset.pixels?.kind === 'memory') return dataset;
  const { name, length, shape } = dataset;
  const bytes = bytesPerImage(shape);
  if (length * bytes > limitBytes) {
    throw new EnvironmentError(
      `${name}: ${length} images of ${shape.height}×${shape.width}×${shape.channels} take ${gib(length * bytes)} of memory, more than the limit of ${gib(limitBytes)}; use fewer or smaller images, or a machine with more memory`,
    );
  }
  const shared = new SharedArrayBuffer(length * bytes);
  const pixels = new Uint8Array(shared);
  await dataset.read(range(0, length), pixels);
  return defineDataset({
    ...dataset,
    pixels: { kind: 'memory', bytes: shared },
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
