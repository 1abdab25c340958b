import { basename, dirname, join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import type { Outliers } from '../artifacts/outliers.ts';
import { type ImageDataset, readImages } from '../data/dataset.ts';
import { openSplit } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { pickRows, range } from '../data/rows.ts';
import { optionsFor } from '../inference/exported.ts';
import type { Sessions } from '../inference/sessions.ts';
import { withFileErrors } from '../io/errors.ts';
import { statsOf } from '../io/folders.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { errorMaps } from './maps.ts';

/** The folder of masks beside `train` and `test`, as MVTec AD has it. */
const MASKS = 'ground_truth';
/** Images that are mapped at a time. */
const BATCH = 32;
/** Values from 0 to `MOST` that are told apart. */
const [BINS, MOST] = [2 ** 16, 2];

/**
 * Opens the masks of defects that lie beside the images, prepared as these: `ground_truth/CLASS/NAME_mask.png` for
 * `test/CLASS/NAME.png`.
 * @param spec value of `--data`
 * @returns undefined where there are none
 * @throws InputError as `openSplit`
 */
export async function openMasks(
  spec: string,
  card: Card,
  options: DataOptions | undefined,
): Promise<ImageDataset | undefined> {
  const folder = join(basename(spec) === 'test' ? dirname(spec) : spec, MASKS);
  const found = await withFileErrors(`cannot read ${folder}`, async () => statsOf(folder));
  const { preprocessing, ...others } = optionsFor(card, { ...options, label: undefined });
  if (!found?.isDirectory() || !preprocessing) return undefined;
  const plain = { ...preprocessing, channels: 1, background: '#000000', scalings: [] };
  return openSplit(folder, 'all', { ...others, classes: undefined, valSplit: undefined, preprocessing: plain });
}

/** Masks of some images. */
export interface Masks {
  readonly images: ImageDataset;
  /** The mask of each image that has one, by its row in the data. */
  readonly of: ReadonlyMap<number, number>;
}

/** Finds the images that masks are of. */
export function masksOf(data: ImageDataset, masks: ImageDataset): Masks {
  const named = new Map(Array.from({ length: masks.length }, (_, i) => [stemOf(masks.id(i)), i]));
  const of = new Map<number, number>();
  for (let row = 0; row < data.length; row++) {
    const mask = named.get(stemOf(data.id(row)));
    if (mask !== undefined) of.set(row, mask);
  }
  return { images: masks, of };
}

/** The same for an image and its mask: `CLASS/NAME`. */
const stemOf = (id: string): string => id.replace(/^(train|val|test)\//, '').replace(/(_mask)?\.\w+$/, '');

interface Mapped {
  readonly card: Card;
  readonly data: ImageDataset;
  readonly masks: Masks;
  /** `[n, D]` */
  readonly latents: Float32Array;
  /** Whether each image is normal: without a mask it has no defective pixel. */
  readonly isNormal: (row: number) => boolean;
  readonly sessions: Sessions;
}

/**
 * How well error maps tell the pixels of masks from others: the area under the ROC curve over all pixels of normal images and
 * of those with a mask.
 * @returns undefined where all pixels are of one kind
 */
export async function pixelMeasures(
  { card, data, masks, latents, isNormal, sessions }: Mapped,
  tick: Tick,
): Promise<NonNullable<Outliers['measures']>['pixels']> {
  const rows = range(0, data.length).filter((row) => masks.of.has(row) || isNormal(row));
  const pixels = card.image.height * card.image.width;
  const curves = { error: histogram(), smoothed: histogram(), dissimilarity: histogram() };
  const pause = pauses(tick);
  const mask = new Uint8Array(pixels);
  for (let from = 0; from < rows.length; from += BATCH) {
    const some = rows.subarray(from, from + BATCH);
    const images = await readImages(data, some);
    const labels = data.labels && Int32Array.from(some, (row) => data.labels?.[row] as number);
    const decoded = await sessions.decodeAll({ latents: pickRows(latents, card.latent.size, some), labels });
    const { raw, smoothed, dissimilarity } = await errorMaps(card.image, images, decoded);
    for (const [i, row] of some.entries()) {
      const own = masks.of.get(row);
      if (own === undefined) mask.fill(0);
      else await masks.images.read([own], mask);
      const half = mask.reduce((most, value) => Math.max(most, value), 1) / 2;
      for (let at = 0, pixel = i * pixels; at < pixels; at++, pixel++) {
        const defective = (mask[at] as number) >= half;
        curves.error.add(raw[pixel] as number, defective);
        curves.smoothed.add(smoothed[pixel] as number, defective);
        curves.dissimilarity.add(dissimilarity[pixel] as number, defective);
      }
    }
    await pause((from + some.length) / rows.length);
  }
  const [error, smoothed, dissimilarity] = [
    curves.error.auroc(),
    curves.smoothed.auroc(),
    curves.dissimilarity.auroc(),
  ];
  if (error === undefined || smoothed === undefined || dissimilarity === undefined) return undefined;
  return { images: rows.length, masked: masks.of.size, error, smoothed, dissimilarity };
}

/** Counts values of two kinds, for the area under their ROC curve. */
function histogram() {
  const counts = [new Float64Array(BINS), new Float64Array(BINS)] as const;
  return {
    add(value: number, positive: boolean): void {
      const bin = Math.max(0, Math.min(BINS - 1, Math.floor((value / MOST) * BINS)));
      const own = counts[positive ? 1 : 0];
      own[bin] = (own[bin] as number) + 1;
    },
    /** Values in one bin count as equal. Undefined where all are of one kind. */
    auroc(): number | undefined {
      const [negatives, positives] = counts.map((own) => own.reduce((sum, count) => sum + count, 0)) as [
        number,
        number,
      ];
      if (negatives === 0 || positives === 0) return undefined;
      let [below, area] = [0, 0];
      for (let bin = 0; bin < BINS; bin++) {
        const [negative, positive] = [counts[0][bin] as number, counts[1][bin] as number];
        area += positive * (below + negative / 2);
        below += negative;
      }
      return area / (negatives * positives);
    },
  };
}
