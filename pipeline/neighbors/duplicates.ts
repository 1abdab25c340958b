import { writeFile } from 'node:fs/promises';
import { closeSplits, type ImageDataset, partsOf, readImages } from '../data/dataset.ts';
import { openSplits } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { joinParts } from '../data/split.ts';
import { unreadNote } from '../data/unread.ts';
import { checkFits, type ExportedModel, openEncoder, optionsFor } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import { publishFile } from '../io/publish.ts';
import { createStages, type StageProgress, type Tick } from '../io/stages.ts';
import { checkTarget } from '../io/target.ts';
import { drawGrid } from '../pictures/grid.ts';
import { digestsOf, pairsOf, readThumbnails, SIMILAR } from './copies.ts';

/** Pairs in a sheet, at most. */
const DRAWN = 50;

export interface DuplicatesOptions extends ComputeOptions {
  readonly exported: string;
  /** Value of `--data`. */
  readonly data: string;
  /** Least similarity of near duplicates. */
  readonly similarity?: number | undefined;
  /** PNG file to draw pairs into. */
  readonly sheet?: string | undefined;
  readonly dataOptions?: DataOptions | undefined;
  readonly progress?: StageProgress | undefined;
}

/** Two images that are copies. */
export interface Pair {
  /** Ids, `train/…`, `val/…` or `test/…`. */
  readonly first: string;
  readonly second: string;
  readonly kind: 'exact' | 'near';
  /** Correlation at 32 pixels a side or fewer, after a shift by a few of them where that is higher. */
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
  /** Undefined where none was asked for, or there is no pair. */
  readonly sheet: string | undefined;
}

/**
 * Finds images that are equal, and images that are nearly equal: neighbours by latent or autocorrelation whose pixels agree.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function findDuplicates(options: DuplicatesOptions): Promise<DuplicatesResult> {
  const { exported, data, similarity: least = SIMILAR, sheet, dataOptions, signal, progress } = options;
  if (sheet !== undefined) {
    await checkTarget('file', sheet);
    await checkOutside(data, sheet);
  }
  const model = await openEncoder(exported);
  const splits = await openSplits(data, optionsFor(model.card, dataOptions));
  try {
    const all = joinParts(splits);
    if (all.length < 2)
      throw new InputError(`${data}: it has ${counted(all.length, 'image')}; duplicates need at least two`);
    checkFits(model.card, all, false);
    const unread = unreadNote(all);
    if (unread) dataOptions?.note?.(`${data}: ${unread}`);
    const stages = createStages(Object.entries({ pixels: 2, encoding: 10, comparing: 5 }), signal, progress);
    const readAll = async (tick: Tick) => ({
      digests: await digestsOf(all, (share) => tick(share / 2)),
      thumbnails: await readThumbnails(all, (share) => tick((1 + share) / 2)),
    });
    const { digests, thumbnails } = await stages.run('pixels', readAll, all.length);
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
    const counts = { images: all.length, exact, near: pairs.length - exact, across: count(({ across }) => across) };
    const drawn = sheet !== undefined && pairs.length > 0;
    if (drawn) await drawPairs(sheet, all, copies, signal);
    return { ...counts, pairs, sheet: drawn ? sheet : undefined };
  } finally {
    await closeSplits(splits);
  }
}

/** Draws the least similar pairs, a row each. */
async function drawPairs(
  sheet: string,
  all: ImageDataset,
  copies: readonly { readonly a: number; readonly b: number; readonly similarity: number }[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const chosen = copies.toSorted((one, other) => one.similarity - other.similarity).slice(0, DRAWN);
  const rows = chosen.flatMap(({ a, b }) => [a, b]);
  const images = await readImages(all, rows);
  const rowLabels = chosen.map(({ a, b, similarity }) => `${all.id(a)} = ${all.id(b)}: ${similarity.toFixed(3)}`);
  const { png } = await drawGrid({ shape: all.shape, images, columns: 2, rowLabels });
  await publishFile(sheet, (path) => writeFile(path, png), { signal });
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
