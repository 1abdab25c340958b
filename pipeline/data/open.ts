import type { ImageIndex } from '../artifacts/image-index.ts';
import { InputError } from '../io/errors.ts';
import { closeOnError } from '../io/source.ts';
import { closeSplits, type DatasetSplits, heldOut, type ImageDataset } from './dataset.ts';
import { locateData, shortSpec } from './formats.ts';
import type { Prepared } from './image-cache.ts';
import { onlyClasses } from './only-classes.ts';
import type { DataOptions } from './options.ts';
import { openPart, rememberFingerprints } from './parts.ts';
import { prepare } from './prepare.ts';
import { holdOut, joinParts, withValidation } from './split.ts';

export type Split = 'train' | 'val' | 'test' | 'all';

/** The parts of a data set, and what is known about all of its images. */
export interface OpenedSplits extends DatasetSplits {
  readonly index: ImageIndex;
}

/**
 * Opens the parts of a value of `--data`. Images that come in one piece are split: a fixed tenth is held out for tests (see
 * `holdOut`). The caller closes the parts.
 * @param spec `mnist` or a path, see `DATA_FORMS`
 * @throws InputError when there is no such data or `prepare` refuses it; EnvironmentError; Interrupted
 */
export async function openSplits(spec: string, options: DataOptions = {}): Promise<OpenedSplits> {
  const prepared = await prepareData(spec, options);
  const { index, label } = prepared;
  const open = (name: 'train' | 'val' | 'test' | 'all') => openPart(prepared, name, options.classes);
  const splits = index.parts.all ? splitWhole(prepared, await open('all')) : await openTogether(spec, open, index);
  try {
    const chosen = options.onlyClass
      ? remembered(prepared, onlyClasses(splits, options.onlyClass, options.holdsOut ?? options.valSplit !== undefined))
      : splits;
    return { ...remembered(prepared, withValidation(chosen, options.valSplit)), index, label };
  } catch (error) {
    await closeSplits(splits);
    throw error;
  }
}

/**
 * Opens the images that a model was trained on, or others that are given instead.
 * @param trained the value of `--data` in training, as it was recorded
 * @throws as `openSplits`; where no others are given, an InputError says that they may be
 */
export async function openTrainingSplits(
  trained: string,
  given: string | undefined,
  options: DataOptions,
): Promise<OpenedSplits> {
  return openSplits(given ?? shortSpec(trained), options).catch((error: unknown) => {
    if (given !== undefined || !(error instanceof InputError)) throw error;
    throw new InputError(`${error.message}; the model was trained on ${trained}, give its images with --data`);
  });
}

/**
 * Opens one part of a value of `--data`, or all of it. Where the data come in parts, `all` is the training, validation and test
 * images, with ids `train/…`, `val/…` and `test/…`; otherwise it is the data set unchanged.
 * @param split by default the images that were not trained on, see `heldOut`, or a single image
 * @throws InputError as `openSplits`, or where there is no such part
 */
export async function openSplit(
  spec: string,
  split: Split | undefined,
  options: DataOptions = {},
): Promise<ImageDataset> {
  if (split === 'all' && !options.onlyClass) {
    const prepared = await prepareData(spec, options);
    if (prepared.index.parts.all) return openPart(prepared, 'all', options.classes);
  }
  const splits = await openSplits(spec, options);
  if (split === 'all') return joinParts(splits);
  const isSingle = !splits.val && !splits.test;
  const wanted = split === undefined && !isSingle ? heldOut(splits) : splits[split ?? 'train'];
  for (const part of [splits.train, splits.val, splits.test]) if (part && part !== wanted) await part.close();
  if (wanted) return wanted;
  const others = (['train', 'val', 'test'] as const).filter((name) => splits[name]).join(', ');
  throw new InputError(`${spec}: it has no ${split} part; choose --split ${others}`);
}

async function prepareData(spec: string, options: DataOptions): Promise<Prepared> {
  const source = await locateData(spec, options);
  try {
    return await prepare(spec, source, options);
  } finally {
    for (const part of [source.train, source.val, source.test, source.all]) await part?.close();
  }
}

async function openTogether(
  name: string,
  open: (part: 'train' | 'val' | 'test') => Promise<ImageDataset>,
  { parts }: ImageIndex,
): Promise<DatasetSplits> {
  const train = await open('train');
  return closeOnError(train, async () => {
    const val = parts.val && (await open('val'));
    const test = parts.test && (await open('test'));
    return val || test ? { name, train, val, test } : holdOut({ ...train, name });
  });
}

/** A set in one piece, split; a single image cannot be, but can be looked at. */
const splitWhole = (prepared: Prepared, all: ImageDataset): DatasetSplits =>
  all.length > 1 ? remembered(prepared, holdOut(all)) : { name: all.name, train: all };

/** Parts of a data set that was divided here, whose fingerprints are kept in the cache. */
function remembered<S extends DatasetSplits>({ folder }: Prepared, splits: S): S {
  const keep = (part: ImageDataset | undefined) =>
    part?.pixels?.rows ? rememberFingerprints(part, folder, part.pixels.rows) : part;
  return { ...splits, train: keep(splits.train), val: keep(splits.val), test: keep(splits.test) };
}
