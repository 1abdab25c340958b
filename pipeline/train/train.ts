import type { ModelDefinition } from '../../models/kit/model.ts';
import { restore } from '../artifacts/checkpoint.ts';
import type { RunPlan } from '../artifacts/run.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { range } from '../data/indices.ts';
import { loadIntoMemory } from '../data/memory.ts';
import { openSplits } from '../data/open.ts';
import { subset } from '../data/subset.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import { controlsNeeded } from './controls.ts';
import type { Engine } from './engine.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import { trainEpochs, variablesOf } from './loop.ts';
import type { TrainHooks, TrainOptions, TrainSummary } from './options.ts';
import { assertSamePlan, planOf, positive } from './plan.ts';
import { buildProgram, type TrainingProgram } from './program.ts';
import { Run } from './run.ts';

/**
 * Trains a model into a run folder.
 * @param options `data` is what `openSplits` takes
 * @throws InputError, EnvironmentError when it cannot continue; the last checkpoint stays
 * @throws Interrupted once the signal is aborted, after saving
 */
export async function train(
  options: TrainOptions & { readonly data: string },
  hooks: TrainHooks,
): Promise<TrainSummary> {
  await prepareEngine(options.engine, options.device, options.threads); // fails before data are read
  const splits = await openSplits(options.data);
  try {
    return await trainOn(splits, options, hooks);
  } finally {
    await Promise.all([splits.train.close(), splits.test.close()]);
  }
}

/** Trains as `train` does, on an open data set. */
export async function trainOn(splits: DatasetSplits, options: TrainOptions, hooks: TrainHooks): Promise<TrainSummary> {
  const { model, engine: choice, device, threads } = options;
  await prepareEngine(choice, device, threads);
  const run = await Run.open(options.run, options);
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
      if (run.checkpoint) restore(variablesOf(program), run.checkpoint, run.folder);
      engine = await createEngine(choice, device, program, { threads, batchSize: plan.recipe.batchSize });
      return await trainEpochs({ run, plan, data, program, engine, options, hooks });
    } finally {
      await engine?.dispose();
      for (const { variable } of variablesOf(program)) variable.dispose();
    }
  } finally {
    hooks.progress.stop();
    await run.close();
  }
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

/** @throws InputError when the model cannot be built for these images */
function build(model: ModelDefinition, { size, recipe, data }: RunPlan): TrainingProgram {
  try {
    return buildProgram(model, size, recipe.optimizer, controlsNeeded(recipe));
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(`${data.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
