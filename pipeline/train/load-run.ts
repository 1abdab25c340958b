import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { restore } from '../artifacts/checkpoint.ts';
import type { RunState } from '../artifacts/run.ts';
import { runPaths } from '../artifacts/run-files.ts';
import { readRun, type Which } from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { findModel } from './find-model.ts';
import { buildProgram, type TrainingProgram } from './program.ts';

/** A run's model with the weights of a checkpoint. */
export interface LoadedRun {
  readonly state: RunState;
  /** Weights and optimizer state are the checkpoint's; its variables are on tfjs's current backend. */
  readonly program: TrainingProgram;
}

/**
 * Builds a run's model with the weights of one of its checkpoints. tfjs must have a backend.
 * @param run the run folder
 * @throws InputError when there is no such run, its checkpoint is damaged or its model is unknown
 */
export async function loadRun(
  run: string,
  which: Which,
  known: Readonly<Record<string, ModelDefinition>> = models,
): Promise<LoadedRun> {
  const folder = runPaths(run)[which];
  const checkpoint = await readRun(run, which);
  if (!checkpoint) {
    throw new InputError(
      `${run}: there is no ${which} checkpoint; give the folder of a run that has finished ${which === 'best' ? 'an epoch' : 'training or was interrupted'}`,
    );
  }
  const { state } = checkpoint;
  const { model } = await findModel(state.plan.modelFile ?? state.plan.model, known).catch((error: unknown) => {
    throw error instanceof InputError ? new InputError(`${folder}: ${error.message}`, { cause: error }) : error;
  });
  const program = buildProgram(model, state.plan.size, state.plan.recipe.optimizer);
  restore([...program.weights, ...program.optimizerState], checkpoint, folder);
  return { state, program };
}
