import type { Card } from '../artifacts/card.ts';
import { samePixels } from '../artifacts/fields.ts';
import { closeSplits, type DatasetSplits, type ImageDataset } from '../data/dataset.ts';
import { shortSpec } from '../data/formats.ts';
import { classIndices, rowsOfClasses } from '../data/only-classes.ts';
import { openSplit, openSplits, type Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { range } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { optionsFor, trainingOptionsFor } from '../inference/exported.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';

/** Normal images: some to learn what is usual, others to say how rare a score is among them. */
export interface NormalImages {
  readonly train: ImageDataset;
  readonly reference: ImageDataset;
}

interface FoundImages extends NormalImages {
  /** Whether `train` is what the model was trained on; and whether `reference` is held out of the same data. */
  readonly own: { readonly train: boolean; readonly reference: boolean };
  readonly note?: string | undefined;
}

/** Closes what was opened. */
type Closing = (() => Promise<void>)[];

/**
 * Finds normal images: those that the model was trained on and, as reference, its validation images, or its test images where it
 * has none.
 * @param given value of `--reference`: the training data where they have moved, or other reference images
 * @throws InputError when they are not found
 */
export async function findNormal(
  card: Card,
  given: string | undefined,
  options: DataOptions | undefined,
  closing: Closing,
): Promise<FoundImages> {
  const name = shortSpec(card.dataset.name);
  const reading = optionsFor(card, { ...options, label: undefined }); // `--label` is the column of the data that are scored
  const own = await trainedOn(card, given ?? name, options, closing);
  if (typeof own !== 'string') return { ...own, own: { train: true, reference: true } };
  if (given === undefined) {
    throw new InputError(
      `${name}: it is not what the model was trained on (${own}); name its place, or other normal images, with --reference`,
    );
  }
  const trained = await trainedOn(card, name, options, closing);
  if (typeof trained !== 'string') {
    const reference = await openSplit(given, 'all', reading);
    closing.push(() => reference.close());
    return { train: trained.train, reference, own: { train: true, reference: false } };
  }
  const splits = await openSplits(given, reading);
  closing.push(() => closeSplits(splits));
  const { train, val, test } = splits;
  const note = `The images that the model was trained on are not found: distances are from the training part of ${given}.`;
  return { train, reference: val ?? test ?? train, note, own: { train: false, reference: false } };
}

/** The images that a model was trained on, and those held out; a reason where the data are others. */
async function trainedOn(
  card: Card,
  spec: string,
  options: DataOptions | undefined,
  closing: Closing,
): Promise<(NormalImages & Pick<FoundImages, 'note'>) | string> {
  let splits: DatasetSplits;
  try {
    splits = await openSplits(spec, trainingOptionsFor(card, { ...options, label: undefined }));
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  closing.push(() => closeSplits(splits));
  const { dataset } = card;
  const train = firstOf(splits.train, dataset.train.images);
  if (!samePixels(await train.fingerprints(), dataset.train)) return 'its images have another fingerprint';
  for (const part of ['val', 'test'] as const) {
    const [held, known] = [splits[part], dataset[part]];
    if (!held || !known) continue;
    const reference = firstOf(held, known.images);
    const same = samePixels(await reference.fingerprints(), known);
    const note = same
      ? undefined
      : `${reference.name}: its images are not those that were held out when the model was trained.`;
    return { train, reference, note };
  }
  return 'no images were held out';
}

/** The images of a part that `--limit-train` or `--limit-test` left. */
const firstOf = (part: ImageDataset, images: number): ImageDataset =>
  images < part.length ? subset(part, part.name, range(0, images)) : part;

/**
 * Opens the images to score: by default those held out, of data that come in parts, and otherwise all that the model was not
 * trained on.
 * @throws InputError as `openSplit`
 */
export async function openScored(
  card: Card,
  spec: string,
  split: Split | undefined,
  options: DataOptions | undefined,
  closing: Closing,
): Promise<ImageDataset> {
  const { index, ...splits } = await openSplits(spec, optionsFor(card, options));
  closing.push(() => closeSplits(splits));
  const wanted = split ?? (index.parts.all ? 'all' : undefined);
  const scored = await openSplit(spec, wanted, optionsFor(card, options));
  closing.push(() => scored.close());
  if (split !== undefined || wanted === undefined) return scored;
  const trained = await trainedOn(card, spec, options, closing);
  if (typeof trained === 'string') return scored;
  const ids = new Set(Array.from({ length: trained.train.length }, (_, i) => trained.train.id(i)));
  return subset(
    scored,
    scored.name,
    range(0, scored.length).filter((i) => !ids.has(scored.id(i))),
  );
}

/** Which images of a data set are normal. */
export interface Kinds {
  /** Names of the normal classes; null where it is not known which are. */
  readonly normal: readonly string[] | null;
  /** Labels of the normal classes among those of the data. */
  readonly labels: readonly number[];
}

/** The class that MVTec AD and its like give to normal images. */
const GOOD = /^(good|normal|ok)$/i;

/** Whether classes have numbers for names, which mean other things in other data. */
const areNumbers = (classes: readonly string[] | undefined): boolean => !!classes?.every((name) => /^\d+$/.test(name));

/**
 * Whether a class is the same among some images and those that a model was trained on, where it has the same name. Names that are
 * numbers tell nothing, unless the images are of the data that the model was trained on, or held out of them.
 * @param spec value of `--data` that the images are of
 */
export async function sharesClasses(
  card: Card,
  spec: string,
  data: ImageDataset,
  options: DataOptions | undefined,
  closing: Closing,
): Promise<boolean> {
  if (!areNumbers(data.classes)) return true;
  if (typeof (await trainedOn(card, spec, options, closing)) !== 'string') return true;
  const { train, val, test, onlyClass } = card.dataset;
  const found = await onlyNormal(data, onlyClass ?? null).fingerprints();
  return [train, val, test].some((known) => known && samePixels(found, known));
}

/**
 * The classes that are normal: those that are asked for, else `good`, else those that the model was trained on. Of images without
 * labels, `good` says which of the others are normal.
 * @param shared whether they are known by their names, see `sharesClasses`
 * @throws InputError when there is no such class, or no label
 */
export function kindsOf(
  data: ImageDataset,
  { train, reference }: NormalImages,
  asked: readonly string[] | undefined,
  shared: boolean,
): Kinds {
  const { classes, labels } = data;
  if (asked) {
    const chosen = classIndices(data, asked, '--normal');
    return { normal: chosen.map((label) => classes?.[label] as string), labels: chosen };
  }
  const namesIn = (part: ImageDataset) =>
    [...new Set(part.labels)].filter((label) => label >= 0).map((label) => part.classes?.[label] as string);
  const goodIn = (part: ImageDataset) => namesIn(part).filter((name) => GOOD.test(name));
  if (!classes || !labels) {
    const good = [...new Set([train, reference].flatMap(goodIn))];
    return { normal: good.length > 0 ? good : null, labels: [] };
  }
  if (!shared) return { normal: null, labels: [] };
  const good = goodIn(data);
  const trained = good.length > 0 ? good : namesIn(train).filter((name) => classes.includes(name));
  const chosen = trained.map((name) => classes.indexOf(name)).sort((a, b) => a - b);
  return chosen.length === 0
    ? { normal: null, labels: [] }
    : { normal: chosen.map((label) => classes[label] as string), labels: chosen };
}

const normalRows = (part: ImageDataset, normal: Kinds['normal']): Uint32Array =>
  rowsOfClasses(
    part,
    (normal ?? []).map((name) => part.classes?.indexOf(name) ?? -1).filter((label) => label >= 0),
  );

/** The images of normal classes; all of them where none has such a class: they are normal as they are. */
export function onlyNormal(part: ImageDataset, normal: Kinds['normal']): ImageDataset {
  const rows = normalRows(part, normal);
  return rows.length > 0 && rows.length < part.length ? subset(part, part.name, rows) : part;
}

/** Says that images count as normal whose classes are others. @param shared as `kindsOf` */
export function unnamedNote(part: ImageDataset, normal: Kinds['normal'], shared = true): string | undefined {
  if (!normal || !part.labels || (shared && normalRows(part, normal).length > 0)) return undefined;
  const known = shared ? 'is' : 'is known to be';
  return `No image of ${part.name} ${known} of the class ${normal.join(' or ')}: all of its ${counted(part.length, 'image')} count as normal.`;
}
