import { setImmediate as nextTurn } from 'node:timers/promises';
import { addMetrics, type MetricSums, type MetricsLine, meansOf, noSums, Stopwatch } from '../artifacts/metrics.ts';
import { beginning, type RunPlan, type RunPosition } from '../artifacts/run.ts';
import type { DatasetSplits } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { range } from '../data/rows.ts';
import { InputError, Interrupted } from '../io/errors.ts';
import { type BatchNeeds, batchesOf, type PreparedBatch } from './batches.ts';
import { controlsAt } from './controls.ts';
import type { Engine, Metrics } from './engine.ts';
import { epochPictures } from './epoch-pictures.ts';
import type { TrainHooks, TrainOptions, TrainSummary } from './options.ts';
import type { TrainingProgram } from './program.ts';
import type { Run } from './run.ts';

/** Lines of step metrics are means over so many steps. */
const STEPS_PER_LINE = 50;
/** Noise for test images comes from this seed whatever the run's, so that evaluations compare. */
const EVALUATION_SEED = 0;

/** What a trainer works with. */
export interface Parts {
  readonly run: Run;
  readonly plan: RunPlan;
  readonly data: DatasetSplits;
  readonly program: TrainingProgram;
  readonly engine: Engine;
  readonly options: TrainOptions;
  readonly hooks: TrainHooks;
}

/** The training loop. */
export class Trainer {
  readonly #parts: Parts;
  readonly #needs: BatchNeeds;
  readonly #noise: Generator;
  readonly #watches = { line: new Stopwatch(), epoch: new Stopwatch(), all: new Stopwatch() };
  #position: RunPosition;
  #saved: { step: number; time: number };

  constructor(parts: Parts) {
    const { run, plan, program } = parts;
    this.#parts = parts;
    this.#needs = needsOf(program);
    this.#position = run.checkpoint?.state.position ?? beginning(plan.size.seed);
    this.#noise = Generator.fromState(this.#position.noise);
    this.#saved = { step: this.#position.step, time: performance.now() };
  }

  async train(): Promise<TrainSummary> {
    const { run, plan, data, engine, hooks } = this.#parts;
    const { epochs } = plan.recipe;
    const began = performance.now();
    await run.begin();
    this.#announce();
    hooks.progress.start(epochs * data.train.length, this.#imagesDone(), epochs);
    while (this.#position.epoch < epochs) {
      const order = Generator.fromState(this.#position.order);
      await this.#trainOn(order.shuffled(data.train.length));
      await this.#finishEpoch(await this.#evaluate(), order);
    }
    const { epoch, step, metrics, best } = this.#position;
    if (!metrics || !best) throw new Error('a run that has done an epoch has metrics');
    const seconds = (performance.now() - began) / 1000;
    const { rate } = this.#watches.all;
    const { description } = engine;
    return {
      run: run.folder,
      model: plan.model,
      epochs: epoch,
      steps: step,
      ...metrics,
      best,
      engine: description,
      seconds,
      rate,
    };
  }

  /** Trains on the batches of an epoch that are left. */
  async #trainOn(order: Uint32Array): Promise<void> {
    const { plan, data, engine, options, hooks } = this.#parts;
    const { checkpointSeconds = 60, checkpointSteps = Number.POSITIVE_INFINITY } = options;
    const { batchSize } = plan.recipe;
    const first = this.#position.batches;
    const batches = batchesOf(data.train, order, { batchSize, first, needs: this.#needs, noise: this.#noise });
    await this.#stopIfAsked();
    let began = performance.now();
    for await (const batch of batches) {
      const metrics = await engine.step({ ...batch, controls: this.#controls(this.#position.step) });
      this.#assertFinite(metrics, this.#position.step + 1);
      this.#advance(metrics, batch);
      const now = performance.now();
      for (const watch of Object.values(this.#watches)) watch.add(batch.count, now - began);
      began = now;
      hooks.progress.update(this.#imagesDone(), this.#position.epoch + 1, metrics.loss as number);
      if (this.#position.step % STEPS_PER_LINE === 0) await this.#recordSteps();
      await this.#stopIfAsked();
      const due = now - this.#saved.time > checkpointSeconds * 1000 || this.#position.step % checkpointSteps === 0;
      if (due) {
        await this.#save();
        began = performance.now();
      }
    }
  }

  #controls(step: number) {
    const { plan, data } = this.#parts;
    return controlsAt(plan.recipe, step, Math.ceil(data.train.length / plan.recipe.batchSize));
  }

  #advance(metrics: Metrics, { count, noiseState }: PreparedBatch): void {
    const { batches, step, epochSums, windowSums } = this.#position;
    this.#position = {
      ...this.#position,
      batches: batches + 1,
      step: step + 1,
      noise: noiseState,
      epochSums: addMetrics(epochSums, metrics, count),
      windowSums: addMetrics(windowSums, metrics, count),
    };
  }

  async #recordSteps(): Promise<void> {
    await this.#parts.run.record(this.#line('train', 'steps', this.#position.windowSums, this.#watches.line.rate));
    this.#position = { ...this.#position, windowSums: noSums };
    this.#watches.line.reset();
  }

  /** Means over the test images, each counting alike. */
  async #evaluate(): Promise<MetricSums> {
    const { plan, data, engine } = this.#parts;
    const { batchSize } = plan.recipe;
    const noise = Generator.of(EVALUATION_SEED, 'evaluation');
    const controls = this.#controls(Number.POSITIVE_INFINITY); // the weights that training ends with
    let sums = noSums;
    for await (const batch of batchesOf(data.test, range(0, data.test.length), {
      batchSize,
      needs: this.#needs,
      noise,
    })) {
      await this.#stopIfAsked();
      sums = addMetrics(sums, await engine.evaluate({ ...batch, controls }), batch.count);
    }
    this.#assertFinite(meansOf(sums), this.#position.step);
    return sums;
  }

  /** Writes down what an epoch came to and saves it. */
  async #finishEpoch(testSums: MetricSums, order: Generator): Promise<void> {
    const { run, plan, hooks } = this.#parts;
    const { epoch, step, best } = this.#position;
    const { rate } = this.#watches.epoch;
    const trainLine = this.#line('train', 'epoch', this.#position.epochSums, rate);
    const testLine = this.#line('test', 'epoch', testSums);
    await run.record(trainLine);
    await run.record(testLine);
    const { program, data, engine } = this.#parts;
    await run.addPictures(
      testLine,
      await epochPictures({ engine, program, plan, images: data.test, needs: this.#needs }),
    );
    const isBest = best === null || testLine.loss < best.loss;
    this.#position = {
      ...this.#position,
      epoch: epoch + 1,
      batches: 0,
      order: order.state,
      metrics: { train: meansOf(this.#position.epochSums), test: meansOf(testSums) },
      epochSums: noSums,
      best: isBest ? { epoch: epoch + 1, step, loss: testLine.loss } : best,
    };
    await this.#save({ best: isBest });
    this.#watches.epoch.reset();
    const losses = `train loss ${trainLine.loss.toFixed(5)}  test loss ${testLine.loss.toFixed(5)}${isBest ? ' (best)' : ''}`;
    hooks.progress.note(`epoch ${epoch + 1}/${plan.recipe.epochs}  ${losses}  ${rate.toFixed(0)} images/s`);
  }

  async #save({ best = false } = {}): Promise<void> {
    const { run, plan, program, engine } = this.#parts;
    await engine.pull();
    for (const { name, variable } of variablesOf(program)) {
      if (!(await variable.data()).every(Number.isFinite))
        throw this.#diverged(`${name} is no longer finite`, this.#position.step);
    }
    await run.save(program, plan, this.#position, { best });
    this.#saved = { step: this.#position.step, time: performance.now() };
  }

  async #stopIfAsked(): Promise<void> {
    const { run, plan, hooks } = this.#parts;
    await nextTurn(); // signals and timers wait for the event loop, which an engine may never let turn
    if (!hooks.signal.aborted) return;
    const { epoch, step } = this.#position;
    if (step > this.#saved.step) await this.#save();
    const kept = step > 0 ? `${run.folder}/latest has it: continue with --resume` : 'nothing was trained yet';
    throw new Interrupted(`interrupted after step ${step}, in epoch ${epoch + 1} of ${plan.recipe.epochs}; ${kept}`);
  }

  #assertFinite(metrics: Metrics, step: number): void {
    for (const [name, value] of Object.entries(metrics)) {
      if (!Number.isFinite(value)) throw this.#diverged(`the ${name} became ${value}`, step);
    }
  }

  #diverged(what: string, step: number): InputError {
    const { run, plan } = this.#parts;
    const { step: saved } = this.#saved;
    return new InputError(
      `${what} at step ${step}: training diverged; try a lower --learning-rate (it is ${plan.recipe.optimizer.learningRate}) in another run folder; ${
        saved > 0 ? `${run.folder}/latest is of step ${saved}` : 'there is no checkpoint yet'
      }`,
    );
  }

  #imagesDone(): number {
    const { plan, data } = this.#parts;
    const { epoch, batches } = this.#position;
    return epoch * data.train.length + Math.min(batches * plan.recipe.batchSize, data.train.length);
  }

  #line(split: 'train' | 'test', span: 'steps' | 'epoch', sums: MetricSums, rate?: number): MetricsLine {
    const { epoch, step } = this.#position;
    const { loss = Number.NaN, ...terms } = meansOf(sums);
    const place = { split, span, epoch: epoch + 1, step, images: sums.images };
    return { ...place, ...(rate === undefined ? {} : { rate }), time: Date.now() / 1000, loss, ...terms };
  }

  #announce(): void {
    const { run, plan, data, engine, hooks } = this.#parts;
    const { size, recipe } = plan;
    const { epoch, step } = this.#position;
    const images = `${data.train.length} + ${data.test.length} images of ${size.height}×${size.width}×${size.channels}`;
    hooks.progress.note(
      `${plan.model} on ${data.name}: ${images}, ${recipe.epochs} epochs, batches of ${recipe.batchSize}, ${engine.description}`,
    );
    if (!run.checkpoint) return;
    const done =
      epoch >= recipe.epochs
        ? `all its ${epoch} epochs are done`
        : `continues at step ${step}, in epoch ${epoch + 1} of ${recipe.epochs}`;
    hooks.progress.note(`${run.folder}: ${done}`);
  }
}

/** All that training changes. */
export const variablesOf = (program: TrainingProgram) => [...program.weights, ...program.optimizerState];

const needsOf = ({ model, autoencoder }: TrainingProgram): BatchNeeds => ({
  labels: model.conditional.encoder || model.conditional.decoder,
  noiseShape: (n) => autoencoder.noiseShape(n),
});
