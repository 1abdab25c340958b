import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { bytesPerImage } from '../data/dataset.ts';
import { checkDevice } from '../devices/device.ts';
import { stopIfAborted } from '../io/publish.ts';
import type { DecodeJob, DecoderSetup } from './decode-job.ts';
import { failureOf, leastBusy, type ModelThread, startThreads } from './model-thread.ts';
import { type ModelOptions, planThreads } from './plan-threads.ts';

/** Batches that wait at a thread, so that it goes on while this one works on images. */
const QUEUE = 4;
/** Numbers of a batch's images, and images, at most, when nobody says how many: on a core, what stays in its cache. */
const BATCH = {
  cpu: { numbers: 2 ** 18, images: 64 },
  cuda: { numbers: 2 ** 22, images: 1024 },
  webgpu: { numbers: 2 ** 20, images: 256 },
};
const WORKER = new URL('./decode-worker.js', import.meta.url);

/** Any number of codes, and the class of each where the decoder is conditional. */
export interface CodeBatch {
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** `[n]` */
  readonly labels?: Int32Array | undefined;
}

/** Images of codes `start` to before `start + count`; the array is used again for later batches. */
export interface DecodedImages {
  readonly start: number;
  readonly count: number;
  /** In [0, 1], `[count, H, W, C]`. */
  readonly images: Float32Array;
}

/** An exported decoder, running in threads of its own. */
export class Decoder {
  readonly #card: Card;
  readonly #threads: readonly ModelThread<DecodeJob>[];
  /** Images in a batch, at most. */
  readonly batchSize: number;

  private constructor(card: Card, threads: readonly ModelThread<DecodeJob>[], batchSize: number) {
    this.#card = card;
    this.#threads = threads;
    this.batchSize = batchSize;
  }

  /** @throws EnvironmentError when the device is not to be had or ONNX Runtime cannot load the model */
  static async start(card: Card, options: ModelOptions): Promise<Decoder> {
    const { exported, device } = options;
    await checkDevice(device);
    const { height, width, channels } = card.image;
    const { session, batchSize, ...plan } = planThreads(bytesPerImage(card.image), BATCH, options);
    const decoder = join(exported, 'decoder.onnx');
    const setup: DecoderSetup = { decoder, session, shape: [height, width, channels], latentSize: card.latent.size };
    return new Decoder(card, await startThreads<DecodeJob>(WORKER, setup, { ...plan, models: decoder }), batchSize);
  }

  /**
   * Decodes codes in their order. Each batch that is given is decoded on its own, in parts where it is larger than
   * `batchSize`; it is read before the next is asked for, and may then be used again.
   * @throws RangeError when a batch is not whole codes, or labels are missing where the decoder is conditional;
   * Interrupted (or the signal's own reason, if that is an error) after `signal`
   */
  async *images(
    codes: Iterable<CodeBatch> | AsyncIterable<CodeBatch>,
    { signal }: { signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<DecodedImages, void, undefined> {
    const { size } = this.#card.latent;
    const running: { start: number; job: Promise<DecodeJob> }[] = [];
    const free: DecodeJob[] = [];
    const finish = async ({ start, job }: { start: number; job: Promise<DecodeJob> }): Promise<DecodedImages> => {
      const done = await job;
      free.push(done);
      return {
        start,
        count: done.count,
        images: done.images.subarray(0, done.count * bytesPerImage(this.#card.image)),
      };
    };
    let start = 0;
    for await (const { latents, labels } of codes) {
      const rows = this.#countCodes(latents, labels);
      for (let from = 0; from < rows; from += this.batchSize) {
        stopIfAborted(signal);
        const oldest = running.length >= QUEUE * this.#threads.length ? running.shift() : undefined;
        if (oldest) yield await finish(oldest);
        const to = Math.min(rows, from + this.batchSize);
        const job = { ...(free.pop() ?? this.#emptyJob()), count: to - from };
        job.latents.set(latents.subarray(from * size, to * size));
        if (labels) job.labels?.set(labels.subarray(from, to));
        running.push({ start, job: this.#run(job) });
        start += to - from;
      }
    }
    for (const last of running) {
      yield await finish(last);
      stopIfAborted(signal);
    }
  }

  /** Images of any number of codes, in [0, 1], `[n, H, W, C]`. @throws as `images` */
  async decode(codes: CodeBatch, options: { signal?: AbortSignal | undefined } = {}): Promise<Float32Array> {
    const pixels = bytesPerImage(this.#card.image);
    const all = new Float32Array(this.#countCodes(codes.latents, codes.labels) * pixels);
    for await (const { start, images } of this.images([codes], options)) all.set(images, start * pixels);
    return all;
  }

  /** Ends the threads, also in the middle of a batch. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #countCodes(latents: Float32Array, labels: Int32Array | undefined): number {
    const rows = latents.length / this.#card.latent.size;
    if (!Number.isInteger(rows)) {
      throw new RangeError(`${latents.length} numbers are not codes of ${this.#card.latent.size}`);
    }
    if (this.#card.conditional.decoder && labels?.length !== rows) {
      throw new RangeError(`${labels?.length ?? 'no'} labels for ${rows} codes`);
    }
    return rows;
  }

  #emptyJob(): DecodeJob {
    return {
      count: 0,
      latents: new Float32Array(this.batchSize * this.#card.latent.size),
      labels: this.#card.conditional.decoder ? new Int32Array(this.batchSize) : undefined,
      images: new Float32Array(this.batchSize * bytesPerImage(this.#card.image)),
    };
  }

  /** Gives a job to the thread that has least to do. */
  #run(job: DecodeJob): Promise<DecodeJob> {
    const result = leastBusy(this.#threads)
      .run(job)
      .catch((error: unknown) => {
        throw failureOf(error, 'use smaller images or another device');
      });
    result.catch(() => {}); // reported when its turn comes
    return result;
  }
}
