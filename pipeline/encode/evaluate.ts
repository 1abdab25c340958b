import type { ImageDataset } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import { stopIfAborted } from '../export/publish.ts';
import { accuracy, majorityVote, nearestNeighbours } from '../report/knn.ts';
import { type Spread, spreadOf } from '../spread.ts';
import type { Device } from './device.ts';
import { checkFits, Encoder, openExported } from './encoder.ts';

/** Neighbours that vote. */
const NEIGHBOURS = 10;

export interface EvaluateOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes. */
  readonly data: string;
  /** Images in a batch; when not given, as many as suit their size. */
  readonly batchSize?: number | undefined;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called as images are encoded, training images first. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface Evaluation {
  /** Test images. */
  readonly images: number;
  /** Mean over the test images of the reconstruction error per pixel (see the card's `model.error`). */
  readonly reconstruction: number;
  /** Share of the test images whose class is that of most of the 10 nearest training codes; null without labels. */
  readonly knn10: number | null;
  /** Of the test codes. */
  readonly latent: Spread;
  readonly seconds: number;
}

/**
 * How well an exported model does on a data set: it encodes the training and the test images, and reconstructs the
 * latter.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const { exported, data, signal } = options;
  const began = performance.now();
  const card = await openExported(exported);
  const { train, test } = await openSplits(data);
  try {
    checkFits(card, train, false);
    checkFits(card, test, true);
    const total = train.length + test.length;
    const encoder = await Encoder.start(card, { ...options, errors: true, images: total });
    try {
      const { size } = card.latent;
      const all = (dataset: ImageDataset, errors: boolean, before: number) =>
        encodeAll(encoder, dataset, { size, errors, signal, tick: (done) => options.progress?.(before + done, total) });
      const known = await all(train, false, 0);
      const codes = await all(test, true, train.length);
      return {
        images: test.length,
        reconstruction: codes.errorSum / test.length,
        knn10: await knn(known.latents, train.labels, codes.latents, test.labels, size, signal),
        latent: spreadOf(codes.latents, size),
        seconds: (performance.now() - began) / 1000,
      };
    } finally {
      await encoder.close();
    }
  } finally {
    await Promise.all([train.close(), test.close()]);
  }
}

async function encodeAll(
  encoder: Encoder,
  dataset: ImageDataset,
  options: { size: number; errors: boolean; signal: AbortSignal | undefined; tick: (done: number) => void },
): Promise<{ latents: Float32Array; errorSum: number }> {
  const { size, tick } = options;
  const latents = new Float32Array(dataset.length * size);
  let errorSum = 0;
  for await (const codes of encoder.codes(dataset, options)) {
    latents.set(codes.latents, codes.start * size);
    for (const error of codes.errors ?? []) errorSum += error;
    tick(codes.start + codes.count);
  }
  return { latents, errorSum };
}

async function knn(
  known: Float32Array,
  knownLabels: Int32Array | undefined,
  codes: Float32Array,
  labels: Int32Array | undefined,
  size: number,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  if (!knownLabels || !labels) return null;
  const k = Math.min(NEIGHBOURS, knownLabels.length);
  const neighbours = await nearestNeighbours(known, codes, size, { k, tick: () => stopIfAborted(signal) });
  return accuracy(majorityVote(neighbours, knownLabels, k), labels);
}
