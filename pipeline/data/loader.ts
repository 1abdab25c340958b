import { availableParallelism } from 'node:os';
import { fileError } from '../io/errors.ts';
import { startThread, type Thread } from '../io/thread.ts';
import type { Augmentation } from './augment.ts';
import { type BatchOptions, type ImageBatch, labelsOf, readBatches } from './batches.ts';
import { bytesPerImage, type ImageDataset, type ImageShape, type PixelStore } from './dataset.ts';
import { range } from './rows.ts';
import { type Change, changeImage, drawChange } from './warp.js';

const SCRIPT = new URL('./loader-worker.js', import.meta.url);

/** What a thread is started with. */
export interface LoaderData {
  readonly store: PixelStore;
  readonly shape: ImageShape;
  readonly augmentation: Augmentation | undefined;
  readonly seed: number;
}

/** A batch to fill. */
export interface LoaderJob {
  /** Of the images in the data set, `[n]`, and of their pixels in the store. */
  readonly indices: Uint32Array;
  readonly positions: Uint32Array;
  readonly epoch: number;
  /** Memory of at least `n` images, which moves to the thread and back. */
  readonly pixels: Uint8Array<ArrayBuffer>;
}

export interface LoaderReply {
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** Why the batch could not be filled: an error of Node or of the system, and the file that was read. */
  readonly failure: { readonly message: string; readonly code: unknown; readonly file: string } | undefined;
}

export interface LoaderOptions {
  readonly augmentation?: Augmentation | undefined;
  /** Decides the augmentation; 0 by default. */
  readonly seed?: number;
  /** Number of threads; by default one for four cores, since the training step uses all cores. */
  readonly workers?: number;
}

/** Which batches of an epoch (counted from 0; it decides the augmentation, too). */
export type EpochOptions = Pick<BatchOptions, 'order' | 'first'> & { readonly epoch: number };

/** Batches that each thread is given in advance. */
const AHEAD = 2;

/** Batches of a data set for training, epoch after epoch. */
export type Loader = ReturnType<typeof startLoader>;

/**
 * Prepares a data set for training. Threads read and augment batches ahead of the training step, which may block this
 * thread's event loop. They are started if there is something to do for them: pixels are in files, or augmented. A batch
 * depends on its images, the seed and the epoch only, not on the number of threads, the batch size or an interruption.
 * The caller disposes of the loader before it closes the data set.
 */
export function startLoader(dataset: ImageDataset, options: LoaderOptions = {}) {
  const { augmentation, seed = 0, workers = Math.ceil(availableParallelism() / 4) } = options;
  const { pixels: store, shape } = dataset;
  const threads: Thread<LoaderReply>[] = [];
  if (store && (augmentation || store.kind === 'files')) {
    const { rows: _, ...bytes } = store;
    const data: LoaderData = { store: bytes, shape, augmentation, seed };
    for (let i = 0; i < workers; i++) threads.push(startThread(SCRIPT, data));
  }
  let waited = 0;
  return {
    /** Milliseconds that consumers have waited for batches. */
    get waited() {
      return waited;
    },
    /**
     * The batches of an epoch; the last may be smaller. Uses the memory of at most `2 × threads + 2` batches. A batch's
     * `images` are valid until the next is requested.
     * @throws InputError or EnvironmentError when images cannot be read, when the batch concerned is requested
     */
    async *batches(batchSize: number, epoch: EpochOptions): AsyncGenerator<ImageBatch, void, undefined> {
      let asked = performance.now();
      const batches =
        threads.length > 0
          ? readInThreads(dataset, threads, batchSize, epoch)
          : augmentation
            ? augmentHere(dataset, batchSize, epoch, (index) =>
                drawChange(augmentation, shape, seed, epoch.epoch, index),
              )
            : readBatches(dataset, batchSize, epoch);
      for await (const batch of batches) {
        waited += performance.now() - asked;
        yield batch;
        asked = performance.now();
      }
    },
    /** Ends the threads. */
    async dispose(): Promise<void> {
      await Promise.all(threads.map((thread) => thread.terminate()));
    },
  };
}

async function* readInThreads(
  { shape, length, labels, pixels: store }: ImageDataset,
  threads: readonly Thread<LoaderReply>[],
  batchSize: number,
  { order = range(0, length), first = 0, epoch }: EpochOptions,
): AsyncGenerator<ImageBatch, void, undefined> {
  const bytes = bytesPerImage(shape);
  const batches = Math.ceil(order.length / batchSize);
  const spare: Uint8Array<ArrayBuffer>[] = [];
  const filling: Promise<ImageBatch & Pick<LoaderReply, 'pixels'>>[] = [];
  const positionOf = (index: number) => {
    if (index < length) return store?.rows?.[index] ?? index;
    throw new RangeError(`there is no image ${index} among ${length}`);
  };
  let next = first;
  const fillNext = () => {
    if (next >= batches) return;
    const start = next * batchSize;
    const indices = order.slice(start, start + batchSize);
    const { length: count } = indices;
    const pixels = spare.pop() ?? new Uint8Array(Math.min(batchSize, order.length) * bytes);
    const job: LoaderJob = { indices, positions: indices.map(positionOf), epoch, pixels };
    const thread = threads[next % threads.length] as Thread<LoaderReply>;
    const batch = thread.ask(job, [pixels.buffer]).then(({ pixels, failure }) => {
      if (failure) throw errorOf(failure);
      return { start, count, images: pixels.subarray(0, count * bytes), labels: labelsOf(labels, indices), pixels };
    });
    batch.catch(() => {}); // reported when this batch is requested
    filling.push(batch);
    next++;
  };
  try {
    for (let i = 0; i < AHEAD * threads.length; i++) fillNext();
    for (let done = first; done < batches; done++) {
      fillNext();
      const { pixels, ...batch } = await (filling.shift() as (typeof filling)[number]);
      yield batch;
      spare.push(pixels);
    }
  } finally {
    await Promise.allSettled(filling);
  }
}

const errorOf = ({ message, code, file }: NonNullable<LoaderReply['failure']>) =>
  fileError(Object.assign(new Error(message), { code }), `cannot read ${file}`);

/** As `readBatches`, each image changed. */
async function* augmentHere(
  dataset: ImageDataset,
  batchSize: number,
  { order, first }: EpochOptions,
  changeOf: (index: number) => Change,
): AsyncGenerator<ImageBatch, void, undefined> {
  const bytes = bytesPerImage(dataset.shape);
  for await (const batch of readBatches(dataset, batchSize, { order, first })) {
    const images = new Uint8Array(batch.images.length);
    for (let i = 0; i < batch.count; i++) {
      const [from, to] = [i * bytes, (i + 1) * bytes];
      const change = changeOf(order?.[batch.start + i] ?? batch.start + i);
      changeImage(batch.images.subarray(from, to), images.subarray(from, to), dataset.shape, change);
    }
    yield { ...batch, images };
  }
}
