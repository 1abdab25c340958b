import { models } from '../../models/index.ts';
import { adam, type ModelDefinition, type OptimizerRecipe, pixelLosses } from '../../models/kit/model.ts';
import { suitRecipe } from '../../models/kit/suit.ts';
import { issuesOf } from '../artifacts/json.ts';
import { noSums } from '../artifacts/metrics.ts';
import { type RunPlan, type RunPosition, runPlan } from '../artifacts/run.ts';
import { formatAugmentation, NO_AUGMENTATION, parseAugmentation } from '../data/augment.ts';
import { type DatasetSplits, type ImageDataset, labelledRows, partsOf } from '../data/dataset.ts';
import { shortSpec } from '../data/formats.ts';
import { Generator } from '../data/generator.ts';
import { defaultThreads } from '../devices/device.ts';
import { InputError } from '../io/errors.ts';
import type { TrainOptions } from './options.ts';

/** What a plan depends on besides the options. */
export interface PlanInput {
  readonly data: DatasetSplits;
  /** Training images that there are, of which `data` may have only the first; as many as `data` has by default. */
  readonly images?: number | undefined;
  /** The plan of the run that is resumed. */
  readonly previous?: RunPlan | undefined;
  /** The checkpoint that the first weights are taken from. */
  readonly init?: RunPlan['init'];
}

/**
 * The plan of a run. Reads all images once, for their fingerprints.
 * @returns the plan, and notes on how the recipe was suited to the images
 * @throws InputError when an option or the data do not suit the model
 */
export async function planOf(model: ModelDefinition, options: TrainOptions, input: PlanInput) {
  const { data, images = data.train.length, previous, init = previous?.init } = input;
  const { name, train } = data;
  const { optimizer: _, ...given } = options;
  const suited = suitRecipe(model, { ...train.shape, images }, given);
  // A recipe of convae's own is made for MNIST; that of somebody's own model is meant for their data.
  const isOwn = models[model.name] === model;
  const { recipe, notes } = previous
    ? { recipe: { ...previous.recipe, ...previous.size }, notes: [] }
    : {
        recipe: isOwn ? suited.recipe : model.recipe,
        notes: isOwn ? [...suited.reasons, suited.suggestion ?? []].flat() : [],
      };
  const { seed = previous?.size.seed ?? 0 } = options;
  checked('--seed', seed, Number.isSafeInteger(seed), 'an integer');
  const [filters, halvings] = [options.filters ?? recipe.filters, options.halvings ?? recipe.halvings];
  const clusters = options.clusters ?? recipe.clusters;
  const { pixelLoss = recipe.pixelLoss, ssim = recipe.ssim, colour = recipe.colour } = options;
  const earlyStopping = options.earlyStopping ?? previous?.recipe.earlyStopping;
  const schedule = options.schedule ?? recipe.schedule;
  const augment = formatAugmentation(parseAugmentation(options.augment ?? recipe.augment ?? NO_AUGMENTATION));
  assertTaken(model, options);
  assertSuits(model, data, { schedule, earlyStopping, colour });
  const fingerprinted = async (part: ImageDataset) => ({ images: part.length, ...(await part.fingerprints()) });
  const plan: RunPlan = {
    model: model.name,
    modelFile: options.modelFile,
    size: {
      ...train.shape,
      latent: positive('--latent', options.latent ?? recipe.latent),
      classes: train.classes?.length ?? Math.max(...partsOf(data).map(classCount)),
      seed,
      ...(filters !== undefined && { filters: positive('--width', filters) }),
      ...(halvings !== undefined && { halvings: positive('--depth', halvings) }),
      ...(clusters !== undefined && { clusters: clustersOf(clusters, train) }),
    },
    recipe: {
      epochs: positive('--epochs', options.epochs ?? recipe.epochs),
      batchSize: positive('--batch-size', options.batchSize ?? recipe.batchSize),
      optimizer: optimizerOf(recipe.optimizer, options),
      schedule,
      beta: options.beta ?? recipe.beta,
      klWarmUp: options.klWarmUp ?? recipe.klWarmUp,
      earlyStopping: earlyStopping && positive('--early-stopping', earlyStopping),
      pixelLoss: pixelLoss && pixelLosses[pixelLoss] !== model.pixelLoss ? pixelLoss : undefined,
      ssim,
      colour,
      ...(clusters !== undefined && { centres: options.centres ?? recipe.centres ?? 'kmeans' }),
      ...(augment !== NO_AUGMENTATION && { augment }),
    },
    data: {
      name,
      valSplit: options.valSplit ?? previous?.data.valSplit,
      ...(data.label !== undefined && { label: data.label }),
      ...(data.onlyClass && { onlyClass: [...data.onlyClass] }),
      train: await fingerprinted(train),
      ...(data.val && { val: await fingerprinted(data.val) }),
      ...(data.test && { test: await fingerprinted(data.test) }),
      classes: train.classes ? [...train.classes] : null,
      ...(data.index && { preprocessing: data.index.preprocessing }),
    },
    slices: previous?.slices ?? (options.threads || defaultThreads()),
    ...(init && { init }),
    ...(previous?.engine !== undefined && { engine: previous.engine }),
    ...(previous?.changes && { changes: previous.changes }),
  };
  const { error } = runPlan.safeParse(plan);
  if (error) {
    const of = options.modelFile ?? model.name;
    throw new InputError(`${of}: ${issuesOf(error)}; models/cae.ts of convae is an example of a recipe`);
  }
  return { plan, notes };
}

/** @throws InputError when the model does not have what an option is for */
export function assertTaken({ name, recipe, withLoss }: ModelDefinition, options: TrainOptions): void {
  if (recipe.beta === undefined && (options.beta ?? options.klWarmUp) !== undefined) {
    const option = options.beta !== undefined ? '--beta' : '--kl-warm-up';
    throw new InputError(`${option}: ${name} has no KL divergence; use a variational model such as cvae`);
  }
  const ofClusters = (options.clusters !== undefined && '--clusters') || (options.centres && '--centres');
  if (ofClusters && recipe.clusters === undefined) {
    throw new InputError(
      `${ofClusters}: ${name} has no clusters; use dcec, or cluster its latents with \`convae cluster\``,
    );
  }
  const option = (options.pixelLoss && '--pixel-loss') || (options.ssim && '--ssim') || (options.colour && '--colour');
  if (option && !withLoss) {
    throw new InputError(`${option}: ${name} has a loss of its own; leave the option out`);
  }
}

/** @throws InputError when a model or an option needs images or labels that the data do not have */
function assertSuits(
  model: ModelDefinition,
  data: DatasetSplits,
  { schedule, earlyStopping, colour }: Pick<RunPlan['recipe'], 'schedule' | 'earlyStopping' | 'colour'>,
): void {
  assertLabelled(model, data);
  if (colour && data.train.shape.channels === 1) {
    throw new InputError(`--colour ${colour}: the images of ${shortSpec(data.name)} are gray; leave it out`);
  }
  if (data.val) return;
  const option = earlyStopping ? `--early-stopping ${earlyStopping}` : schedule === 'plateau' && '--schedule plateau';
  if (option) {
    throw new InputError(
      `${option}: it goes by validation images, and ${shortSpec(data.name)} has none; add --val-split 0.1`,
    );
  }
}

/** The optimizers that options name, with their usual settings (PyTorch's; 0.1 for plain gradient descent). */
const OPTIMIZERS: Readonly<Record<NonNullable<TrainOptions['optimizer']>, OptimizerRecipe>> = {
  adam: adam(),
  adamw: { name: 'adamw', learningRate: 1e-3, epsilon: 1e-8, weightDecay: 0.01 },
  sgd: { name: 'sgd', learningRate: 0.1 },
  rmsprop: { name: 'rmsprop', learningRate: 1e-3, decay: 0.99, epsilon: 1e-8 },
};

/** The recipe's optimizer, or the one that is asked for, with the settings that are asked for. */
function optimizerOf(recipe: OptimizerRecipe, options: TrainOptions): OptimizerRecipe {
  const own = recipe.name === 'momentum' ? 'sgd' : recipe.name;
  const { optimizer = own, learningRate, weightDecay, clipNorm } = options;
  const chosen: OptimizerRecipe = optimizer === own ? recipe : OPTIMIZERS[optimizer];
  const rate = learningRate ?? chosen.learningRate;
  checked('--learning-rate', rate, rate > 0 && Number.isFinite(rate), 'a number above 0');
  return {
    ...chosen,
    learningRate: rate,
    ...(weightDecay !== undefined && {
      weightDecay: checked('--weight-decay', weightDecay, weightDecay >= 0, 'a number of at least 0'),
    }),
    ...(clipNorm !== undefined && { clipNorm: checked('--clip-norm', clipNorm, clipNorm > 0, 'a number above 0') }),
  };
}

/** @throws InputError unless there are at least 2 clusters, and an image for each */
const clustersOf = (clusters: number, { length }: ImageDataset): number =>
  checked(
    '--clusters',
    clusters,
    Number.isSafeInteger(clusters) && clusters >= 2 && clusters <= length,
    `an integer from 2 to the number of training images, ${length}`,
  );

/** @throws InputError when the model needs labels and some images have none */
function assertLabelled({ name, conditional }: ModelDefinition, splits: DatasetSplits): void {
  if (!(conditional.encoder || conditional.decoder)) return;
  for (const part of partsOf(splits)) {
    const unlabelled = part.length - labelledRows(part).length;
    if (unlabelled === 0) continue;
    const first = part.id(part.labels?.findIndex((label) => label < 0) ?? 0);
    throw new InputError(
      `${part.name}: ${unlabelled} of its ${part.length} images have no label (the first is ${first}), which ${name} needs; label them, leave them out, or train another model`,
    );
  }
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
