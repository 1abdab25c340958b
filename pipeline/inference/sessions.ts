import type { Card } from '../artifacts/card.ts';
import { type ImageBatch as PixelBatch, readBatches } from '../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { checkDevice } from '../devices/device.ts';
import { InputError, stopIfAborted } from '../io/errors.ts';
import type { Tick } from '../io/stages.ts';
import { compareWithCpu } from './compared.ts';
import { type ComputeOptions, encodingGraphs, planSessions, type SessionOptions } from './plan.ts';
import { type Graphs, type Job, type Pool, startPool } from './pool.ts';

/** Batches queued per worker: it stays busy while the main thread writes a group of rows. */
const QUEUE = 8;

/** The graphs of a model (path or bytes) and the entries of its card that running them takes. */
export interface RunnableModel {
  readonly encoder: string | Uint8Array;
  readonly decoder: string | Uint8Array;
  readonly card: Pick<Card, 'image' | 'conditional'> & {
    readonly latent: Pick<Card['latent'], 'size'>;
    readonly model: Pick<Card['model'], 'error'>;
    readonly clusters?: Pick<NonNullable<Card['clusters']>, 'count'> | undefined;
  };
}

type Stoppable = Pick<ComputeOptions, 'signal'>;

interface EncodingOptions extends Stoppable {
  /** Whether to compute reconstruction errors too, which takes several times as long. */
  readonly errors?: boolean;
  /** Whether to compute the probability of each cluster too, where the model has clusters. */
  readonly clusters?: boolean;
}

/** Latents of images, in the order of their data set. */
export interface LatentSet {
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** Log variances of the latents, `[n, D]`, where the model is variational. */
  readonly logvars: Float32Array | undefined;
  /** Reconstruction error of each image, `[n]`, as the card's `model.error` defines it; where asked for. */
  readonly errors: Float32Array | undefined;
  /** Probability of each cluster, `[n, K]`; where the model has clusters, and asked for. */
  readonly clusters?: Float32Array | undefined;
}

/** Any number of latents, and the class of each where the decoder is conditional. */
export interface Latents {
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** `[n]` */
  readonly labels?: Int32Array | undefined;
}

/** Latents of images `start` to before `start + count`, with their labels where the data set has any. */
export interface LatentBatch extends LatentSet, Latents {
  readonly start: number;
  readonly count: number;
}

/** Latents, and the images to compare their reconstructions with. */
export interface LatentsOfImages extends Latents {
  /** Pixels 0–255, `[n, H, W, C]`. */
  readonly images: Uint8Array;
}

/** Decoded latents `start` to before `start + count`. */
export type ImageBatch = Pick<LatentBatch, 'start' | 'count'> & {
  /** In [0, 1], `[count, H, W, C]`. */
  readonly images: Float32Array;
};

/**
 * Runs a model's graphs in a pool of workers while some work needs them.
 * @throws EnvironmentError when the device is unavailable, ONNX Runtime cannot load a graph or computes it wrong on WebGPU; what
 * `work` throws
 */
export async function withSessions<T>(
  { encoder, decoder, card }: RunnableModel,
  options: SessionOptions,
  work: (sessions: Sessions) => Promise<T>,
): Promise<T> {
  await checkDevice(options.device);
  const { graphs } = options;
  const { batchSize, ...plan } = planSessions(bytesPerImage(card.image), options);
  const sources: Graphs = {
    ...(graphs.includes('encoder') && { encoder: { source: encoder } }),
    ...(graphs.includes('decoder') && { decoder: { source: decoder, outputs: { image: 'reconstruction' } } }),
    ...(graphs.includes('error') && { error: { source: await traceError(card) } }),
  };
  const start = plan.provider === 'cuda' ? (await import('./cuda-pool.ts')).startCudaPool : startPool;
  const pool = await start(sources, plan);
  try {
    if (plan.provider === 'webgpu') await compareWithCpu(pool, sources, plan, card);
    return await work(new Sessions(pool, card, batchSize));
  } finally {
    await pool.stop();
  }
}

/** A model whose graphs run in a pool of workers. */
export class Sessions {
  readonly #pool: Pool;
  readonly #card: RunnableModel['card'];
  /** Images in a batch, at most. */
  readonly batchSize: number;

  constructor(pool: Pool, card: RunnableModel['card'], batchSize: number) {
    this.#pool = pool;
    this.#card = card;
    this.batchSize = batchSize;
  }

  /** Whether the encoder gives log variances. */
  get variational(): boolean {
    return this.#pool.outputs.encoder?.includes('logvar') ?? false;
  }

  /**
   * Encodes a data set in its order.
   * @throws InputError when an image cannot be read or its latent is not finite; Interrupted (or the signal's own reason,
   * if that is an error) after `signal`
   */
  async *encode(dataset: ImageDataset, options: EncodingOptions = {}): AsyncGenerator<LatentBatch, void, undefined> {
    const batches = readBatches(dataset, Math.max(1, Math.min(this.batchSize, dataset.length)), { ahead: 2 });
    for await (const batch of this.encodeBatches(batches, options)) {
      checkFinite(batch, dataset.name, (row) => dataset.id(batch.start + row));
      yield batch;
    }
  }

  /**
   * Encodes batches of images in their order; what else a batch has is kept. A batch is read before the next is asked for.
   * @throws Interrupted (or the signal's own reason, if that is an error) after `signal`
   */
  async *encodeBatches<B extends PixelBatch>(
    batches: AsyncIterable<B>,
    { errors = false, clusters = false, signal }: EncodingOptions = {},
  ): AsyncGenerator<Omit<B, 'images'> & LatentBatch, void, undefined> {
    const { conditional, latent } = this.#card;
    const k = this.#clusterCount(clusters);
    const graphs = encodingGraphs(errors);
    const labelled = conditional.encoder || (conditional.decoder && errors);
    const kept: Omit<B, 'images'>[] = []; // of the batches that are being encoded
    const spare: Uint8Array<ArrayBuffer>[] = []; // came back from a worker
    const jobs = this.#inOrder(batches, signal, ({ images, ...batch }) => {
      const { count, labels } = batch;
      kept.push(batch);
      return {
        graphs,
        tensors: {
          image: copied(images, this.#imageDims(count), spare.pop()),
          label: labelled && labels ? copied(labels, [count]) : undefined,
          latent: floats([count, latent.size]),
          logvar: this.variational ? floats([count, latent.size]) : undefined,
          reconstruction: errors ? { dims: this.#imageDims(count) } : undefined,
          error: errors ? floats([count]) : undefined,
          cluster: k ? floats([count, k]) : undefined,
        },
      };
    });
    for await (const { tensors } of jobs) {
      const { image, latent, logvar, error, cluster } = tensors;
      spare.push(image.data);
      yield {
        ...(kept.shift() as Omit<B, 'images'>),
        latents: latent.data,
        logvars: logvar?.data,
        errors: error?.data,
        clusters: cluster?.data,
      };
    }
  }

  #clusterCount(wanted: boolean): number {
    return wanted ? (this.#card.clusters?.count ?? 0) : 0;
  }

  /** Encodes a data set into memory. @param tick called with the share done @throws as `encode` */
  async encodeAll(
    dataset: ImageDataset,
    { tick, ...options }: EncodingOptions & { readonly tick?: Tick | undefined } = {},
  ): Promise<LatentSet> {
    const { length } = dataset;
    const { size } = this.#card.latent;
    const latents = new Float32Array(length * size);
    const logvars = this.variational ? new Float32Array(length * size) : undefined;
    const errors = options.errors ? new Float32Array(length) : undefined;
    const k = this.#clusterCount(options.clusters ?? false);
    const clusters = k ? new Float32Array(length * k) : undefined;
    for await (const batch of this.encode(dataset, options)) {
      latents.set(batch.latents, batch.start * size);
      if (batch.logvars) logvars?.set(batch.logvars, batch.start * size);
      if (batch.errors) errors?.set(batch.errors, batch.start);
      if (batch.clusters) clusters?.set(batch.clusters, batch.start * k);
      tick?.((batch.start + batch.count) / length);
    }
    return { latents, logvars, errors, clusters };
  }

  /**
   * Decodes latents in their order. Each batch that is given is decoded by itself, in parts where it is large; it is read
   * before the next is asked for.
   * @throws RangeError when a batch is not rows of latents, or labels are missing where the decoder is conditional;
   * Interrupted (or the signal's own reason, if that is an error) after `signal`
   */
  async *decode(
    batches: Iterable<Latents> | AsyncIterable<Latents>,
    { signal }: Stoppable = {},
  ): AsyncGenerator<ImageBatch, void, undefined> {
    const jobs = this.#inOrder(this.#inParts(batches), signal, ({ start, count, ...part }) => ({
      ...{ start, count, graphs: ['decoder'] },
      tensors: { ...this.#decoderInputs(part, count), reconstruction: floats(this.#imageDims(count)) },
    }));
    for await (const { start, count, tensors } of jobs) yield { start, count, images: tensors.reconstruction.data };
  }

  /** Images of any number of latents, in [0, 1], `[n, H, W, C]`. @throws as `decode` */
  async decodeAll(latents: Latents, options: Stoppable = {}): Promise<Float32Array> {
    const pixels = bytesPerImage(this.#card.image);
    const all = new Float32Array(this.#countRows(latents) * pixels);
    for await (const { start, images } of this.decode([latents], options)) all.set(images, start * pixels);
    return all;
  }

  /**
   * Reconstruction errors of given latents, batch by batch, as the card's `model.error` defines them, `[n]` each, with
   * copies of the latents.
   * @throws as `decode`; an error that is not finite is returned unchanged
   */
  async *errorsOf(
    batches: Iterable<LatentsOfImages> | AsyncIterable<LatentsOfImages>,
    { signal }: Stoppable = {},
  ): AsyncGenerator<{ latents: Float32Array; errors: Float32Array }, void, undefined> {
    const jobs = this.#inOrder(batches, signal, ({ images, ...batch }) => {
      const count = this.#countRows(batch);
      const dims = this.#imageDims(count);
      const image = copied(images, dims);
      return {
        graphs: ['decoder', 'error'],
        tensors: { ...this.#decoderInputs(batch, count), image, reconstruction: { dims }, error: floats([count]) },
      };
    });
    for await (const { tensors } of jobs) yield { latents: tensors.latent.data, errors: tensors.error.data };
  }

  /** Runs a job for each item and gives the jobs back in order; asks for items only as far ahead as the queues reach. */
  async *#inOrder<T, J extends Job>(
    items: Iterable<T> | AsyncIterable<T>,
    signal: AbortSignal | undefined,
    jobOf: (item: T) => J,
  ): AsyncGenerator<J, void, undefined> {
    const running: Promise<J>[] = [];
    for await (const item of items) {
      stopIfAborted(signal);
      running.push(this.#pool.run(jobOf(item)));
      if (running.length >= QUEUE * this.#pool.size) yield await (running.shift() as Promise<J>);
    }
    for (const job of running) {
      yield await job;
      stopIfAborted(signal);
    }
  }

  /** Batches no larger than the batch size. */
  async *#inParts(batches: Iterable<Latents> | AsyncIterable<Latents>) {
    const { size } = this.#card.latent;
    let start = 0;
    for await (const batch of batches) {
      const rows = this.#countRows(batch);
      for (let from = 0; from < rows; from += this.batchSize) {
        const to = Math.min(rows, from + this.batchSize);
        const part = {
          latents: batch.latents.subarray(from * size, to * size),
          labels: batch.labels?.subarray(from, to),
        };
        yield { start, count: to - from, ...part };
        start += to - from;
      }
    }
  }

  #decoderInputs({ latents, labels }: Latents, count: number) {
    return {
      latent: copied(latents, [count, this.#card.latent.size]),
      label: labels && this.#card.conditional.decoder ? copied(labels, [count]) : undefined,
    };
  }

  #countRows({ latents, labels }: Latents): number {
    const { latent, conditional } = this.#card;
    const rows = latents.length / latent.size;
    if (!Number.isInteger(rows))
      throw new RangeError(`${latents.length} numbers are not latents of size ${latent.size}`);
    if (conditional.decoder && labels?.length !== rows) {
      throw new RangeError(`${labels?.length ?? 'no'} labels for ${rows} latents`);
    }
    return rows;
  }

  #imageDims(count: number): number[] {
    const { height, width, channels } = this.#card.image;
    return [count, height, width, channels];
  }
}

/** Imports the tracer when it is needed, since it loads all of tfjs. */
const traceError = async ({ model, image }: RunnableModel['card']): Promise<Uint8Array> =>
  (await import('./reconstruction-error.ts')).errorGraph(model.error, image);

/** A copy of the array, in another of its length if there is one: the worker takes it over. */
function copied<A extends Uint8Array | Int32Array | Float32Array>(
  data: A,
  dims: readonly number[],
  spare?: ReturnType<A['slice']>,
) {
  if (spare?.length !== data.length) return { dims, data: data.slice() as ReturnType<A['slice']> };
  spare.set(data);
  return { dims, data: spare };
}

/** Zeros to be filled. */
const floats = (dims: readonly number[]) => ({
  dims,
  data: new Float32Array(dims.reduce((product, side) => product * side, 1)),
});

/**
 * @param name of the data set
 * @param id of a row of the batch
 * @throws InputError when a latent or an error is NaN or infinite
 */
export function checkFinite(
  { count, latents, errors }: LatentBatch,
  name: string,
  id: (row: number) => string | undefined,
): void {
  const [latent, error] = [firstNotFinite(latents), errors ? firstNotFinite(errors) : -1];
  if (latent < 0 && error < 0) return;
  const [what, image] =
    latent >= 0 ? ['latent', Math.floor((latent * count) / latents.length)] : ['reconstruction', error];
  throw new InputError(
    `${name}: the ${what} of image ${id(image)} is not finite; the model is unusable, train it again (with a lower learning rate)`,
  );
}

/** A loop, since `findIndex` calls a function for each number. */
function firstNotFinite(values: Float32Array): number {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i;
  return -1;
}
