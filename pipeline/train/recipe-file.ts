import { stringify } from 'yaml';
import { models } from '../../models/index.ts';
import { type ModelDefinition, type PixelLossName, pixelLosses } from '../../models/kit/model.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import type { RunPlan } from '../artifacts/run.ts';
import { NO_AUGMENTATION } from '../data/augment.ts';
import { GIVEN_RANGE } from '../data/scale.ts';
import { printableLine } from '../io/printable.ts';
import type { TrainOptions } from './options.ts';

/** The options that say where and on what to compute; results may differ between engines in their last digits. */
type Machine = Pick<TrainOptions, 'engine' | 'device' | 'threads' | 'limitTrain' | 'limitTest'>;

/** A plan as options of `convae train`, by their names. */
export function optionsOf({ model, modelFile, size, recipe, data, init }: RunPlan): Record<string, string | number> {
  const { name, learningRate, weightDecay, clipNorm } = recipe.optimizer;
  const own = modelFile === undefined ? models[model] : undefined;
  return defined({
    model: modelFile ?? model,
    data: data.name,
    ...(data.preprocessing && fittingOf(data.preprocessing)),
    label: data.label,
    'only-class': data.onlyClass?.join(),
    'val-split': data.valSplit,
    latent: size.latent,
    width: size.filters,
    depth: size.halvings,
    clusters: size.clusters,
    centres: centresOf(recipe, size),
    epochs: recipe.epochs,
    'batch-size': recipe.batchSize,
    optimizer: name === 'momentum' ? 'sgd' : name,
    'learning-rate': learningRate,
    'weight-decay': weightDecay,
    'clip-norm': clipNorm,
    schedule: recipe.schedule ?? 'constant',
    'early-stopping': recipe.earlyStopping,
    beta: recipe.beta,
    'kl-warm-up': recipe.klWarmUp,
    'pixel-loss': recipe.pixelLoss ?? ownLossOf(own),
    ssim: recipe.ssim,
    colour: recipe.colour ?? (own?.withLoss && size.channels > 1 ? 0 : undefined),
    augment: recipe.augment ?? NO_AUGMENTATION,
    seed: size.seed,
    init: init?.from,
  });
}

/** Older runs do not say that their centres started from k-means. */
export const centresOf = ({ centres }: RunPlan['recipe'], { clusters }: RunPlan['size']) =>
  centres ?? (clusters === undefined ? undefined : 'kmeans');

/** The loss of one of convae's own models, whose recipe for other images than MNIST's may have another one. */
function ownLossOf(model: ModelDefinition | undefined): PixelLossName | undefined {
  return (
    model?.withLoss &&
    (Object.keys(pixelLosses) as PixelLossName[]).find((each) => pixelLosses[each] === model.pixelLoss)
  );
}

/** What was done to the images, as options; scalings that follow from the images are found again. */
function fittingOf({ height, width, fit, background, channels, scalings }: Preprocessing) {
  const range = scalings.find(({ rule }) => rule === GIVEN_RANGE)?.from.join();
  return { size: `${width}x${height}`, fit, background, channels: channels === 1 ? 'gray' : 'rgb', range };
}

/** `recipe.yaml` of a run: all options that its weights depend on, for `convae train --config`. */
export function recipeFile(plan: RunPlan, { engine, device, threads, limitTrain, limitTest }: Machine): string {
  const { init, engine: computing, changes = [] } = plan;
  const notes = [
    'To train this again: convae train --config recipe.yaml --run FOLDER',
    computing !== undefined && `Computed with ${computing}; others round differently`,
    init && `First weights: step ${init.step} of ${init.from}, whose SHA256SUMS has SHA-256 ${init.sha256}`,
    ...changes.map(
      ({ step, name, from, to }) => `Resumed at step ${step} with another ${name}: ${from} before, ${to} after`,
    ),
    changes.length > 0 && 'Trained in one go with the options below, the weights would differ.',
  ];
  const options = defined({
    ...optionsOf(plan),
    'limit-train': limitTrain,
    'limit-test': limitTest,
    engine,
    device,
    threads: threads || undefined,
  });
  return `${notes.flatMap((note) => (note ? `# ${printableLine(note)}\n` : [])).join('')}${stringify(options)}`;
}

const defined = (values: Record<string, string | number | undefined>) =>
  Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string | number] => entry[1] !== undefined),
  );
