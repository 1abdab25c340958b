import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { restore } from '../artifacts/checkpoint.ts';
import { addMetrics, type MetricSums, type MetricsLine, meansOf, noSums, Stopwatch } from '../artifacts/metrics.ts';
import type { RunPlan, RunPosition } from '../artifacts/run.ts';
import { loadIntoMemory, readBatches } from '../data/batches.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { openSplits } from '../data/open.ts';
import { range } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { EnvironmentError, InputError, Interrupted } from '../io/errors.ts';
import { controlsAt } from './controls.ts';
import type { Engine, Metrics } from './engine.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import type { TrainHooks, TrainOptions } from './options.ts';
import { drawPictures, type Trained } from './pictures.ts';
import { assertSamePlan, planOf, positive, startOfRun } from './plan.ts';
import { buildProgram, drawNoise, type TrainingProgram } from './program.ts';
import { openRun, type Run } from './run.ts';

/** A line of step metrics holds means over this many steps. */
const STEPS_PER_LINE = 50;

/**
 * Trains a model into a run folder.
 * @param options `data` is what `openSplits` takes
 * @throws InputError, EnvironmentError when it cannot continue; the last checkpoint stays
 * @throws Interrupted once the signal is aborted, after saving
 */
export async function train(options: TrainOptions & { data: string }, hooks: TrainHooks) {
  await prepareEngine(options.engine, options.device, options.threads); // fails before data are read
  const splits = await openSplits(options.data);
  try {
    return await trainOn(splits, options, hooks);
  } finally {
    await Promise.all([splits.train.close(), splits.test.close()]);
  }
}

/** Trains as `train` does, on an open data set. */
export async function trainOn(splits: DatasetSplits, options: TrainOptions, hooks: TrainHooks) {
  const { model, engine: choice, device, threads } = options;
  await prepareEngine(choice, device, threads);
  const run = await openRun(options.run, options);
  try {
    const data = {
      name: splits.name,
      train: await inMemory(splits.train, '--limit-train', options.limitTrain),
      test: await inMemory(splits.test, '--limit-test', options.limitTest),
    };
    const plan = await planOf(model, data, options, run.checkpoint?.state.plan);
    if (run.checkpoint) assertSamePlan(run.folder, run.checkpoint.state.plan, plan);
    const program = build(model, plan);
    let engine: Engine | undefined;
    try {
      if (run.checkpoint) restore([...program.weights, ...program.optimizerState], run.checkpoint, run.folder);
      engine = await createEngine(choice, device, program, { threads });
      return await trainEpochs({ run, plan, data, program, engine, options, hooks });
    } finally {
      await engine?.dispose();
      for (const variable of Object.values(program.variables)) variable.dispose();
    }
  } finally {
    hooks.progress.stop();
    await run.close();
  }
}

/** Everything that stays the same while a process trains; what changes is its `RunPosition`. */
export interface Session extends Trained {
  readonly run: Run;
  readonly options: TrainOptions;
  readonly hooks: TrainHooks;
}

export type TrainSummary = Awaited<ReturnType<typeof trainEpochs>>;

/** Trains from the run's position to the plan's last epoch. @throws as `train` does */
export async function trainEpochs(session: Session) {
  const { run, plan, data, program, engine, options, hooks } = session;
  const { epochs, batchSize } = plan.recipe;
  const { checkpointSeconds = 60, checkpointSteps = Number.POSITIVE_INFINITY } = options;
  const watches = { line: new Stopwatch(), epoch: new Stopwatch(), process: new Stopwatch() };
  const start = performance.now();

  let at = run.checkpoint?.state.position ?? startOfRun(plan.size.seed);
  const noise = new Generator(at.noise);
  await run.begin();
  announce(session, at);

  while (at.epoch < epochs) {
    const shuffling = new Generator(at.order);
    const order = shuffling.shuffled(data.train.length);
    let before = performance.now();
    for await (const batch of readBatches(data.train, batchSize, { order, first: at.batches })) {
      await stopIfAsked(session, at);

      const controls = controlsAt(plan.recipe, at.step, Math.ceil(data.train.length / batchSize));
      const metrics = await engine.step({ ...batch, noise: drawNoise(program, batch.count, noise), controls });
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

    const testSums = await evaluate(session, at);
    const trainLine = lineOf(at, at.epochSums, { split: 'train', span: 'epoch', rate: watches.epoch.rate });
    const testLine = lineOf(at, testSums, { split: 'test', span: 'epoch' });
    await run.record(trainLine);
    await run.record(testLine, await drawPictures(session));

    at = { ...afterEpoch(at, testSums), order: shuffling.state };
    const best = at.best?.epoch === at.epoch;
    await save(session, at, { best });
    const losses = `train loss ${trainLine.loss.toFixed(5)}  test loss ${testLine.loss.toFixed(5)}${best ? ' (best)' : ''}`;
    hooks.progress.note(`epoch ${at.epoch}/${epochs}  ${losses}  ${watches.epoch.rate.toFixed(0)} images/s`);
    watches.epoch.reset();
  }

  const { epoch, step, metrics, best } = at;
  if (!metrics || !best) throw new Error('a run that has done an epoch has metrics');
  return {
    run: run.folder,
    model: plan.model,
    /** Epochs and steps that the run has done. */
    epochs: epoch,
    steps: step,
    /** `train` and `test`: means per pixel of the last epoch. */
    ...metrics,
    /** The epoch with the lowest test loss. */
    best,
    engine: engine.description,
    /** Of this process: seconds including evaluation and checkpoints, and images per second without them. */
    seconds: (performance.now() - start) / 1000,
    rate: watches.process.rate,
  };
}

/** Starts the progress display and reports what is trained and, when a run is resumed, from where. */
function announce(session: Session, at: RunPosition): void {
  const { run, plan, data, engine, hooks } = session;
  const { size, recipe } = plan;
  const images = `${data.train.length} + ${data.test.length} images of ${size.height}×${size.width}×${size.channels}`;
  const training = `${recipe.epochs} ${recipe.epochs === 1 ? 'epoch' : 'epochs'}, batch size ${recipe.batchSize}, ${engine.description}`;
  hooks.progress.note(`${plan.model} on ${data.name}: ${images}, ${training}`);
  const from = `resumes at step ${at.step}, in epoch ${at.epoch + 1} of ${recipe.epochs}`;
  const state = at.epoch < recipe.epochs ? from : `all ${at.epoch} epochs are done`;
  if (run.checkpoint) hooks.progress.note(`${run.folder}: ${state}`);
  hooks.progress.start(recipe.epochs * data.train.length, imagesDone(session, at), recipe.epochs);
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

function afterEpoch(at: RunPosition, testSums: MetricSums): RunPosition {
  const [epoch, test] = [at.epoch + 1, meansOf(testSums)];
  const loss = test.loss as number;
  const best = at.best && at.best.loss <= loss ? at.best : { epoch, step: at.step, loss };
  return { ...at, epoch, batches: 0, epochSums: noSums, metrics: { train: meansOf(at.epochSums), test }, best };
}

/** Means as a line of metrics.jsonl. */
function lineOf(at: RunPosition, sums: MetricSums, of: Pick<MetricsLine, 'split' | 'span' | 'rate'>): MetricsLine {
  const { loss = Number.NaN, ...terms } = meansOf(sums);
  const place = { split: of.split, span: of.span, epoch: at.epoch + 1, step: at.step, images: sums.images };
  return { ...place, rate: of.rate, time: Date.now() / 1000, loss, ...terms };
}

/** Losses summed over the test images. @throws Interrupted; InputError when a loss is not finite */
async function evaluate(session: Session, at: RunPosition): Promise<MetricSums> {
  const { plan, data, program, engine } = session;
  const noise = Generator.of(0, 'evaluation'); // the same for all runs, so that their losses compare
  const controls = controlsAt(plan.recipe, Number.POSITIVE_INFINITY, 1); // the KL weight that training ends with
  let sums = noSums;
  for await (const batch of readBatches(data.test, plan.recipe.batchSize)) {
    await stopIfAsked(session, at);
    const metrics = await engine.evaluate({ ...batch, noise: drawNoise(program, batch.count, noise), controls });
    sums = addMetrics(sums, metrics, batch.count);
  }
  assertFinite(session, meansOf(sums), at.step);
  return sums;
}

/** Publishes a checkpoint. @throws InputError when a variable is not finite: nothing is published then */
async function save(session: Session, at: RunPosition, { best = false } = {}): Promise<void> {
  const { run, plan, program, engine } = session;
  await engine.pull();
  for (const [name, variable] of Object.entries(program.variables)) {
    if (!(await variable.data()).every(Number.isFinite)) throw diverged(session, `${name} is not finite`, at.step);
  }
  await run.save(program, plan, at, { best });
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

/** The images to train or test on, held in memory where they fit. */
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

function build(model: ModelDefinition, { size, recipe, data }: RunPlan): TrainingProgram {
  try {
    return buildProgram(model, size, recipe.optimizer);
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(`${data.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
