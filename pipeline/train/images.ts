import { samePixels } from '../artifacts/fields.ts';
import type { RunPlan } from '../artifacts/run.ts';
import { loadIntoMemory } from '../data/batches.ts';
import { type DatasetSplits, heldOut, type ImageDataset } from '../data/dataset.ts';
import { range } from '../data/rows.ts';
import { holdOutValidation, subset } from '../data/split.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import type { TrainOptions } from './options.ts';
import { positive } from './plan.ts';

/**
 * The images that a run trains and is evaluated on: a validation part held out if asked for, then the first of each part,
 * held in memory where they fit. A resumed run that began with the first images goes on with as many.
 * @param valSplit share of the training images
 * @param previous the plan of the run that is resumed
 * @returns them, the limits, notes on limits of the resumed run, and the number of training images without `--limit-train`
 * @throws InputError when an option does not suit the data, or a part has no images
 */
export async function imagesFor(
  splits: DatasetSplits,
  { valSplit, limitTrain, limitTest }: ImageOptions,
  previous?: RunPlan,
) {
  if (valSplit !== undefined && !(valSplit > 0 && valSplit < 1)) {
    throw new InputError(`--val-split ${valSplit}: expected a share above 0 and below 1, such as 0.1`);
  }
  const { name, train, val, test } = valSplit === undefined ? splits : holdOutValidation(splits, valSplit);
  heldOut({ name, train, val, test }); // refuses a single image
  const limits = {
    limitTrain: limitTrain ?? (await limitOf(train, previous?.data.train)),
    limitTest: limitTest ?? (await limitOf(test, previous?.data.test)) ?? (await limitOf(val, previous?.data.val)),
  };
  const data: DatasetSplits = {
    name,
    train: await inMemory(train, '--limit-train', limits.limitTrain),
    val: val && (await inMemory(val, '--limit-test', limits.limitTest)),
    test: test && (await inMemory(test, '--limit-test', limits.limitTest)),
    label: splits.label,
    onlyClass: splits.onlyClass,
    index: splits.index,
  };
  const notes = Object.entries({
    training: [limitTrain, limits.limitTrain],
    test: [limitTest, limits.limitTest],
  }).flatMap(([kind, [asked, used]]) =>
    asked === used ? [] : [`the first ${counted(used ?? 0, `${kind} image is`, `${kind} images are`)} used, as before`],
  );
  return { data, limits, notes, images: train.length };
}

type ImageOptions = Pick<TrainOptions, 'valSplit' | 'limitTrain' | 'limitTest'>;

/** How many images of a part the resumed run has, if they are the first of more. */
async function limitOf(part: ImageDataset | undefined, before: Images | undefined) {
  if (!part || !before || before.images >= part.length) return undefined;
  return (await beginsWith(part, before)) ? before.images : undefined;
}

type Images = RunPlan['data']['train'];

/**
 * Whether a part consists of a run's images, or begins with them. Reads them once, for their fingerprints.
 * @param labelled whether their labels must be the same, too
 */
export async function beginsWith(part: ImageDataset, before: Images, labelled = false): Promise<boolean> {
  const { images } = before;
  if (images > part.length) return false;
  const first = images < part.length ? subset(part, part.name, range(0, images)) : part;
  const own = await first.fingerprints();
  return labelled ? own.fingerprint === before.fingerprint : samePixels(own, before);
}

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
