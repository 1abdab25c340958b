import { basename, join, resolve } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { openSplits, type Split } from '../data/open.ts';
import { range } from '../data/rows.ts';
import { subset, trainThenTest } from '../data/split.ts';
import { checkFits, type ExportedModel, openExported } from '../inference/exported.ts';
import { fileDigest } from '../io/digest.ts';
import { InputError } from '../io/errors.ts';

interface OpenModel {
  /** Shown to visitors: the name of its exported folder. */
  readonly name: string;
  /** Its folder in the site, of characters that a URL need not escape. */
  readonly folder: string;
  readonly model: ExportedModel;
  /** SHA-256 of card.json, which contains those of the model's other files. */
  readonly cardHash: string;
}

interface Images {
  readonly dataset: ImageDataset;
  readonly fingerprint: string;
}

/** An exported model in a site, and the images that the site shows for it. */
export interface SiteModel extends OpenModel, Images {
  readonly split: Split;
}

export interface ModelOptions {
  /** Folders of exported models; the first is shown first. */
  readonly exported: readonly string[];
  /** Values of `--data`: where to look first for the images that the models were trained on. */
  readonly data: readonly string[];
  /** Images to show of each model. */
  readonly split: Split;
}

/**
 * Opens exported models, checking their files, and their images, and closes the images after the work.
 * @throws InputError when there is no model, one is damaged, two would have the same folder in the site, or the images of
 * one are not found; what `work` throws
 */
export async function withModels<T>(
  { exported, data, split }: ModelOptions,
  work: (models: readonly SiteModel[]) => Promise<T>,
): Promise<T> {
  const opened = await openModels(exported);
  const sources = dataSources(data);
  try {
    const models: SiteModel[] = [];
    for (const one of opened) {
      const images = await sources.find(one.model, split);
      checkFits(one.model.card, images.dataset, true);
      models.push({ ...one, ...images, split });
    }
    return await work(models);
  } finally {
    await sources.close();
  }
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
    const folder = name.replace(/[^\w.-]+/g, '-').replace(/^\.+/, '') || 'model';
    const same = models.find((other) => other.folder.toLowerCase() === folder.toLowerCase());
    if (same) {
      throw new InputError(
        `${path}: its name in the site would be ${folder}, as that of ${same.model.folder}; rename one of the folders`,
      );
    }
    const { sha256: cardHash } = await fileDigest(join(path, 'card.json'));
    models.push({ name, folder, model, cardHash });
  }
  return models;
}

/**
 * Finds the images of models. Each data set is opened once, and each part of it is read and hashed once.
 * @param given values of `--data`
 */
function dataSources(given: readonly string[]) {
  const opened = new Map<string, DatasetSplits>();
  const parts = new Map<string, Promise<Images>>();
  const open = async (spec: string) => {
    const splits = opened.get(spec) ?? (await openSplits(spec));
    opened.set(spec, splits);
    return splits;
  };
  const partOf = (splits: DatasetSplits, { dataset: { train, test } }: Card, split: Split) => {
    const key = [splits.name, split, split !== 'test' && train.images, split !== 'train' && test.images].join();
    const part = parts.get(key) ?? cut(splits, train.images, test.images, split);
    parts.set(key, part);
    return part;
  };
  return {
    /**
     * The training images of a model, its test images, or both, from the given data or from the data that its card names.
     * @throws InputError when given data cannot be opened, or the model was trained on none of the data
     */
    async find({ folder, card }: ExportedModel, split: Split): Promise<Images> {
      const { name, test } = card.dataset;
      for (const spec of [...given, name]) {
        const splits = await open(spec).catch((error: unknown) => {
          if (given.includes(spec) || !(error instanceof InputError)) throw error;
        });
        if (splits && (await partOf(splits, card, 'test')).fingerprint === test.fingerprint) {
          return partOf(splits, card, split);
        }
      }
      const where = given.length > 0 ? `not in ${given.join(', ')}` : 'not found here';
      throw new InputError(
        `${folder}: the ${test.images} test images of ${name}, which it was trained with, are ${where}; give that data set with --data`,
      );
    },
    async close() {
      await Promise.all([...opened.values()].flatMap(({ train, test }) => [train.close(), test.close()]));
    },
  };
}

/** A split without the images that `--limit-train` and `--limit-test` excluded from training. */
async function cut({ name, ...full }: DatasetSplits, trained: number, tested: number, split: Split): Promise<Images> {
  const first = (set: ImageDataset, count: number) =>
    count < set.length ? subset(set, set.name, range(0, count)) : set;
  const [train, test] = [first(full.train, trained), first(full.test, tested)];
  const dataset = split === 'all' ? trainThenTest({ name, train, test }) : { train, test }[split];
  return { dataset, fingerprint: await dataset.fingerprint() };
}
