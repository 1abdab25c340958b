import { basename, join, resolve } from 'node:path';
import { type Card, heldOutOf } from '../artifacts/card.ts';
import { type Fingerprints, samePixels } from '../artifacts/fields.ts';
import { closeSplits, type DatasetSplits, type ImageDataset } from '../data/dataset.ts';
import { shortSpec } from '../data/formats.ts';
import { openSplits, type Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { range } from '../data/rows.ts';
import { joinParts, subset } from '../data/split.ts';
import { checkFits, type ExportedModel, openExported, trainingOptionsFor } from '../inference/exported.ts';
import { fileDigest, sha256 } from '../io/digest.ts';
import { InputError, withFileErrors } from '../io/errors.ts';

interface OpenModel {
  /** Shown to visitors: the name of its exported folder. */
  readonly name: string;
  /** Its folder in the site, of characters that a URL need not escape. */
  readonly folder: string;
  readonly model: ExportedModel;
  /** SHA-256 of card.json, which contains those of the model's other files. */
  readonly cardHash: string;
}

interface Images extends Fingerprints {
  readonly dataset: ImageDataset;
}

/** An exported model in a site, and the images that the site shows for it. */
export interface SiteModel extends OpenModel, Images {
  readonly split: Split;
}

export interface ModelOptions {
  /** The folder of the site. */
  readonly out: string;
  /** Folders of exported models; the first is shown first. */
  readonly exported: readonly string[];
  /** Values of `--data`: where to look first for the images that the models were trained on. */
  readonly data: readonly string[];
  /** Images to show of each model; by default those that it was not trained on. */
  readonly split?: Split | undefined;
  /** How to read the data, except for what a model decides. */
  readonly dataOptions?: DataOptions | undefined;
}

/**
 * Opens exported models, checking their files, and their images, and closes the images after the work.
 * @throws InputError when there is no model, one is damaged, two would have the same folder in the site, or the images of
 * one are not found, or the site would be among them; what `work` throws
 */
export async function withModels<T>(
  options: ModelOptions,
  work: (models: readonly SiteModel[]) => Promise<T>,
): Promise<T> {
  const opened = await openModels(options.exported);
  const specs = [...options.data, ...opened.map(({ model }) => model.card.dataset.name)];
  for (const spec of specs) await checkOutside(spec, options.out);
  const sources = dataSources(options);
  try {
    const models: SiteModel[] = [];
    for (const one of opened) {
      const images = await sources.find(one.model, options.split);
      checkFits(one.model.card, images.dataset, true);
      models.push({ ...one, ...images });
    }
    return await work(models);
  } finally {
    await sources.close();
  }
}

const folded = (name: string): string => name.normalize().toLowerCase();

/**
 * A model's folder in a site: its name in ASCII, which every host takes. What is lost by that is made up for by digits of a digest
 * where another has the same.
 */
function freeFolder(name: string, taken: readonly string[]): string {
  const plain =
    name
      .normalize()
      .replace(/[^\w.-]+/g, '-')
      .replace(/^\.+/, '') || 'model';
  const isTaken = (folder: string) => taken.some((other) => folded(other) === folded(folder));
  let folder = plain;
  while (isTaken(folder)) folder += `-${sha256(name.normalize()).slice(0, 8)}`;
  return folder;
}

async function openModels(exported: readonly string[]): Promise<OpenModel[]> {
  if (exported.length === 0) {
    throw new InputError(
      'there is no exported model to show; make one with `make train export` (or `convae export RUN`)',
    );
  }
  const models: OpenModel[] = [];
  for (const path of exported) {
    const model = await openExported(path);
    const name = basename(resolve(path));
    const same = models.find((other) => folded(other.name) === folded(name));
    if (same) {
      throw new InputError(
        `${path}: its name in the site would be ${name}, as that of ${same.model.folder}; rename one of the folders`,
      );
    }
    const folder = freeFolder(name, ['index.json', ...models.map((other) => other.folder)]);
    const card = join(path, 'card.json');
    const { sha256: cardHash } = await withFileErrors(`cannot read ${card}`, () => fileDigest(card));
    models.push({ name, folder, model, cardHash });
  }
  return models;
}

/**
 * Finds the images of models. Each data set is opened once for models that see its images alike, and each part of it is read
 * and hashed once.
 * @param given values of `--data`
 */
function dataSources({ data: given, dataOptions }: ModelOptions) {
  const opened = new Map<string, DatasetSplits>();
  const parts = new Map<string, Promise<Images | undefined>>();
  const open = async (spec: string, card: Card) => {
    const options = trainingOptionsFor(card, dataOptions);
    const { preprocessing, classes, knownLabel, valSplit, onlyClass } = options;
    const key = JSON.stringify([spec, preprocessing, classes, knownLabel, valSplit, onlyClass]);
    const splits = opened.get(key) ?? (await openSplits(spec, options));
    opened.set(key, splits);
    const partOf = (split: Split) => {
      const { train, val, test } = card.dataset;
      const partKey = JSON.stringify([key, split, train.images, val?.images, test?.images]);
      const part = parts.get(partKey) ?? cut(splits, card, split);
      parts.set(partKey, part);
      return part;
    };
    return partOf;
  };
  return {
    /**
     * The images of a model, of the part that is asked for, from the given data or from the data that its card names.
     * @param split by default the images that were not trained on
     * @throws InputError when given data cannot be opened, the model was trained on none of the data, or has no such part
     */
    async find({ folder, card }: ExportedModel, split: Split | undefined): Promise<Images & { split: Split }> {
      const name = shortSpec(card.dataset.name);
      const held = heldOutOf(card);
      const kind = held.split === 'test' ? 'test' : 'validation';
      for (const spec of [...given, name]) {
        const partOf = await open(spec, card).catch((error: unknown) => {
          if (given.includes(spec) || !(error instanceof InputError)) throw error;
        });
        const own = await partOf?.(held.split);
        if (!own || !samePixels(own, held)) continue;
        const wanted = split ?? held.split;
        const images = await partOf?.(wanted);
        if (images) return { ...images, split: wanted };
        throw new InputError(`--split ${wanted}: ${folder} was trained without such images; it has ${kind} images`);
      }
      const where = given.length > 0 ? `not in ${given.join(', ')}` : 'not found here';
      throw new InputError(
        `${folder}: the ${held.images} ${kind} images of ${name}, which it was trained with, are ${where}; give that data set with --data`,
      );
    },
    async close() {
      await Promise.all([...opened.values()].map(closeSplits));
    },
  };
}

/** A part without the images that `--limit-train` and `--limit-test` excluded from training; undefined where there is none. */
async function cut(splits: DatasetSplits, { dataset }: Card, split: Split): Promise<Images | undefined> {
  const first = (part: 'train' | 'val' | 'test') => {
    const [set, images] = [splits[part], dataset[part]?.images];
    if (!set || images === undefined) return undefined;
    return images < set.length ? subset(set, set.name, range(0, images)) : set;
  };
  const { name } = splits;
  const train = first('train');
  const part =
    split === 'all' ? train && joinParts({ name, train, val: first('val'), test: first('test') }) : first(split);
  return part && { dataset: part, ...(await part.fingerprints()) };
}
