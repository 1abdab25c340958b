import { lstat, readdir, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, fileError, InputError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { makeFolder, syncFolder } from '../io/folders.ts';
import { nextOf, switchLink, writeDurably } from '../io/publish.ts';
import { STAGING } from '../io/staging.ts';
import { type Checkpoint, DamagedCheckpoint, type Files, readCheckpoint } from './checkpoint.ts';
import type { RunPosition } from './run.ts';
import { runPaths } from './run-files.ts';

export type Which = 'latest' | 'best';

const epochName = (epoch: number) => `epoch-${String(epoch).padStart(3, '0')}`;

/** Name of a checkpoint's folder: the epoch at an epoch's end, otherwise the step. */
const checkpointName = ({ epoch, batches, step }: RunPosition) =>
  batches === 0 ? epochName(epoch) : `step-${String(step).padStart(8, '0')}`;

/**
 * Creates the run folder if it is missing.
 * @returns the topmost folder that was created; undefined where all exist
 * @throws InputError when it contains a file that no run writes
 */
export async function openRunFolder(run: string): Promise<string | undefined> {
  return withFileErrors(`cannot use ${run} as a run folder`, async () => {
    const made = await makeFolder(run);
    const own = new Set(Object.values(runPaths(run)).map((path) => basename(path)));
    const foreign = (await readdir(run)).find(
      (name) => !own.has(name) && name !== STAGING && !/^(latest|best)\.next$/.test(name),
    );
    if (foreign !== undefined) {
      throw new InputError(`${run}: there is ${foreign} in it, which no run wrote; choose a new or empty folder`);
    }
    return made;
  });
}

/**
 * Repairs the links and removes the files that an interrupted process left behind.
 * @throws InputError when `latest` or `best` is not a link
 */
export async function tidyRunFolder(run: string, best: RunPosition['best']): Promise<void> {
  await withFileErrors(`cannot write to ${run}`, async () => {
    const name = best && epochName(best.epoch);
    if (name && (await targetOf(run, 'best')) !== name && (await exists(join(runPaths(run).checkpoints, name)))) {
      await pointTo(run, 'best', name);
    }
    await removeUnreferenced(run);
  });
}

/**
 * Publishes `files` as the run's latest checkpoint (and its best), then removes checkpoints without a link.
 * @throws EnvironmentError or InputError when the folder cannot be written; earlier checkpoints stay unchanged
 */
export async function publishCheckpoint(
  run: string,
  position: RunPosition,
  files: Files,
  { best }: { best: boolean },
): Promise<void> {
  const { checkpoints } = runPaths(run);
  const name = checkpointName(position);
  const partial = join(checkpoints, `${name}.partial`);
  const links = [runPaths(run).latest, runPaths(run).best].map(nextOf);
  try {
    for (const [file, data] of Object.entries(files)) await writeDurably(join(partial, file), data);
    for (const folder of ['encoder', 'decoder', '.']) await syncFolder(join(partial, folder));
    await rename(partial, join(checkpoints, name));
    await syncFolder(checkpoints);
    await pointTo(run, 'latest', name);
    if (best) await pointTo(run, 'best', name);
    await removeUnreferenced(run);
  } catch (error) {
    // The first failure is reported.
    for (const path of [partial, ...links]) await rm(path, { recursive: true, force: true }).catch(() => {});
    await removeUnreferenced(run).catch(() => {});
    throw fileError(error, `cannot write the checkpoint of step ${position.step} to ${run}`);
  }
}

/**
 * Reads a run's checkpoint, also while the run is training.
 * @returns undefined where the run has none yet
 * @throws InputError when it is damaged or cannot be read
 */
export async function readRun(run: string, which: Which): Promise<Checkpoint | undefined> {
  const link = runPaths(run)[which];
  for (;;) {
    if (!(await exists(link))) return undefined;
    const folder = await withFileErrors(`cannot read ${link}`, () => realpath(link));
    try {
      return await readCheckpoint(folder);
    } catch (error) {
      // A training process removes a checkpoint only after it has moved the link.
      if ((await realpath(link).catch(() => folder)) !== folder) continue;
      const { epoch } =
        (which === 'latest' && (await readRun(run, 'best').catch(() => undefined))?.state.position) || {};
      if (epoch === undefined || !(error instanceof DamagedCheckpoint)) throw error;
      const best = `${runPaths(run).best} (epoch ${epoch}) is intact`;
      throw new DamagedCheckpoint(
        error.reason,
        `${best}: export it with --which best, or train on from it with --init ${runPaths(run).best} --run ANOTHER`,
      );
    }
  }
}

/**
 * Reads the checkpoint that a run is used by: its best where one was chosen by validation loss (in old runs, by test loss),
 * else its latest.
 * @returns undefined where the run has none yet
 * @throws InputError as `readRun`
 */
export async function readChosen(run: string): Promise<{ which: Which; checkpoint: Checkpoint } | undefined> {
  const latest = await readRun(run, 'latest');
  const best = latest?.state.position.best ? await readRun(run, 'best') : undefined;
  if (best) return { which: 'best', checkpoint: best };
  return latest && { which: 'latest', checkpoint: latest };
}

/** Completes an interrupted switch of links, so that the run can be read. */
export async function completeLinks(run: string): Promise<void> {
  await withFileErrors(`cannot write to ${run}`, async () => {
    for (const which of ['latest', 'best'] as const) {
      const link = runPaths(run)[which];
      const next = nextOf(link);
      if (!(await exists(next))) continue;
      if (await exists(link)) await rm(next);
      else await rename(next, link);
    }
  });
}

const pointTo = (run: string, which: Which, name: string) =>
  switchLink(join('checkpoints', name), runPaths(run)[which]);

async function targetOf(run: string, which: Which): Promise<string | undefined> {
  const link = runPaths(run)[which];
  const target = await readlink(link).catch((error: unknown) => {
    if (codeOf(error) !== 'EINVAL') return ignoreMissing(error);
    throw new InputError(`${link} is not a link; was the run copied without keeping links? Copy it again with cp -a`);
  });
  return target && basename(target);
}

async function removeUnreferenced(run: string): Promise<void> {
  const { checkpoints } = runPaths(run);
  const kept = [await targetOf(run, 'latest'), await targetOf(run, 'best')];
  if (!(await exists(checkpoints))) return;
  for (const name of await readdir(checkpoints)) {
    if (!kept.includes(name)) await rm(join(checkpoints, name), { recursive: true, force: true });
  }
}

/** Whether there is anything at a path, a link without a target included. */
async function exists(path: string): Promise<boolean> {
  return withFileErrors(`cannot read ${path}`, async () => (await lstat(path).catch(ignoreMissing)) !== undefined);
}
