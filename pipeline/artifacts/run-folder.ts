import { lstat, readdir, readlink, realpath, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { makeFolder, switchLink, syncFolder, writeDurably } from '../io/durable.ts';
import { fileError, InputError } from '../io/errors.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import type { Files } from './layers-format.ts';
import type { RunPosition } from './run.ts';

/**
 * What lies in a run folder. `latest` and `best` are links to folders in `checkpoints/`. Such a folder appears complete
 * or not at all, and a link changes in one step: whatever ends the process, `latest` names a whole checkpoint.
 */
export const runPaths = (run: string) => ({
  checkpoints: join(run, 'checkpoints'),
  latest: join(run, 'latest'),
  best: join(run, 'best'),
  metrics: join(run, 'metrics.jsonl'),
  events: join(run, 'events.out.tfevents.0.convae'),
  pictures: join(run, 'pictures'),
  lock: join(run, 'lock'),
});

export type Which = 'latest' | 'best';

const epochName = (epoch: number) => `epoch-${String(epoch).padStart(3, '0')}`;

/** What the folder of a checkpoint is called: by its epoch at an epoch's end, by its step within one. */
const checkpointName = ({ epoch, batches, step }: RunPosition) =>
  batches === 0 ? epochName(epoch) : `step-${String(step).padStart(8, '0')}`;

/**
 * Makes the run folder, if need be.
 * @throws InputError when it holds anything that no run writes
 */
export async function openRunFolder(run: string): Promise<void> {
  try {
    await makeFolder(run);
    const own = new Set(Object.values(runPaths(run)).map((path) => basename(path)));
    const foreign = (await readdir(run)).find((name) => !own.has(name) && !/^(latest|best|lock)\./.test(name));
    if (foreign !== undefined) {
      throw new InputError(`${run}: there is ${foreign} in it, which no run wrote; choose a new or empty folder`);
    }
  } catch (error) {
    throw fileError(error, `cannot use ${run} as a run folder`);
  }
}

/**
 * Removes what an interrupted process left unfinished.
 * @throws InputError when `latest` or `best` is not a link
 */
export async function tidyRunFolder(run: string, best: RunPosition['best']): Promise<void> {
  try {
    if (best && (await exists(join(runPaths(run).checkpoints, epochName(best.epoch))))) {
      if ((await targetOf(run, 'best')) !== epochName(best.epoch)) await pointTo(run, 'best', epochName(best.epoch));
    }
    await removeUnreferenced(run);
  } catch (error) {
    throw fileError(error, `cannot write to ${run}`);
  }
}

/**
 * Makes `files` the run's latest checkpoint (and its best), then removes the checkpoints that nothing points to.
 * @throws EnvironmentError or InputError when the folder cannot be written; the checkpoints before stay as they were
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
  try {
    for (const [file, data] of Object.entries(files)) await writeDurably(join(partial, file), data);
    for (const folder of ['encoder', 'decoder', '.']) await syncFolder(join(partial, folder));
    await rename(partial, join(checkpoints, name));
    await syncFolder(checkpoints);
    await pointTo(run, 'latest', name);
    if (best) await pointTo(run, 'best', name);
    await removeUnreferenced(run);
  } catch (error) {
    await rm(partial, { recursive: true, force: true }).catch(() => {}); // the first failure is the one to report
    throw fileError(error, `cannot write the checkpoint of step ${position.step} to ${run}`);
  }
}

/**
 * Reads a run's checkpoint, also while the run goes on.
 * @returns undefined where the run has none yet
 * @throws InputError when it is damaged or cannot be read
 */
export async function readRun(run: string, which: Which): Promise<Checkpoint | undefined> {
  const link = runPaths(run)[which];
  for (;;) {
    if (!(await exists(link))) return undefined;
    const folder = await realpath(link).catch((error: unknown) => {
      throw fileError(error, `cannot read ${link}`);
    });
    try {
      return await readCheckpoint(folder);
    } catch (error) {
      // A training process removes a checkpoint only after the link has gone on to another.
      if ((await realpath(link).catch(() => folder)) === folder) throw error;
    }
  }
}

/** Takes up a switch of links that was cut short, so that it can be read. */
export async function completeLinks(run: string): Promise<void> {
  try {
    for (const which of ['latest', 'best'] as const) {
      const link = runPaths(run)[which];
      if (await exists(`${link}.next`)) {
        if (await exists(link)) await rm(`${link}.next`);
        else await rename(`${link}.next`, link);
      }
    }
  } catch (error) {
    throw fileError(error, `cannot write to ${run}`);
  }
}

const pointTo = (run: string, which: Which, name: string) =>
  switchLink(join('checkpoints', name), runPaths(run)[which]);

async function targetOf(run: string, which: Which): Promise<string | undefined> {
  const link = runPaths(run)[which];
  try {
    return basename(await readlink(link));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    if (error instanceof Error && 'code' in error && error.code === 'EINVAL') {
      throw new InputError(`${link} is not a link; was the run copied without keeping links? Copy it again with cp -a`);
    }
    throw error;
  }
}

async function removeUnreferenced(run: string): Promise<void> {
  const { checkpoints } = runPaths(run);
  const kept = [await targetOf(run, 'latest'), await targetOf(run, 'best')];
  if (!(await exists(checkpoints))) return;
  for (const name of await readdir(checkpoints)) {
    if (!kept.includes(name)) await rm(join(checkpoints, name), { recursive: true, force: true });
  }
}

const exists = (path: string) =>
  lstat(path).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw fileError(error, `cannot read ${path}`);
    },
  );
