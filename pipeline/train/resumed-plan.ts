import { existsSync } from 'node:fs';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { samePixels } from '../artifacts/fields.ts';
import type { Preprocessing } from '../artifacts/preprocessing.ts';
import type { RunPlan, RunPosition } from '../artifacts/run.ts';
import { runPaths } from '../artifacts/run-files.ts';
import { NO_AUGMENTATION } from '../data/augment.ts';
import { InputError } from '../io/errors.ts';
import { centresOf } from './recipe-file.ts';
import { hasEnded } from './stopping.ts';

/** Differences that a resumed run may have: what training goes on with, and labels where the model takes none. */
const CHANGEABLE = /^(epochs|learning rate|schedule|early stopping)$/;
const OF_LABELS = /^(number of classes|labels of .*)$/;
/** Of them, those that change the weights that a number of epochs ends with. */
const isRecorded = (name: string, { schedule = 'constant' }: RunPlan['recipe']) =>
  name === 'learning rate' || name === 'schedule' || (name === 'epochs' && /cosine|linear/.test(schedule));
/** Differences that a message names. */
const MOST_NAMED = 3;

/**
 * The plan to go on with where a run is resumed, and notes on what it changes, if anything is left to train. The number of
 * epochs, the learning rate, its schedule, early stopping and the name of the data may differ from the run's; labels may where the
 * model takes none.
 * @param run the run folder, for the message
 * @param at where the run goes on
 * @throws InputError that names other differences
 */
export function resumedPlan(
  run: string,
  found: RunPlan,
  wanted: RunPlan,
  at: RunPosition,
  { encoder, decoder }: ModelDefinition['conditional'],
): { plan: RunPlan; notes: string[] } {
  const differences = differencesOf(found, wanted);
  const mayDiffer = (name: string) => CHANGEABLE.test(name) || (!encoder && !decoder && OF_LABELS.test(name));
  const refused = differences.filter(({ name }) => !mayDiffer(name));
  if (refused.length > 0) {
    const named = refused.slice(0, MOST_NAMED).map(({ name, from, to }) => `${name} is ${from} there and ${to} here`);
    const more = refused.length > MOST_NAMED ? ` and ${refused.length - MOST_NAMED} more` : '';
    const { recipe } = runPaths(run); // older runs have none
    const options = existsSync(recipe) ? `its own options (--config ${recipe})` : 'its own options';
    throw new InputError(
      `${run} belongs to another run: ${named.join(', ')}${more}; resume it with ${options}, or choose another --run`,
    );
  }
  if (hasEnded(wanted.recipe, at)) return { plan: wanted, notes: [] };
  const { step } = at;
  const changes = differences
    .filter(({ name }) => isRecorded(name, found.recipe) || isRecorded(name, wanted.recipe))
    .map((difference) => ({ step, ...difference }));
  const notes = differences.map(
    ({ name, from, to }) => `${run}: ${name} ${from} until step ${step}, ${to} from here on`,
  );
  const all = [...(found.changes ?? []), ...changes];
  return { plan: all.length > 0 ? { ...wanted, changes: all } : wanted, notes };
}

/** The fields in which two plans differ, by the names that users know. */
function differencesOf(a: RunPlan, b: RunPlan): { name: string; from: string | number; to: string | number }[] {
  const [there, here] = [features(a), features(b)];
  const differences = Object.keys({ ...there, ...here }).flatMap((name) => {
    const [from, to] = [there[name] ?? 'none', here[name] ?? 'none'];
    const unrecorded = name === 'preprocessing' && (from === 'none' || to === 'none'); // fingerprints tell
    return from === to || unrecorded ? [] : [{ name, from, to }];
  });
  const ofImages = splits.flatMap((split) => {
    const [from, to] = [a.data[split], b.data[split]];
    // Other numbers of images have other fingerprints.
    if (!from || from.images !== to?.images || from.fingerprint === to.fingerprint) return [];
    const name = `${samePixels(from, to) ? 'labels' : 'fingerprint'} of the ${KINDS[split]} images`;
    return [{ name, from: short(from.fingerprint), to: short(to.fingerprint) }];
  });
  return [...differences, ...ofImages];
}

const splits = ['train', 'val', 'test'] as const;
const KINDS = { train: 'training', val: 'validation', test: 'test' } as const;

/** A fingerprint without most of its digits. */
const short = (fingerprint: string) => `${fingerprint.slice(0, 15)}…`;

function features({ model, size, recipe, data, init }: RunPlan): Record<string, string | number | undefined> {
  const { name, learningRate, weightDecay, clipNorm, ...settings } = recipe.optimizer;
  const numbers = splits.map((split) => [`number of ${KINDS[split]} images`, data[split]?.images] as const);
  return {
    model,
    'image size': `${size.width}×${size.height}×${size.channels}`,
    'latent size': size.latent,
    'number of classes': size.classes,
    'number of clusters': size.clusters,
    'first centres': centresOf(recipe, size),
    width: size.filters ?? 32,
    depth: size.halvings ?? 3,
    seed: size.seed,
    epochs: recipe.epochs,
    'batch size': recipe.batchSize,
    optimizer: [name, ...Object.values(settings)].join(' '),
    'learning rate': learningRate,
    'weight decay': weightDecay ?? 0,
    'clip norm': clipNorm,
    schedule: recipe.schedule ?? 'constant',
    'early stopping': recipe.earlyStopping,
    'KL weight': recipe.beta ?? 1,
    'KL warm-up': recipe.klWarmUp ?? 0,
    'pixel loss': recipe.pixelLoss ?? "the model's",
    'weight of SSIM': recipe.ssim ?? 0,
    'weight of colour': recipe.colour ?? 0,
    augmentation: recipe.augment ?? NO_AUGMENTATION,
    classes: data.onlyClass?.join(', ') ?? 'all',
    'validation split': data.valSplit,
    'initial weights': init?.from,
    ...Object.fromEntries(numbers),
    preprocessing: data.preprocessing && describe(data.preprocessing),
  };
}

const describe = ({ fit, background, scalings }: Preprocessing): string =>
  [fit, background, ...scalings.map(({ type, from }) => `${type} from ${from.join(' to ')}`)].join(', ');

/**
 * The plan with the engine that computes the steps, and a note where another did until now: it rounds differently, so that the
 * weights are not those of a run that was never stopped.
 * @param run the run folder, for the message
 * @param engine its description, which says library, device and kernels
 * @param at where the run goes on
 */
export function computedBy(
  plan: RunPlan,
  engine: string,
  { run, at }: { run: string; at: RunPosition | undefined },
): { plan: RunPlan; notes: string[] } {
  const { engine: from = engine, recipe, changes = [] } = plan;
  if (at && hasEnded(recipe, at)) return { plan, notes: [] };
  if (!at || from === engine) return { plan: { ...plan, engine }, notes: [] };
  const note = `${run}: computed with ${from} until step ${at.step}, with ${engine} from here on; the weights will differ a little from those of a run with one of them`;
  return {
    plan: { ...plan, engine, changes: [...changes, { step: at.step, name: 'engine', from, to: engine }] },
    notes: [note],
  };
}
