import type { ModelDefinition } from '../../models/kit/model.ts';
import { noSums } from '../artifacts/metrics.ts';
import type { RunPlan, RunPosition } from '../artifacts/run.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { InputError } from '../io/errors.ts';
import type { TrainOptions } from './options.ts';

/**
 * The plan of a run. Reads all images once, for the fingerprint.
 * @param previous the plan of the run that is resumed
 * @throws InputError when an option or the data do not suit the model
 */
export async function planOf(
  model: ModelDefinition,
  { name, train, test }: DatasetSplits,
  options: TrainOptions,
  previous: RunPlan | undefined,
): Promise<RunPlan> {
  const { recipe, size } = previous ?? { recipe: model.recipe, size: { latent: model.recipe.latent, seed: 0 } };
  const { seed = size.seed, learningRate = recipe.optimizer.learningRate } = options;
  checked('--learning-rate', learningRate, learningRate > 0 && Number.isFinite(learningRate), 'a number above 0');
  checked('--seed', seed, Number.isSafeInteger(seed), 'an integer');
  if (model.recipe.beta === undefined && (options.beta ?? options.klWarmUp) !== undefined) {
    const option = options.beta !== undefined ? '--beta' : '--kl-warm-up';
    throw new InputError(`${option}: ${model.name} has no KL divergence; use a variational model such as cvae`);
  }
  if ((model.conditional.encoder || model.conditional.decoder) && !(train.labels && test.labels)) {
    throw new InputError(`${name}: ${model.name} needs labels, and these images have none; train another model`);
  }
  return {
    model: model.name,
    modelFile: options.modelFile,
    size: {
      ...train.shape,
      latent: positive('--latent', options.latent ?? size.latent),
      classes: train.classes?.length ?? Math.max(classCount(train), classCount(test)),
      seed,
    },
    recipe: {
      epochs: positive('--epochs', options.epochs ?? recipe.epochs),
      batchSize: positive('--batch-size', options.batchSize ?? recipe.batchSize),
      optimizer: { ...recipe.optimizer, learningRate },
      schedule: options.schedule ?? recipe.schedule,
      beta: options.beta ?? recipe.beta,
      klWarmUp: options.klWarmUp ?? recipe.klWarmUp,
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
 * Checks that a run can be resumed with a plan. The number of epochs may differ, and the name of the data.
 * @param run the run folder, for the message
 * @throws InputError that names the differences
 */
export function assertSamePlan(run: string, found: RunPlan, wanted: RunPlan): void {
  const [there, here] = [features(found), features(wanted)];
  const differences = Object.keys(there)
    .filter((name) => there[name] !== here[name])
    .map((name) => `${name} is ${there[name]} there and ${here[name]} here`);
  if (differences.length === 0) return;
  const remedy = 'resume it with its original options, or choose another folder';
  throw new InputError(`${run} belongs to another run: ${differences.join(', ')}; ${remedy}`);
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
    'KL weight': recipe.beta ?? 1,
    'KL warm-up': recipe.klWarmUp ?? 0,
    'number of training images': data.train.images,
    'number of test images': data.test.images,
    'fingerprint of the training images': data.train.fingerprint,
    'fingerprint of the test images': data.test.fingerprint,
  };
}

function checked(option: string, value: number, ok: boolean, expected: string): number {
  if (ok) return value;
  throw new InputError(`${option} ${value}: expected ${expected}`);
}

/** The value of an option. @throws InputError unless it is an integer of at least 1 */
export const positive = (option: string, value: number): number =>
  checked(option, value, Number.isSafeInteger(value) && value >= 1, 'an integer of at least 1');

const classCount = ({ labels = new Int32Array() }: ImageDataset): number =>
  labels.reduce((count, label) => Math.max(count, label + 1), 0);

/** The position of a new run. */
export const startOfRun = (seed: number): RunPosition => ({
  epoch: 0,
  batches: 0,
  step: 0,
  order: Generator.of(seed, 'order').state,
  noise: Generator.of(seed, 'noise').state,
  epochSums: noSums,
  windowSums: noSums,
  metrics: null,
  best: null,
  metricsLines: 0,
});
