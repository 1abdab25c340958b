import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { readCard, verifyFiles } from '../artifacts/exported.ts';
import { sequentialBatches } from '../data/batches.ts';
import { bytesPerImage, type ImageDataset, type ImageShape } from '../data/dataset.ts';
import { checkDevice } from '../devices/device.ts';
import { InputError } from '../io/errors.ts';
import { stopIfAborted } from '../io/publish.ts';
import type { EncodeJob, EncoderSetup } from './job.ts';
import { failureOf, leastBusy, type ModelThread, startThreads } from './model-thread.ts';
import { type ModelOptions, planThreads } from './plan-threads.ts';

/** Batches that wait at a thread, so that it goes on while this one is writing. */
const QUEUE = 8;
/** Pixel bytes of a batch, and its images, at most, when nobody says how many: on a core, what stays in its cache. */
const BATCH = {
  cpu: { numbers: 2 ** 20, images: 64 },
  cuda: { numbers: 2 ** 24, images: 1024 },
  webgpu: { numbers: 2 ** 22, images: 256 }, // an adapter need not hold more than 128 MiB in a buffer
};
const WORKER = new URL('./worker.js', import.meta.url);

export interface EncoderOptions extends ModelOptions {
  /** Whether reconstruction errors can be asked for. */
  readonly errors: boolean;
}

/** The codes of images `start` to before `start + count`; the arrays are used again for later batches. */
export interface Codes {
  readonly start: number;
  readonly count: number;
  /** `[count, D]` */
  readonly latents: Float32Array;
  /** Log variances of the codes, `[count, D]`, where the model is variational. */
  readonly logvars: Float32Array | undefined;
  /** Reconstruction error of each image, `[count]`, as the card's `model.error` defines it; where asked for. */
  readonly errors: Float32Array | undefined;
}

/** Codes to be decoded and compared with images. */
export interface CodedImages {
  /** Pixels 0–255, `[count, H, W, C]`. */
  readonly images: Uint8Array;
  /** `[count]`; needed where the decoder is conditional. */
  readonly labels: Int32Array | undefined;
  /** `[count, D]` */
  readonly latents: Float32Array;
}

/**
 * Reads the card of an exported model and checks its files.
 * @throws InputError when the folder is no exported model, or is damaged
 */
export async function openExported(folder: string): Promise<Card> {
  const card = await readCard(folder);
  await verifyFiles(folder, card);
  return card;
}

/**
 * @throws InputError when the model cannot encode these images: another shape, or labels that it needs are missing
 */
export function checkFits(card: Card, dataset: ImageDataset, errors: boolean): void {
  const [asked, found] = [card.image, dataset.shape].map(describeShape);
  if (asked !== found) {
    throw new InputError(
      `${dataset.name}: its images are ${found} (height×width×channels), the model ${card.model.name} was trained on ${asked}; resize them or use another model`,
    );
  }
  const { encoder, decoder } = card.conditional;
  if (!encoder && !(decoder && errors)) return;
  if (!dataset.labels) {
    throw new InputError(
      `${dataset.name}: it has no labels, and the model ${card.model.name} needs the class of each image; give labelled data`,
    );
  }
  const classes = card.classes?.length ?? Number.POSITIVE_INFINITY;
  const unknown = dataset.labels.findIndex((label) => label < 0 || label >= classes);
  if (unknown >= 0) {
    throw new InputError(
      `${dataset.name}: image ${dataset.id(unknown)} has label ${dataset.labels[unknown]}, the model ${card.model.name} knows labels 0 to ${classes - 1}`,
    );
  }
}

const describeShape = ({ height, width, channels }: ImageShape) => `${height}×${width}×${channels}`;

/** An exported model, running in threads of its own. */
export class Encoder {
  readonly #card: Card;
  readonly #threads: readonly ModelThread<EncodeJob>[];
  /** Images in a batch. */
  readonly batchSize: number;

  private constructor(card: Card, threads: readonly ModelThread<EncodeJob>[], batchSize: number) {
    this.#card = card;
    this.#threads = threads;
    this.batchSize = batchSize;
  }

  /** Whether the model's codes come with variances. */
  get variational(): boolean {
    return this.#threads.every(({ outputs }) => outputs.includes('logvar'));
  }

  /**
   * @throws EnvironmentError when the device is not to be had or ONNX Runtime cannot load the model
   */
  static async start(card: Card, options: EncoderOptions): Promise<Encoder> {
    const { exported, device, errors } = options;
    await checkDevice(device);
    const { height, width, channels } = card.image;
    const { session, batchSize, ...plan } = planThreads(bytesPerImage(card.image), BATCH, options);
    const setup: EncoderSetup = {
      encoder: join(exported, 'encoder.onnx'),
      decoder: errors ? join(exported, 'decoder.onnx') : undefined,
      session,
      shape: [height, width, channels],
      latentSize: card.latent.size,
      conditional: card.conditional,
      error: card.model.error,
    };
    const models = `the models of ${exported}`;
    return new Encoder(card, await startThreads<EncodeJob>(WORKER, setup, { ...plan, models }), batchSize);
  }

  /**
   * Encodes a data set in its order.
   * @param errors whether to compute reconstruction errors too, which takes several times as long
   * @throws InputError when an image cannot be read or its code is not finite; Interrupted (or the signal's own reason,
   * if that is an error) after `signal`
   */
  async *codes(
    dataset: ImageDataset,
    { errors, signal }: { errors: boolean; signal?: AbortSignal | undefined },
  ): AsyncGenerator<Codes, void, undefined> {
    const { conditional, latent } = this.#card;
    const size = Math.max(1, Math.min(this.batchSize, dataset.length));
    const labelled = conditional.encoder || (conditional.decoder && errors);
    const running: { start: number; job: Promise<EncodeJob> }[] = [];
    const free: EncodeJob[] = Array.from({ length: QUEUE * this.#threads.length }, () => ({
      count: 0,
      given: false,
      images: new Uint8Array(size * bytesPerImage(dataset.shape)),
      labels: labelled ? new Int32Array(size) : undefined,
      latents: new Float32Array(size * latent.size),
      logvars: this.variational ? new Float32Array(size * latent.size) : undefined,
      errors: errors ? new Float32Array(size) : undefined,
    }));
    const finish = async ({ start, job }: { start: number; job: Promise<EncodeJob> }): Promise<Codes> => {
      const done = await job;
      free.push(done);
      const codes = {
        start,
        count: done.count,
        latents: done.latents.subarray(0, done.count * latent.size),
        logvars: done.logvars?.subarray(0, done.count * latent.size),
        errors: done.errors?.subarray(0, done.count),
      };
      checkFinite(codes, latent.size, dataset);
      return codes;
    };
    for await (const { start, count, images, labels } of sequentialBatches(dataset, size, { ahead: 2 })) {
      stopIfAborted(signal);
      const oldest = free.length === 0 ? running.shift() : undefined;
      if (oldest) yield await finish(oldest);
      const job = { ...(free.pop() as EncodeJob), count };
      job.images.set(images);
      if (labels) job.labels?.set(labels);
      running.push({ start, job: this.#run(job) });
    }
    for (const last of running) {
      yield await finish(last);
      stopIfAborted(signal);
    }
  }

  /**
   * Reconstruction errors of given codes, batch by batch, as the card's `model.error` defines them, `[count]` each. The
   * encoder must have been started with `errors`.
   * @throws as `codes`; an error that is not finite is given as it is
   */
  async *errorsOf(
    batches: Iterable<CodedImages> | AsyncIterable<CodedImages>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<Float32Array, void, undefined> {
    const { conditional, latent } = this.#card;
    const running: Promise<EncodeJob>[] = [];
    const finish = async (job: Promise<EncodeJob>) => (await job).errors ?? new Float32Array(0);
    for await (const { images, labels, latents } of batches) {
      stopIfAborted(signal);
      const oldest = running.length >= QUEUE * this.#threads.length ? running.shift() : undefined;
      if (oldest) yield await finish(oldest);
      const count = latents.length / latent.size;
      const job = {
        count,
        given: true,
        images: images.slice(),
        labels: conditional.decoder ? labels?.slice() : undefined,
        latents: latents.slice(),
        logvars: undefined,
        errors: new Float32Array(count),
      };
      running.push(this.#run(job));
    }
    for (const job of running) {
      yield await finish(job);
      stopIfAborted(signal);
    }
  }

  /** Gives a job to the thread that has least to do. */
  #run(job: EncodeJob): Promise<EncodeJob> {
    const result = leastBusy(this.#threads)
      .run(job)
      .catch((error: unknown) => {
        throw failureOf(error, 'choose a smaller --batch-size');
      });
    result.catch(() => {}); // reported when its turn comes
    return result;
  }

  /** Ends the threads, also in the middle of a batch. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }
}

/** @throws InputError when a code or an error is NaN or infinite */
function checkFinite({ start, latents, errors }: Codes, size: number, dataset: ImageDataset): void {
  const latent = latents.findIndex((value) => !Number.isFinite(value));
  const image = latent >= 0 ? Math.floor(latent / size) : (errors?.findIndex((value) => !Number.isFinite(value)) ?? -1);
  if (image < 0) return;
  const what = latent >= 0 ? 'code' : 'reconstruction';
  throw new InputError(
    `${dataset.name}: the ${what} of image ${dataset.id(start + image)} is not finite; the model is unusable, train it again (with a lower learning rate)`,
  );
}
