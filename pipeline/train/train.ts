import type { ModelDefinition } from '../../models/model.ts';
import { restore } from '../artifacts/checkpoint.ts';
import type { RunPlan } from '../artifacts/run.ts';
import type { DatasetSplits, ImageDataset } from '../data/dataset.ts';
import { range } from '../data/indices.ts';
import { loadIntoMemory } from '../data/memory.ts';
import { openSplits } from '../data/open.ts';
import { subset } from '../data/subset.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import { createEngine, prepareEngine } from './engines/index.ts';
import type { TrainHooks, TrainOptions, TrainSummary } from './options.ts';
import { assertSamePlan, planOf } from './plan.ts';
import { buildProgram, type TrainingProgram } from './program.ts';
import { Run } from './run.ts';
import { Trainer, variablesOf } from './trainer.ts';

/**
 * Trains a model into a run folder.
 * @param options `data` is what `openSplits` takes
 * @throws InputError, EnvironmentError when it cannot go on; the last checkpoint stays
 * @throws Interrupted when the signal came, after saving
 */
export async function train(
  options: TrainOptions & { readonly data: string },
  hooks: TrainHooks,
): Promise<TrainSummary> {
  await prepareEngine(options.engine, options.device, options.threads); // refuses before data are read
  const splits = await openSplits(options.data);
  try {
    return await trainOn(splits, options, hooks);
  } finally {
    await Promise.all([splits.train.close(), splits.test.close()]);
  }
}

/** Trains as `train` does, on data that are open. */
export async function trainOn(splits: DatasetSplits, options: TrainOptions, hooks: TrainHooks): Promise<TrainSummary> {
  const { model, engine: choice, device, threads } = options;
  await prepareEngine(choice, device, threads);
  const run = await Run.open(options.run, options);
  try {
    const data = {
      name: splits.name,
      train: await inMemory(splits.train, options.limitTrain),
      test: await inMemory(splits.test, options.limitTest),
    };
    const plan = await planOf(model, data, options, run.checkpoint?.state.plan);
    if (run.checkpoint) assertSamePlan(run.folder, run.checkpoint.state.plan, plan);
    const program = build(model, plan);
    try {
      if (run.checkpoint) restore(variablesOf(program), run.checkpoint, run.folder);
      const engine = await createEngine(choice, device, program, { threads });
      try {
        return await new Trainer({ run, plan, data, program, engine, options, hooks }).train();
      } finally {
        await engine.dispose();
      }
    } finally {
      for (const { variable } of variablesOf(program)) variable.dispose();
    }
  } finally {
    hooks.progress.stop();
    await run.close();
  }
}

/** The images that training uses, held in memory where they fit. */
async function inMemory(dataset: ImageDataset, limit = dataset.length): Promise<ImageDataset> {
  if (dataset.length === 0) throw new InputError(`${dataset.name}: there are no images in it`);
  if (!(Number.isInteger(limit) && limit >= 1)) {
    throw new InputError(`${dataset.name}: a limit of ${limit} images; a whole number of at least 1 was expected`);
  }
  const used = limit < dataset.length ? subset(dataset, dataset.name, range(0, limit)) : dataset;
  try {
    return await loadIntoMemory(used);
  } catch (error) {
    if (error instanceof EnvironmentError) return used; // too large: batches are read as they are needed
    throw error;
  }
}

/** @throws InputError when the model cannot be built for these images */
function build(model: ModelDefinition, { size, recipe, data }: RunPlan): TrainingProgram {
  try {
    return buildProgram(model, size, recipe.optimizer);
  } catch (error) {
    if (error instanceof RangeError) throw new InputError(`${data.name}: ${error.message}`, { cause: error });
    throw error;
  }
}
