import { createHash } from 'node:crypto';
import { nearestNeighbours } from '../analyse/knn.ts';
import { readBatches } from '../data/batches.ts';
import { bytesPerImage, closeSplits, type ImageDataset, partsOf } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { pickRows } from '../data/rows.ts';
import { joinParts } from '../data/split.ts';
import { checkFits, type ExportedModel, openExported, optionsFor } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { InputError } from '../io/errors.ts';
import { createStages, pauses, type StageProgress, type Tick } from '../io/stages.ts';
import { autocorrelations, LAGS, similarity, type Thumbnails, thumbnailsOf } from './similarity.ts';

/** Images in a batch, and candidates of each image by its latent and by its autocorrelation. */
const BATCH = 500;
const CANDIDATES = 10;
/** Similarity from which images count as copies. */
const SIMILAR = 0.99;

export interface DuplicatesOptions extends ComputeOptions {
  readonly exported: string;
  /** Value of `--data`. */
  readonly data: string;
  /** Least similarity of near duplicates. */
  readonly similarity?: number | undefined;
  readonly dataOptions?: DataOptions | undefined;
  readonly progress?: StageProgress | undefined;
}

/** Two images that are copies. */
export interface Pair {
  /** Ids, `train/…`, `val/…` or `test/…`. */
  readonly first: string;
  readonly second: string;
  readonly kind: 'exact' | 'near';
  /** Correlation of the pixels, after a shift by a few of them where that is higher. */
  readonly similarity: number;
  /** Whether they are in different parts of the data. */
  readonly across: boolean;
}

export interface DuplicatesResult {
  readonly images: number;
  /** Numbers of pairs. Of several equal images, each is paired with the first. */
  readonly exact: number;
  readonly near: number;
  readonly across: number;
  readonly pairs: readonly Pair[];
}

/**
 * Finds images that are equal, and images that are nearly equal: neighbours by latent or autocorrelation whose pixels agree.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function findDuplicates(options: DuplicatesOptions): Promise<DuplicatesResult> {
  const { exported, data, similarity: least = SIMILAR, dataOptions, signal, progress } = options;
  const model = await openExported(exported);
  const splits = await openSplits(data, optionsFor(model.card, dataOptions));
  try {
    const all = joinParts(splits);
    if (all.length < 2) throw new InputError(`${data}: it has only one image; duplicates need at least two`);
    checkFits(model.card, all, false);
    const stages = createStages(Object.entries({ pixels: 2, encoding: 10, comparing: 5 }), signal, progress);
    const { digests, thumbnails } = await stages.run('pixels', (tick) => readAll(all, tick), all.length);
    const latents = await stages.run(
      'encoding',
      (tick) => encodeParts(model, partsOf(splits), options, tick),
      all.length,
    );
    const copies = await stages.run('comparing', (tick) =>
      pairsOf({ digests, thumbnails, latents, size: model.card.latent.size, least }, tick),
    );
    const pairs = copies.map(({ a, b, ...rest }): Pair => {
      const [first, second] = [all.id(a), all.id(b)];
      return { first, second, ...rest, across: first.split('/')[0] !== second.split('/')[0] };
    });
    const count = (holds: (pair: Pair) => boolean) => pairs.filter(holds).length;
    const exact = count(({ kind }) => kind === 'exact');
    return { images: all.length, exact, near: pairs.length - exact, across: count(({ across }) => across), pairs };
  } finally {
    await closeSplits(splits);
  }
}

async function readAll(dataset: ImageDataset, tick: Tick): Promise<{ digests: string[]; thumbnails: Thumbnails }> {
  const bytes = bytesPerImage(dataset.shape);
  const digests: string[] = [];
  const parts: Thumbnails[] = [];
  for await (const { start, count, images } of readBatches(dataset, BATCH, { ahead: 0 })) {
    for (let i = 0; i < count; i++)
      digests.push(
        createHash('sha256')
          .update(images.subarray(i * bytes, (i + 1) * bytes))
          .digest('base64'),
      );
    parts.push(thumbnailsOf(images.subarray(0, count * bytes), dataset.shape));
    tick((start + count) / dataset.length);
  }
  const { height, width } = parts[0] as Thumbnails;
  const pixels = new Float32Array(dataset.length * height * width);
  let at = 0;
  for (const part of parts) {
    pixels.set(part.pixels, at);
    at += part.pixels.length;
  }
  return { digests, thumbnails: { height, width, pixels } };
}

/** Latents of all parts, one after another; each part is cached. */
async function encodeParts(
  model: ExportedModel,
  parts: readonly ImageDataset[],
  options: ComputeOptions,
  tick: Tick,
): Promise<Float32Array> {
  const { size } = model.card.latent;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const all = new Float32Array(length * size);
  let start = 0;
  for (const part of parts) {
    const progress = (share: number) => tick((start + share * part.length) / length);
    const { latents } = await latentsOf(model, part, { ...options, errors: false, tick: progress });
    all.set(latents, start * size);
    start += part.length;
  }
  return all;
}

interface Compared {
  readonly digests: readonly string[];
  readonly thumbnails: Thumbnails;
  readonly latents: Float32Array;
  readonly size: number;
  readonly least: number;
}

/** Pairs of copies: each image with the first that equals it, and among the others near ones. */
async function pairsOf({ digests, thumbnails, latents, size, least }: Compared, tick: Tick) {
  const firsts = new Map<string, number>();
  const pairs: { a: number; b: number; kind: Pair['kind']; similarity: number }[] = [];
  const distinct: number[] = [];
  digests.forEach((digest, b) => {
    const a = firsts.get(digest);
    if (a !== undefined) pairs.push({ a, b, kind: 'exact', similarity: 1 });
    else distinct.push(b);
    firsts.set(digest, a ?? b);
  });
  const candidates = new Set<number>();
  for (const [rows, width, from] of [
    [latents, size, 0],
    [autocorrelations(thumbnails), LAGS, 0.25], // a shift may move the latent far
  ] as const) {
    const some = pickRows(rows, width, Uint32Array.from(distinct));
    const k = Math.min(CANDIDATES + 1, distinct.length);
    const search = (done: number) => tick(from + (0.25 * done) / distinct.length);
    const { indices } = await nearestNeighbours(some, some, width, { k, tick: search });
    indices.forEach((j, at) => {
      const i = Math.floor(at / k);
      if (i !== j) candidates.add(Math.min(i, j) * distinct.length + Math.max(i, j));
    });
  }
  const pause = pauses((share) => tick(0.5 + 0.5 * share));
  let done = 0;
  for (const candidate of candidates) {
    const a = distinct[Math.floor(candidate / distinct.length)] as number;
    const b = distinct[candidate % distinct.length] as number;
    const found = similarity(thumbnails, a, b);
    if (found >= least) pairs.push({ a, b, kind: 'near', similarity: found });
    await pause(++done / candidates.size);
  }
  return pairs.sort((one, other) => one.a - other.a || one.b - other.b);
}
