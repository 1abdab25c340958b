import type { ModelDefinition, Schedule } from '../../models/kit/model.ts';
import type { RunPlan } from '../artifacts/run.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { InputError } from '../io/errors.ts';

/** What of a run's plan a user may choose; what is left open is the run's own, or the model's recipe in a new run. */
export interface Choices {
  /** Where the model is defined, if it is not one of convae's own. */
  readonly modelFile?: string | undefined;
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly latent?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly schedule?: Schedule | undefined;
  /** Weight of the KL divergence, and epochs over which it grows to that; only for models that have one. */
  readonly beta?: number | undefined;
  readonly klWarmUp?: number | undefined;
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
    ...(choices.modelFile !== undefined && { modelFile: choices.modelFile }),
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
      ...scheduleOf(model, choices, recipe),
    },
    data: {
      name,
      train: { images: train.length, fingerprint: await train.fingerprint() },
      test: { images: test.length, fingerprint: await test.fingerprint() },
      classes: train.classes ? [...train.classes] : null,
    },
  };
}

/** @throws InputError when the weight of a KL divergence is chosen for a model that has none */
function scheduleOf(model: ModelDefinition, choices: Choices, previous: RunPlan['recipe'] | undefined) {
  if (model.recipe.beta === undefined) {
    const option = choices.beta !== undefined ? '--beta' : choices.klWarmUp !== undefined ? '--kl-warm-up' : undefined;
    if (option) {
      throw new InputError(`${option}: ${model.name} has no KL divergence; it is for variational models such as cvae`);
    }
  }
  const recipe = previous ?? model.recipe;
  const chosen = {
    schedule: choices.schedule ?? recipe.schedule,
    beta: choices.beta ?? recipe.beta,
    klWarmUp: choices.klWarmUp ?? recipe.klWarmUp,
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined)) as Partial<
    Pick<RunPlan['recipe'], 'schedule' | 'beta' | 'klWarmUp'>
  >;
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
    schedule: recipe.schedule ?? 'constant',
    'weight of the KL divergence': recipe.beta ?? 1,
    'warm-up of that weight': recipe.klWarmUp ?? 0,
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
