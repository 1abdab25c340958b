import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { models } from '../../models/index.ts';
import { withLossOf } from '../../models/kit/model.ts';
import { type Checkpoint, readCheckpoint, restore } from '../artifacts/checkpoint.ts';
import { runPaths } from '../artifacts/run-files.ts';
import { readChosen, readRun, type Which } from '../artifacts/run-folder.ts';
import { InputError } from '../io/errors.ts';
import { findModel } from './find-model.ts';
import { buildProgram, type TrainingProgram } from './program.ts';
import { assertTrusted } from './trust.ts';

/**
 * Builds the program of a run with the weights and the optimizer state of one of its checkpoints, on tfjs's current backend.
 * @param run the run folder
 * @param which by default the best where there is one, else the latest
 * @param trust whether to run any model file that the run names, see `assertTrusted`
 * @throws InputError when there is no such run or checkpoint, it is damaged or its model is unknown
 */
export async function loadRun(run: string, which?: Which, known = models, trust = false) {
  const { checkpoint, folder } = await findCheckpoint(run, which);
  const { state } = checkpoint;
  const spec = state.plan.modelFile ?? state.plan.model;
  if (!trust) await assertTrusted(spec, folder, run);
  const { model } = await findModel(spec, known).catch((error: unknown) => {
    throw error instanceof InputError ? new InputError(`${folder}: ${error.message}`, { cause: error }) : error;
  });
  const { size, recipe } = state.plan;
  let program: TrainingProgram;
  try {
    program = buildProgram(withLossOf(model, recipe), size, recipe.optimizer);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new InputError(`${folder}: its model cannot be built: ${error.message}`, { cause: error });
  }
  restoreProgram(program, checkpoint, folder);
  return { state, program };
}

/**
 * Gives a program the weights and the optimizer state of a checkpoint.
 * @param folder name of the checkpoint in messages
 * @throws InputError when it does not fit, or the user's own model has other layers than it had in training
 */
export function restoreProgram(program: TrainingProgram, checkpoint: Checkpoint, folder: string): void {
  restore([...program.weights, ...program.optimizerState], checkpoint, folder);
  const { modelFile } = checkpoint.state.plan;
  if (modelFile === undefined) return;
  for (const [part, model] of Object.entries(program.models)) {
    const { config } = model.toJSON(undefined, false) as { config: unknown };
    const trained = checkpoint.layers[part as keyof typeof program.models];
    if (withOwnNames(config) === withOwnNames(trained)) continue;
    throw new InputError(
      `${folder}: the ${part} of ${modelFile} is not the one that was trained, its layers have changed since; undo the change, or train again into another run folder`,
    );
  }
}

/** Names that tfjs gives to layers and models; their numbers go on counting with every model that a process builds. */
const AUTOMATIC = /^(sequential_|model|input|[a-z\d_]+_[A-Z]\w*?)\d+$/;

/** JSON in which automatic names are numbered from 0. */
function withOwnNames(config: unknown): string {
  const names = new Map<string, number>();
  return JSON.stringify(config, (_, value: unknown) => {
    if (typeof value !== 'string' || !AUTOMATIC.test(value)) return value;
    names.set(value, names.get(value) ?? names.size);
    return names.get(value);
  });
}

/**
 * Reads one of a run's checkpoints.
 * @param run a run folder or, where `which` is not given, a checkpoint folder
 * @returns the checkpoint and its path
 * @throws InputError when there is none, or it is damaged
 */
export async function findCheckpoint(run: string, which?: Which): Promise<{ checkpoint: Checkpoint; folder: string }> {
  if (!which && existsSync(join(run, 'state.json'))) return { checkpoint: await readCheckpoint(run), folder: run };
  const asked = which && { which, checkpoint: await readRun(run, which) };
  const found = asked ?? (await readChosen(run));
  if (found?.checkpoint) return { checkpoint: found.checkpoint, folder: runPaths(run)[found.which] };
  if (!existsSync(run)) {
    throw new InputError(`${run}: there is no such folder; give a run folder that \`convae train\` wrote`);
  }
  if (which === 'best' && (await readRun(run, 'latest'))) {
    throw new InputError(
      `${run}: there is no best checkpoint, because it is chosen by validation loss and no epoch with validation images is done; use the latest, or train with --val-split 0.1`,
    );
  }
  throw new InputError(
    `${run}: there is no ${which ?? 'latest'} checkpoint; give the folder of a run that has finished training or was interrupted`,
  );
}
