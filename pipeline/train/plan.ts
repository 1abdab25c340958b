import type { ModelDefinition } from '../../models/model.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { InputError } from '../errors.ts';
import type { RunPlan } from './state.ts';

/** What of a run's plan a user may choose; what is left open is the run's own, or the model's recipe in a new run. */
export interface Choices {
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly latent?: number | undefined;
  readonly learningRate?: number | undefined;
  /** Decides initial weights, data order and noise; 0 unless chosen. */
  readonly seed?: number | undefined;
}

/**
 * What a run is to train. Reads all of the data once, for its fingerprint.
 * @param previous the plan of the run that is continued
 * @throws InputError when a choice or the data do not suit the model
 */
export async function planOf(
  model: ModelDefinition,
  splits: DatasetSplits,
  choices: Choices,
  previous: RunPlan | undefined,
): Promise<RunPlan> {
  const { train, test, name } = splits;
  const { recipe, size } = previous ?? {};
  const optimizer = recipe?.optimizer ?? model.recipe.optimizer;
  const learningRate = choices.learningRate ?? optimizer.learningRate;
  if (!(learningRate > 0 && Number.isFinite(learningRate))) {
    throw new InputError(`--learning-rate ${learningRate}: a number above 0 was expected`);
  }
  const seed = choices.seed ?? size?.seed ?? 0;
  if (!Number.isSafeInteger(seed)) throw new InputError(`--seed ${seed}: a whole number was expected`);
  if ((model.conditional.encoder || model.conditional.decoder) && !(train.labels && test.labels)) {
    throw new InputError(
      `${name}: ${model.name} learns from labels, and these images have none; add labels or train another model`,
    );
  }
  return {
    model: model.name,
    size: {
      ...train.shape,
      latent: wholeNumber('--latent', choices.latent ?? size?.latent ?? model.recipe.latent),
      classes: train.classes?.length ?? Math.max(classCount(train), classCount(test)),
      seed,
    },
    recipe: {
      epochs: wholeNumber('--epochs', choices.epochs ?? recipe?.epochs ?? model.recipe.epochs),
      batchSize: wholeNumber('--batch-size', choices.batchSize ?? recipe?.batchSize ?? model.recipe.batchSize),
      optimizer: { ...optimizer, learningRate },
    },
    data: {
      name,
      train: { images: train.length, fingerprint: await train.fingerprint() },
      test: { images: test.length, fingerprint: await test.fingerprint() },
      classes: train.classes ? [...train.classes] : null,
    },
  };
}

/**
 * @param run the run folder, for the message
 * @throws InputError that names what differs between the plan found in a run folder and the one asked for; the number of
 * epochs may differ, and so may the name of the same data
 */
export function assertSamePlan(run: string, found: RunPlan, wanted: RunPlan): void {
  const [there, here] = [features(found), features(wanted)];
  const differences = Object.keys(there)
    .filter((name) => there[name] !== here[name])
    .map((name) => `${name} is ${there[name]} there and ${here[name]} here`);
  if (differences.length > 0) {
    throw new InputError(
      `${run} belongs to another run: ${differences.join(', ')}; continue it with the options that it began with, or choose another folder`,
    );
  }
}

function features({ model, size, recipe, data }: RunPlan): Record<string, string | number> {
  const { learningRate, ...optimizer } = recipe.optimizer;
  return {
    model,
    'image size': `${size.height}×${size.width}×${size.channels}`,
    'latent size': size.latent,
    'number of classes': size.classes,
    seed: size.seed,
    'batch size': recipe.batchSize,
    'learning rate': learningRate,
    optimizer: Object.values(optimizer).join(' '),
    'number of training images': data.train.images,
    'number of test images': data.test.images,
    'fingerprint of the training images': data.train.fingerprint,
    'fingerprint of the test images': data.test.fingerprint,
  };
}

function wholeNumber(option: string, value: number): number {
  if (!(Number.isSafeInteger(value) && value >= 1)) {
    throw new InputError(`${option} ${value}: a whole number of at least 1 was expected`);
  }
  return value;
}

function classCount({ labels }: ImageDataset): number {
  let count = 0;
  for (const label of labels ?? []) count = Math.max(count, label + 1);
  return count;
}
