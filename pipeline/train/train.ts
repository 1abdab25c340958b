import { models } from '../../models/index.ts';
import { type ModelDefinition, withLossOf } from '../../models/kit/model.ts';
import { startAtMean } from '../../models/kit/start.ts';
import { FEW, isMuchLarger } from '../../models/kit/suit.ts';
import type { RunPlan, RunState } from '../artifacts/run.ts';
import { writeSkipped } from '../artifacts/run-files.ts';
import { closeSplits, type DatasetSplits } from '../data/dataset.ts';
import { absoluteSpec, shortSpec } from '../data/formats.ts';
import { openTrainingSplits } from '../data/open.ts';
import { type DataOptions, optionsLike } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { skippedIn } from '../data/prepare.ts';
import { OF_WARNING, summaryOf, summaryRows } from '../data/summary.ts';
import { InputError } from '../io/errors.ts';
import { createStages } from '../io/stages.ts';
import type { Engine } from './engine.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import { trainEpochs } from './epochs.ts';
import { imagesFor } from './images.ts';
import { continued, meanColour, readInitial, takeWeights } from './init.ts';
import { restoreProgram } from './load-run.ts';
import type { TrainHooks, TrainOptions } from './options.ts';
import type { Trained } from './pictures.ts';
import { assertTaken, planOf } from './plan.ts';
import { buildProgram, type TrainingProgram } from './program.ts';
import { computedBy, resumedPlan } from './resumed-plan.ts';
import { openRun, type Run } from './run.ts';
import { encodeImages, startClusters, Targets } from './targets.ts';

/**
 * Trains a model into a run folder.
 * @param options with the data
 * @throws InputError, EnvironmentError when it cannot continue; the last checkpoint stays
 * @throws Interrupted once the signal is aborted, after saving
 */
export async function train(options: TrainOptions & DataChoice, hooks: TrainHooks) {
  const { model, engine, device, threads } = options;
  // What can fail at once fails before all images are read.
  assertTaken(model, options);
  if (options.data !== undefined) await checkOutside(options.data, options.run);
  await prepareEngine(engine, device, threads);
  const run = await openRun(options.run, options);
  try {
    const splits = await openData(options, run.checkpoint?.state.plan).finally(() => hooks.progress.stop());
    try {
      for (const [what, line] of summaryRows(summaryOf(splits))) {
        hooks.progress[OF_WARNING.includes(what) ? 'warn' : 'note'](`${what}: ${line}`);
      }
      return await trainInto(run, splits, options, hooks);
    } finally {
      hooks.progress.stop();
      await closeSplits(splits);
    }
  } finally {
    await run.close();
  }
}

/** The data to train on. */
export interface DataChoice {
  /** By default that of the run that is resumed, else MNIST. */
  readonly data?: string | undefined;
  readonly dataOptions?: DataOptions | undefined;
}

/** Opens the images to train on; their name is a value of `--data` for any working folder. @throws as `openSplits` */
export async function openData(
  { data, dataOptions, valSplit }: TrainOptions & DataChoice,
  previous: RunPlan | undefined,
) {
  const options = dataOptionsFor(dataOptions, previous, valSplit);
  const trained = previous?.data.name ?? 'mnist';
  const splits = await openTrainingSplits(trained, data ?? (previous ? undefined : 'mnist'), options);
  return { ...splits, name: absoluteSpec(data ?? trained) };
}

/** The data options; a resumed run's images are chosen and prepared as before where nothing else is asked for. */
export function dataOptionsFor(
  options: DataOptions = {},
  previous: RunPlan | undefined,
  valSplit = previous?.data.valSplit,
): DataOptions {
  const { size, fit, background, channels, range } = options;
  const asked = [size, fit, background, channels, range].some((option) => option !== undefined);
  const { onlyClass = previous?.data.onlyClass } = options;
  const like = previous && !asked ? optionsLike({ ...previous.data, image: previous.size }, options) : options;
  return { ...like, onlyClass, knownLabel: previous?.data.label, holdsOut: valSplit !== undefined };
}

/** Trains as `train` does, on an open data set. */
export async function trainOn(splits: DatasetSplits, options: TrainOptions, hooks: TrainHooks) {
  await prepareEngine(options.engine, options.device, options.threads);
  const run = await openRun(options.run, options);
  try {
    return await trainInto(run, splits, options, hooks);
  } finally {
    hooks.progress.stop();
    await run.close();
  }
}

/**
 * What to train on which images.
 * @param state of the run that is resumed
 * @throws InputError when an option, the data or the run do not suit each other
 */
export async function planFor(splits: DatasetSplits, options: TrainOptions, state: RunState | undefined) {
  const previous = state?.plan;
  const initial = await readInitial(options.init, previous);
  const { valSplit = previous?.data.valSplit } = options;
  const { data, images, limits, notes: limited } = await imagesFor(splits, { ...options, valSplit }, previous);
  const wanted = continued(options, initial, previous);
  const planned = await planOf(options.model, wanted, { data, images, previous, init: initial?.init });
  const { plan, notes } = state
    ? resumedPlan(options.run, state.plan, planned.plan, state.position, options.model.conditional)
    : planned;
  return { data, initial, plan, limits, notes: [...limited, ...notes] };
}

async function trainInto(run: Run, splits: DatasetSplits, options: TrainOptions, hooks: TrainHooks) {
  const { model, engine: choice, device, threads } = options;
  const { checkpoint } = run;
  const { data, initial, plan, limits, notes } = await planFor(splits, options, checkpoint?.state);
  for (const note of notes) hooks.progress.note(note);
  const program = buildModel(model, plan);
  const { clusters } = program.autoencoder;
  const targets = clusters === undefined ? undefined : new Targets(data.train.length, clusters);
  let engine: Engine | undefined;
  try {
    if (checkpoint) restoreProgram(program, checkpoint, run.folder);
    if (initial) {
      const { taken, all } = takeWeights(program, initial);
      hooks.progress.note(`${initial.init.from}: ${taken} of ${all} weights taken from its step ${initial.init.step}`);
    }
    if (!checkpoint && !initial && startsAtMean(model, data)) {
      startAtMean(program.autoencoder, await meanColour(data.train));
    }
    engine = await createEngine(choice, device, program, { threads, slices: plan.slices });
    if (checkpoint) await targets?.restore(checkpoint, run.folder);
    else if (targets) {
      await findClusters({ plan, data, program, engine }, hooks);
      await engine.dispose();
      engine = await createEngine(choice, device, program, { threads, slices: plan.slices }); // which takes the centres
    }
    if (splits.index) await writeSkipped(run.folder, skippedIn(splits.index));
    const computed = computedBy(plan, engine.description, { run: run.folder, at: checkpoint?.state.position });
    for (const note of computed.notes) hooks.progress.note(note);
    const session = {
      run,
      plan: computed.plan,
      data,
      program,
      engine,
      targets,
      options: { ...options, ...limits },
      hooks,
    };
    return await trainEpochs(session);
  } finally {
    await engine?.dispose();
    targets?.dispose();
    for (const variable of Object.values(program.variables)) variable.dispose();
  }
}

/** Gives the clusters of a new model their first centres, in the latents of all training images. */
async function findClusters(
  { plan, data, program, engine }: Trained,
  { signal, progress, findCentres }: TrainHooks,
): Promise<void> {
  if (!findCentres) throw new Error(`${plan.model} needs centres to start from`);
  const { size, recipe } = plan;
  const { centres: method = 'kmeans', batchSize } = recipe;
  const stages = createStages(CENTRES_STAGES, signal, progress.stage);
  const latents = await stages.run(
    'encoding',
    (tick) => {
      const images = { batchSize, width: size.latent, beforeBatch: async (share: number) => tick(share) };
      return encodeImages(data.train, images, (batch) => engine.encode(batch));
    },
    data.train.length,
  );
  await stages.run('first centres', (tick) =>
    startClusters(program, latents, (clusters) =>
      findCentres(latents, size.latent, { method, clusters, seed: size.seed, tick }),
    ),
  );
}

/** Stages and their relative durations, those of MNIST. */
const CENTRES_STAGES = [
  ['encoding', 1],
  ['first centres', 8],
] as const;

/** Of few larger images, steps are too few to learn the mean; many images end at a lower loss without this start. A user's own model is left as it is. */
const startsAtMean = (model: ModelDefinition, { train }: DatasetSplits): boolean =>
  models[model.name] === model && isMuchLarger(train.shape) && train.length < FEW;

/** Builds the program of a plan. @throws InputError when the model does not suit the images */
export function buildModel(model: ModelDefinition, { size, recipe, data }: RunPlan): TrainingProgram {
  try {
    return buildProgram(withLossOf(model, recipe), size, recipe.optimizer);
  } catch (error) {
    if (error instanceof RangeError)
      throw new InputError(`${shortSpec(data.name)}: ${error.message}`, { cause: error });
    throw error;
  }
}
