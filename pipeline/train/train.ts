import { setImmediate as nextTurn } from 'node:timers/promises';
import { models } from '../../models/index.ts';
import { type ModelDefinition, withLossOf } from '../../models/kit/model.ts';
import { startAtMean } from '../../models/kit/start.ts';
import { FEW, isMuchLarger } from '../../models/kit/suit.ts';
import { restore } from '../artifacts/checkpoint.ts';
import { addMetrics, type MetricSums, type MetricsLine, meansOf, noSums, Stopwatch } from '../artifacts/metrics.ts';
import type { RunPlan, RunPosition, RunState } from '../artifacts/run.ts';
import { writeSkipped } from '../artifacts/run-files.ts';
import { parseAugmentation } from '../data/augment.ts';
import { closeSplits, type DatasetSplits } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { type Loader, startLoader } from '../data/loader.ts';
import { openSplits } from '../data/open.ts';
import { type DataOptions, optionsLike } from '../data/options.ts';
import { skippedIn } from '../data/prepare.ts';
import { summaryLines, summaryOf } from '../data/summary.ts';
import { InputError, Interrupted, stopIfAborted } from '../io/errors.ts';
import { controlsAt } from './controls.ts';
import type { Engine, Metrics } from './engine.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import { evaluate } from './evaluation.ts';
import { imagesFor } from './images.ts';
import { assertAllTaken, continued, meanColour, readInitial, takeWeights } from './init.ts';
import type { TrainHooks, TrainOptions } from './options.ts';
import { drawPictures, type Trained } from './pictures.ts';
import { assertTaken, planOf, resumedPlan, startOfRun } from './plan.ts';
import { buildProgram, drawNoise, type TrainingProgram } from './program.ts';
import { recipeFile } from './recipe-file.ts';
import { findRun, openRun, type Run } from './run.ts';
import { afterEpoch, overfitted, stoppedEarly } from './stopping.ts';
import { encodeImages, REFRESH_STEPS, SETTLED, startClusters, Targets } from './targets.ts';

/** A line of step metrics holds means over this many steps. */
const STEPS_PER_LINE = 50;

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
  await prepareEngine(engine, device, threads);
  const previous = (await findRun(options.run, options))?.state.plan;
  const splits = await openSplits(options.data, dataOptionsFor(options.dataOptions, previous)).finally(() =>
    hooks.progress.stop(),
  );
  try {
    for (const line of summaryLines(summaryOf(splits))) hooks.progress.note(line);
    return await trainOn(splits, options, hooks);
  } finally {
    await closeSplits(splits);
  }
}

/** The data to train on. */
export interface DataChoice {
  readonly data: string;
  readonly dataOptions?: DataOptions | undefined;
}

/** The data options; a resumed run's images are chosen and prepared as before where nothing else is asked for. */
export function dataOptionsFor(options: DataOptions = {}, previous: RunPlan | undefined): DataOptions {
  const { size, fit, background, channels, range } = options;
  const asked = [size, fit, background, channels, range].some((option) => option !== undefined);
  const { onlyClass = previous?.data.onlyClass } = options;
  const like = previous && !asked ? optionsLike({ ...previous.data, image: previous.size }, options) : options;
  return { ...like, onlyClass };
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
  const { plan, notes } = state ? resumedPlan(options.run, state.plan, planned.plan, state.position.step) : planned;
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
    if (checkpoint) restore([...program.weights, ...program.optimizerState], checkpoint, run.folder);
    if (initial) {
      const { taken, all } = takeWeights(program, initial);
      assertAllTaken(model, initial, { taken, all });
      hooks.progress.note(`${initial.init.from}: ${taken} of ${all} weights taken from its step ${initial.init.step}`);
    }
    if (!checkpoint && !initial && startsAtMean(model, data)) {
      startAtMean(program.autoencoder, await meanColour(data.train));
    }
    engine = await createEngine(choice, device, program, { threads });
    if (checkpoint) await targets?.restore(checkpoint, run.folder);
    else if (targets) {
      await findClusters({ plan, data, program, engine }, hooks);
      await engine.dispose();
      engine = await createEngine(choice, device, program, { threads }); // which takes the centres
    }
    if (splits.index) await writeSkipped(run.folder, skippedIn(splits.index));
    return await trainEpochs({ run, plan, data, program, engine, targets, options: { ...options, ...limits }, hooks });
  } finally {
    await engine?.dispose();
    targets?.dispose();
    for (const variable of Object.values(program.variables)) variable.dispose();
  }
}

/** Gives the clusters of a new model their first centres, in the latents of all training images. */
async function findClusters(
  { plan, data, program, engine }: Trained,
  { signal, findCentres }: TrainHooks,
): Promise<void> {
  if (!findCentres) throw new Error(`${plan.model} needs centres to start from`);
  const images = {
    batchSize: plan.recipe.batchSize,
    width: plan.size.latent,
    beforeBatch: async () => stopIfAborted(signal),
  };
  const latents = await encodeImages(data.train, images, (batch) => engine.encode(batch));
  await startClusters(program, latents, findCentres, signal);
}

/** Of few larger images, steps are too few to learn the mean; many images end at a lower loss without this start. A user's own model is left as it is. */
const startsAtMean = (model: ModelDefinition, { train }: DatasetSplits): boolean =>
  models[model.name] === model && isMuchLarger(train.shape) && train.length < FEW;

/** Everything that stays the same while a process trains; what changes is its `RunPosition`. */
export interface Session extends Trained {
  readonly run: Run;
  readonly options: TrainOptions;
  readonly hooks: TrainHooks;
  /** What a model with clusters learns from. */
  readonly targets?: Targets | undefined;
}

export type TrainSummary = Awaited<ReturnType<typeof trainEpochs>>;

/** Trains from the run's position to the plan's last epoch, or until early stopping. @throws as `train` does */
export async function trainEpochs(session: Session) {
  const { recipe, size } = session.plan;
  const augmentation = recipe.augment === undefined ? undefined : parseAugmentation(recipe.augment);
  const loader = startLoader(session.data.train, { augmentation, seed: size.seed });
  try {
    return await trainWith(loader, session);
  } finally {
    await loader.dispose();
  }
}

async function trainWith(loader: Loader, session: Session) {
  const { run, plan, data, program, engine, targets, options, hooks } = session;
  const { epochs, batchSize } = plan.recipe;
  const { checkpointSeconds = 60, checkpointSteps = Number.POSITIVE_INFINITY } = options;
  const watches = { line: new Stopwatch(), epoch: new Stopwatch(), process: new Stopwatch() };
  const start = performance.now();

  let at = startOf(session);
  const noise = new Generator(at.noise);
  await run.begin(recipeFile(plan, options), data.test ? 'test' : 'val');
  announce(session, at);

  while (at.epoch < epochs && !stoppedEarly(plan.recipe, at)) {
    const shuffling = new Generator(at.order);
    const order = shuffling.shuffled(data.train.length);
    let before = performance.now();
    for await (const batch of loader.batches(batchSize, { order, first: at.batches, epoch: at.epoch })) {
      await stopIfAsked(session, at);
      if (targets && at.step % REFRESH_STEPS === 0) {
        at = { ...at, clusters: await refreshTargets(session, targets, at) };
        before = performance.now(); // rates leave this out
      }

      const stepsPerEpoch = Math.ceil(data.train.length / batchSize);
      const controls = controlsAt(plan.recipe, at.step, stepsPerEpoch, at.plateau?.halvings);
      const target = targets?.at(order.subarray(batch.start, batch.start + batch.count));
      const given = { ...batch, noise: drawNoise(program, batch.count, noise), target, controls };
      const metrics = await engine.step(given);
      assertFinite(session, metrics, at.step + 1);
      at = { ...afterStep(at, batch.count, metrics), noise: noise.state };

      const now = performance.now();
      for (const watch of Object.values(watches)) watch.add(batch.count, now - before);
      before = now;
      hooks.progress.update(imagesDone(session, at), at.epoch + 1, metrics.loss as number);
      if (at.step % STEPS_PER_LINE === 0) {
        await run.record(lineOf(at, at.windowSums, { split: 'train', span: 'steps', rate: watches.line.rate }));
        at = { ...at, windowSums: noSums };
        watches.line.reset();
      }

      if (now - run.saved.time > checkpointSeconds * 1000 || at.step % checkpointSteps === 0) {
        await save(session, at);
        before = performance.now(); // rates leave the time of checkpoints out
      }
    }

    const evaluations = await evaluate(session, () => stopIfAsked(session, at));
    const lines = [lineOf(at, at.epochSums, { split: 'train', span: 'epoch', rate: watches.epoch.rate })];
    for (const split of ['val', 'test'] as const) {
      const sums = evaluations[split];
      if (!sums) continue;
      assertFinite(session, meansOf(sums), at.step);
      lines.push(lineOf(at, sums, { split, span: 'epoch' }));
    }
    const pictures = await drawPictures(session);
    for (const line of lines) await run.record(line, line === lines.at(-1) ? pictures : {});

    at = { ...afterEpoch(plan.recipe, at, evaluations), order: shuffling.state };
    const best = at.best?.epoch === at.epoch;
    await save(session, at, { best });
    const losses = lines.map(
      ({ split, loss }) => `${split} loss ${loss.toFixed(5)}${best && split === 'val' ? ' (best)' : ''}`,
    );
    const changed =
      at.clusters && at.clusters.changed < 1 ? `  ${(100 * at.clusters.changed).toFixed(2)} % changed cluster` : '';
    hooks.progress.note(
      `epoch ${at.epoch}/${epochs}  ${losses.join('  ')}${changed}  ${watches.epoch.rate.toFixed(0)} images/s`,
    );
    watches.epoch.reset();
  }
  if (at.epoch < epochs) hooks.progress.note(`${run.folder}: ${ended(session, at)}`);

  const { epoch, step, metrics, best } = at;
  if (!metrics) throw new Error('a run that has done an epoch has metrics');
  const doubt = overfitted(metrics);
  if (doubt !== undefined) hooks.progress.note(doubt);
  return {
    run: run.folder,
    model: plan.model,
    /** Epochs and steps that the run has done. */
    epochs: epoch,
    steps: step,
    /** `train`, `val` and `test`, as far as there are such images: means per pixel of the last epoch. */
    ...metrics,
    /** The epoch with the lowest validation loss; null without validation images. */
    best,
    engine: engine.description,
    /** Of this process: seconds including evaluation and checkpoints, and images per second without them. */
    seconds: (performance.now() - start) / 1000,
    rate: watches.process.rate,
    /** Share of the training time, 0 to 1, in which steps waited for images. */
    dataWait: watches.process.ms > 0 ? loader.waited / watches.process.ms : 0,
  };
}

/** Makes the targets anew. @returns what the position says of them @throws as `stopIfAsked` */
async function refreshTargets(session: Session, targets: Targets, at: RunPosition): Promise<RunPosition['clusters']> {
  const { plan, data, program, engine } = session;
  const { clusters: width = 0 } = program.autoencoder;
  const images = { batchSize: plan.recipe.batchSize, width, beforeBatch: () => stopIfAsked(session, at) };
  const share = targets.refresh(await encodeImages(data.train, images, (batch) => engine.assign(batch)));
  const changed = at.step > 0 ? share : 1;
  return { changed, settled: at.clusters?.settled || changed < SETTLED };
}

/** Where the run is. Old runs chose their best epoch by test loss: it is left as it is, and no later one is chosen. */
function startOf({ run: { folder, checkpoint }, plan, data, hooks }: Session): RunPosition {
  const at = checkpoint?.state.position ?? startOfRun(plan.size.seed);
  if (data.val || !at.best) return at;
  if (at.epoch < plan.recipe.epochs) {
    hooks.progress.note(
      `${folder}/best (epoch ${at.best.epoch}) was chosen by test loss; it stays, no later epoch is chosen, and export takes the last one`,
    );
    return { ...at, best: null };
  }
  return at;
}

/** Starts the progress display and reports what is trained and, when a run is resumed, from where. */
function announce(session: Session, at: RunPosition): void {
  const { run, plan, data, engine, hooks } = session;
  const { size, recipe } = plan;
  const counts = Object.entries({ training: data.train, validation: data.val, test: data.test });
  const parts = counts.flatMap(([kind, part]) => (part ? `${part.length} ${kind}` : []));
  const images = `${parts.join(' + ')} images of ${size.width}×${size.height}×${size.channels}`;
  const training = `${recipe.epochs} ${recipe.epochs === 1 ? 'epoch' : 'epochs'}, batch size ${recipe.batchSize}, ${engine.description}`;
  hooks.progress.note(`${plan.model} on ${data.name}: ${images}, ${training}`);
  const from = `resumes at step ${at.step}, in epoch ${at.epoch + 1} of ${recipe.epochs}`;
  if (run.checkpoint) hooks.progress.note(`${run.folder}: ${ended(session, at) ?? from}`);
  hooks.progress.start(recipe.epochs * data.train.length, imagesDone(session, at), recipe.epochs);
}

/** Why nothing is left to train; undefined where something is. */
function ended({ plan: { recipe } }: Session, at: RunPosition): string | undefined {
  if (at.epoch >= recipe.epochs) return `all ${at.epoch} epochs are done`;
  if (!stoppedEarly(recipe, at)) return undefined;
  if (at.clusters?.settled) {
    return `stopped after epoch ${at.epoch} of ${recipe.epochs}: in ${REFRESH_STEPS} steps, fewer than ${100 * SETTLED} % of the images changed cluster`;
  }
  return `stopped after epoch ${at.epoch} of ${recipe.epochs}: the validation loss was lowest in epoch ${at.best?.epoch}`;
}

/** Training images of all epochs that were trained on. */
const imagesDone = ({ plan, data }: Session, { epoch, batches }: RunPosition): number =>
  epoch * data.train.length + Math.min(batches * plan.recipe.batchSize, data.train.length);

/** Yields to the event loop. @throws Interrupted, after saving, once the signal is aborted */
async function stopIfAsked(session: Session, at: RunPosition): Promise<void> {
  const { run, plan, hooks } = session;
  await nextTurn(); // signals and timers would wait forever: an engine may never yield to the event loop
  if (!hooks.signal.aborted) return;
  if (at.step > run.saved.step) await save(session, at);
  const kept = at.step > 0 ? `${run.folder}/latest has it: resume it with --resume` : 'nothing was trained yet';
  const where = `after step ${at.step}, in epoch ${at.epoch + 1} of ${plan.recipe.epochs}`;
  throw new Interrupted(`interrupted ${where}; ${kept}`);
}

const afterStep = (at: RunPosition, count: number, metrics: Metrics): RunPosition => ({
  ...at,
  batches: at.batches + 1,
  step: at.step + 1,
  epochSums: addMetrics(at.epochSums, metrics, count),
  windowSums: addMetrics(at.windowSums, metrics, count),
});

/** Means as a line of metrics.jsonl. */
function lineOf(at: RunPosition, sums: MetricSums, of: Pick<MetricsLine, 'split' | 'span' | 'rate'>): MetricsLine {
  const { loss = Number.NaN, ...terms } = meansOf(sums);
  const place = { split: of.split, span: of.span, epoch: at.epoch + 1, step: at.step, images: sums.images };
  return { ...place, rate: of.rate, time: Date.now() / 1000, loss, ...terms };
}

/** Publishes a checkpoint. @throws InputError when a variable is not finite: nothing is published then */
async function save(session: Session, at: RunPosition, { best = false } = {}): Promise<void> {
  const { run, plan, program, engine, targets } = session;
  await engine.pull();
  for (const [name, variable] of Object.entries(program.variables)) {
    if (!(await variable.data()).every(Number.isFinite)) throw diverged(session, `${name} is not finite`, at.step);
  }
  const optimizerState = [...program.optimizerState, ...(targets ? [targets.state] : [])];
  await run.save({ ...program, optimizerState }, plan, at, { best });
}

function assertFinite(session: Session, metrics: Metrics, step: number): void {
  for (const [name, value] of Object.entries(metrics)) {
    if (!Number.isFinite(value)) throw diverged(session, `the ${name} became ${value}`, step);
  }
}

function diverged({ run, plan }: Session, what: string, step: number): InputError {
  const { learningRate } = plan.recipe.optimizer;
  const kept = run.saved.step > 0 ? `${run.folder}/latest is of step ${run.saved.step}` : 'there is no checkpoint yet';
  return new InputError(
    `${what} at step ${step}: training diverged; try a lower --learning-rate (it is ${learningRate}) in another run folder; ${kept}`,
  );
}

/** Builds the program of a plan. @throws InputError when the model does not suit the images */
export function buildModel(model: ModelDefinition, { size, recipe, data }: RunPlan): TrainingProgram {
  try {
    return buildProgram(withLossOf(model, recipe), size, recipe.optimizer);
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(`${data.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
