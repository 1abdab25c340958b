import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import {
  bytesPerImage,
  closeSplits,
  type DatasetSplits,
  defineDataset,
  type ImageDataset,
  UNLABELLED,
} from './dataset.ts';
import { runs } from './rows.ts';

/** Data in two parts. */
export type TrainAndTest = DatasetSplits & { readonly test: ImageDataset };

/**
 * Splits a data set that comes in one piece. Images are ranked by a hash of their id, and the lowest tenth (rounded; at
 * least one image) is the test set; both parts keep the original order. The choice depends on ids only, so it is the same
 * on every machine and in every run.
 * @throws InputError when there is only one image
 */
export function holdOut(full: ImageDataset): TrainAndTest {
  const { name, length } = full;
  if (length < 2) throw new InputError(`${name}: one image cannot be split into a training and a test set; add more`);
  const [train, test] = divide(full, 0.1, '0/', [`${name}/train`, `${name}/test`]);
  return { name, train, test };
}

/**
 * Holds a share of the training images out for validation, ranked as by `holdOut` with another hash.
 * @param share of the training images, above 0 and below 1 (rounded; at least one image)
 * @throws InputError when the data have a validation part, or too few training images
 */
export function holdOutValidation(splits: DatasetSplits, share: number): DatasetSplits {
  const { name, train: full, val } = splits;
  if (val) {
    throw new InputError(
      `--val-split ${share}: ${name} has a validation part of ${counted(val.length, 'image')}; leave it out`,
    );
  }
  if (shareOf(full.length, share) >= full.length) {
    throw new InputError(`--val-split ${share}: it leaves no training image of ${name}, which has ${full.length}`);
  }
  const [train, held] = divide(full, share, 'val/', [full.name, `${name}/val`]);
  return { ...splits, train, val: held };
}

/**
 * The parts as a run has them that held `share` of the training images out; unchanged without a share, with a validation part, or
 * with too few images to train on.
 */
export const withValidation = (splits: DatasetSplits, share: number | undefined): DatasetSplits =>
  share === undefined || splits.val || shareOf(splits.train.length, share) >= splits.train.length
    ? splits
    : holdOutValidation(splits, share);

/** A share of some images, at least one of them. */
const shareOf = (images: number, share: number): number => Math.max(1, Math.round(images * share));

/** Divides a data set into the rest and, second, a share that is chosen by a hash of ids. Closing both closes `full`. */
function divide(full: ImageDataset, share: number, prefix: string, names: readonly [string, string]) {
  const { length } = full;
  const ranks = new Uint32Array(length);
  for (let i = 0; i < length; i++) ranks[i] = hashOf(`${prefix}${full.id(i)}`);
  const count = shareOf(length, share);
  const limit = ranks.slice().sort()[count - 1] as number;
  let ties = count; // the first images of equal rank
  for (const rank of ranks) if (rank < limit) ties--;
  const divided = [new Uint32Array(length - count), new Uint32Array(count)] as const;
  let held = 0;
  for (let i = 0; i < length; i++) {
    const rank = ranks[i] as number;
    if (rank < limit || (rank === limit && ties-- > 0)) divided[1][held++] = i;
    else divided[0][i - held] = i;
  }
  const open = new Set([0, 1]); // the parts share the files of `full`
  const part = (which: 0 | 1) => {
    const close = async () => {
      if (open.delete(which) && open.size === 0) await full.close();
    };
    return subset({ ...full, close }, names[which], divided[which]);
  };
  return [part(0), part(1)] as const;
}

/** FNV-1a over UTF-16 code units, then MurmurHash3's finalizer, which spreads differences in the last characters. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Some images of a data set, by index, under their original ids. Closing it closes the original. */
export function subset(full: ImageDataset, name: string, indices: Uint32Array): ImageDataset {
  const { labels, pixels } = full;
  const original = (index: number) => indices[index] as number;
  const rows = pixels?.rows;
  return defineDataset({
    ...full,
    name,
    length: indices.length,
    labels: labels && new Int32Array(indices.length).map((_, i) => labels[indices[i] as number] as number),
    pixels: pixels && { ...pixels, rows: rows ? indices.map((index) => rows[index] as number) : indices },
    id: (index) => full.id(original(index)),
    read: (wanted, target) => full.read(Uint32Array.from(wanted, original), target),
  });
}

/** The images of all parts, one after another, with ids `train/…`, `val/…` and `test/…`. Closing it closes the parts. */
export function joinParts(splits: DatasetSplits): ImageDataset {
  const { name, train } = splits;
  const bytes = bytesPerImage(train.shape);
  let length = 0;
  const parts = (['train', 'val', 'test'] as const).flatMap((split) => {
    const part = splits[split];
    if (!part) return [];
    length += part.length;
    return [{ split, part, first: length - part.length, end: length }];
  });
  type Part = (typeof parts)[number];
  const partWith = (index: number | undefined) => parts.find(({ end }) => (index as number) < end) as Part;
  const labelled = parts.some(({ part }) => part.labels !== undefined);
  const labels = labelled ? new Int32Array(length).fill(UNLABELLED) : undefined;
  for (const { part, first } of parts) if (part.labels) labels?.set(part.labels, first);
  return defineDataset({
    ...train,
    name,
    pixels: undefined,
    skipped: parts.flatMap(({ part }) => part.skipped ?? []),
    length,
    labels,
    id(index) {
      const { split, part, first } = partWith(index);
      return `${split}/${part.id(index - first)}`;
    },
    async read(indices, target) {
      let current = partWith(indices[0]);
      const joined = (i: number) => {
        const index = indices[i] as number;
        if (index >= current.first && index < current.end) return true;
        current = partWith(index);
        return false;
      };
      for (const { from, to } of runs(indices.length, joined)) {
        const { part, first } = partWith(indices[from]);
        const inPart = new Uint32Array(to - from).map((_, i) => (indices[from + i] as number) - first);
        await part.read(inPart, target.subarray(from * bytes, to * bytes));
      }
    },
    close: () => closeSplits(splits),
  });
}
