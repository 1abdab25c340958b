import { addMetrics, type MetricSums, type MetricsLine, meansOf, noSums, Stopwatch } from '../artifacts/metrics.ts';
import type { RunPlan, RunPosition } from '../artifacts/run.ts';
import { parseAugmentation } from '../data/augment.ts';
import { Generator } from '../data/generator.ts';
import { type Loader, startLoader } from '../data/loader.ts';
import { announce, ended, imagesDone } from './announce.ts';
import { controlsAt } from './controls.ts';
import type { Metrics } from './engine.ts';
import { evaluate } from './evaluation.ts';
import { drawPictures } from './pictures.ts';
import { startOfRun } from './plan.ts';
import { drawNoise } from './program.ts';
import { recipeFile } from './recipe-file.ts';
import { assertFinite, type Session, save, stopIfAsked } from './session.ts';
import { afterEpoch, hasEnded, overfitted } from './stopping.ts';
import { encodeImages, REFRESH_STEPS, SETTLED, type Targets } from './targets.ts';

/** A line of step metrics holds means over this many steps. */
const STEPS_PER_LINE = 50;

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
  /** Milliseconds. */
  let stepping = 0;

  let at = startOf(session);
  const noise = new Generator(at.noise);
  const recipe = hasEnded(plan.recipe, at) ? undefined : recipeFile(plan, options);
  await run.begin(recipe, data.test ? 'test' : 'val');
  announce(session, at);

  while (!hasEnded(plan.recipe, at)) {
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
      const began = performance.now();
      const metrics = await engine.step(given);
      stepping += performance.now() - began;
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

    at = await endEpoch(session, at, { rate: watches.epoch.rate, order: shuffling.state });
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
    /** Share of it that was spent in steps. */
    inSteps: watches.process.ms > 0 ? stepping / watches.process.ms : 0,
  };
}

/** Evaluates the model after an epoch, records the losses and pictures, and saves. @returns the position @throws as `stopIfAsked` */
async function endEpoch(
  session: Session,
  at: RunPosition,
  { rate, order }: { rate: number; order: RunPosition['order'] },
): Promise<RunPosition> {
  const { run, plan, hooks } = session;
  const evaluations = await evaluate(session, () => stopIfAsked(session, at));
  const lines = [lineOf(at, at.epochSums, { split: 'train', span: 'epoch', rate })];
  for (const split of ['val', 'test'] as const) {
    const sums = evaluations[split];
    if (!sums) continue;
    assertFinite(session, meansOf(sums), at.step);
    lines.push(lineOf(at, sums, { split, span: 'epoch' }));
  }
  const pictures = await drawPictures(session);
  for (const line of lines) await run.record(line, line === lines.at(-1) ? pictures : {});

  const after = { ...afterEpoch(plan.recipe, at, evaluations), order };
  const best = after.best?.epoch === after.epoch;
  await save(session, after, { best });
  const losses = lines.map(
    ({ split, loss }) => `${split} loss ${loss.toFixed(5)}${best && split === 'val' ? ' (best)' : ''}`,
  );
  const { clusters } = after;
  const changed = clusters && clusters.changed < 1 ? `  ${(100 * clusters.changed).toFixed(2)} % changed cluster` : '';
  hooks.progress.note(
    `epoch ${after.epoch}/${plan.recipe.epochs}  ${losses.join('  ')}${changed}  ${rate.toFixed(0)} images/s`,
  );
  return after;
}

/** Refreshes the targets. @returns what the position says of them @throws as `stopIfAsked` */
async function refreshTargets(session: Session, targets: Targets, at: RunPosition): Promise<RunPosition['clusters']> {
  const { plan, data, program, engine } = session;
  const { clusters: width = 0 } = program.autoencoder;
  const images = { batchSize: plan.recipe.batchSize, width, beforeBatch: () => stopIfAsked(session, at) };
  const share = targets.refresh(await encodeImages(data.train, images, (batch) => engine.assign(batch)));
  const changed = at.step > 0 ? share : 1;
  return { changed, settled: at.clusters?.settled || changed < SETTLED };
}

/**
 * Where the run is. Old runs chose their best epoch by test loss: it is left as it is, and no later one is chosen. Halvings of
 * another learning rate, or of before the schedule was `plateau`, do not count.
 */
function startOf({ run: { folder, checkpoint }, plan, data, hooks }: Session): RunPosition {
  if (!checkpoint) return startOfRun(plan.size.seed);
  const { position, plan: before } = checkpoint.state;
  const isPlateau = ({ optimizer, schedule }: RunPlan['recipe']) =>
    schedule === 'plateau' && optimizer.learningRate === plan.recipe.optimizer.learningRate;
  const restarted = isPlateau(plan.recipe) && !isPlateau(before.recipe);
  const at = restarted ? { ...position, plateau: { halvings: 0, epoch: position.epoch } } : position;
  if (data.val || !at.best || hasEnded(plan.recipe, at)) return at;
  hooks.progress.note(
    `${folder}/best (epoch ${at.best.epoch}) was chosen by test loss; it stays, no later epoch is chosen, and export takes the last one`,
  );
  return { ...at, best: null };
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
