import { existsSync } from 'node:fs';
import { models } from '../../models/index.ts';
import { restore } from '../artifacts/checkpoint.ts';
import { runPaths } from '../artifacts/run-files.ts';
import { readRun, type Which } from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { findModel } from './find-model.ts';
import { buildProgram } from './program.ts';

/**
 * Builds the program of a run with the weights and the optimizer state of one of its checkpoints, on tfjs's current backend.
 * @param run the run folder
 * @throws InputError when there is no such run, its checkpoint is damaged or its model is unknown
 */
export async function loadRun(run: string, which: Which, known = models) {
  const folder = runPaths(run)[which];
  const checkpoint = await readRun(run, which);
  if (!checkpoint) {
    if (!existsSync(run))
      throw new InputError(`${run}: there is no such folder; give a run folder that \`convae train\` wrote`);
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
