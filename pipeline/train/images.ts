import { loadIntoMemory } from '../data/batches.ts';
import { type DatasetSplits, heldOut, type ImageDataset } from '../data/dataset.ts';
import { range } from '../data/rows.ts';
import { holdOutValidation, subset } from '../data/split.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import type { TrainOptions } from './options.ts';
import { positive } from './plan.ts';

/**
 * The images that a run trains and is evaluated on: a validation part held out if asked for, then the first of each part,
 * held in memory where they fit.
 * @param valSplit share of the training images
 * @returns them, and the number of training images without `--limit-train`
 * @throws InputError when an option does not suit the data, or a part has no images
 */
export async function imagesFor(splits: DatasetSplits, { valSplit, limitTrain, limitTest }: ImageOptions) {
  if (valSplit !== undefined && !(valSplit > 0 && valSplit < 1)) {
    throw new InputError(`--val-split ${valSplit}: expected a share above 0 and below 1, such as 0.1`);
  }
  const { name, train, val, test } = valSplit === undefined ? splits : holdOutValidation(splits, valSplit);
  heldOut({ name, train, val, test }); // refuses a single image
  const data: DatasetSplits = {
    name,
    train: await inMemory(train, '--limit-train', limitTrain),
    val: val && (await inMemory(val, '--limit-test', limitTest)),
    test: test && (await inMemory(test, '--limit-test', limitTest)),
    index: splits.index,
  };
  return { data, images: train.length };
}

type ImageOptions = Pick<TrainOptions, 'valSplit' | 'limitTrain' | 'limitTest'>;

async function inMemory(dataset: ImageDataset, option: string, limit = dataset.length): Promise<ImageDataset> {
  if (dataset.length === 0) throw new InputError(`${dataset.name}: it holds no images`);
  const used = positive(option, limit) < dataset.length ? subset(dataset, dataset.name, range(0, limit)) : dataset;
  try {
    return await loadIntoMemory(used);
  } catch (error) {
    if (error instanceof EnvironmentError) return used; // too large: each batch is read when it is needed
    throw error;
  }
}
