import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Metrics } from '../artifacts/metrics.ts';
import type { RunState } from '../artifacts/run.ts';
import { readMetrics, runPaths } from '../artifacts/run-files.ts';
import { readRun } from '../artifacts/run-folder.ts';
import { shortSpec } from '../data/formats.ts';
import { InputError, withFileErrors } from '../io/errors.ts';
import { optionsOf } from '../train/recipe-file.ts';

/** A run in a list. */
export type RunEntry = { readonly run: string } & (
  | {
      readonly model: string;
      readonly data: string;
      /** `28×28×1` */
      readonly image: string;
      readonly latent: number;
      readonly epochs: { readonly done: number; readonly planned: number };
      /** Of the last complete epoch. */
      readonly losses: { readonly [split in 'train' | 'val' | 'test']?: Metrics | undefined };
      /** The epoch with the lowest validation loss. */
      readonly best: RunState['position']['best'];
      /** Of training steps, without evaluation and checkpoints; null where the run has no complete epoch. */
      readonly seconds: number | null;
    }
  /** Why it cannot be read. */
  | { readonly problem: string }
);

/** In what two runs differ, a value of each; undefined where one has none. */
export interface Comparison {
  readonly runs: readonly [string, string];
  readonly differences: readonly { readonly name: string; readonly values: readonly (string | number | undefined)[] }[];
}

/** Folders that are searched for runs, below each other: `runs/photos/cae`. */
const DEPTH = 3;

/**
 * Finds the runs in a folder and in the folders in it, by path. A run that is damaged has its problem instead of its figures.
 * @throws InputError when the folder cannot be read
 */
export async function listRuns(folder: string): Promise<readonly RunEntry[]> {
  return Promise.all((await runsIn(folder, DEPTH)).map(entryOf));
}

/** @throws InputError when one of them is no run, or damaged */
export async function compareRuns(a: string, b: string): Promise<Comparison> {
  const [first, second] = [await featuresOf(a), await featuresOf(b)];
  const names = Object.keys({ ...first, ...second });
  const differences = names.map((name) => ({ name, values: [first[name], second[name]] }));
  return { runs: [a, b], differences: differences.filter(({ values: [one, other] }) => one !== other) };
}

async function runsIn(folder: string, depth: number): Promise<string[]> {
  if (await isRun(folder)) return [folder];
  if (depth === 0) return [];
  const entries = await withFileErrors(`cannot read ${folder}`, () => readdir(folder, { withFileTypes: true }));
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  return (await Promise.all(folders.sort().map((name) => runsIn(join(folder, name), depth - 1)))).flat();
}

async function isRun(folder: string): Promise<boolean> {
  const { latest, checkpoints } = runPaths(folder);
  const found = await Promise.all([latest, checkpoints].map((path) => lstat(path).catch(() => undefined)));
  return found.some((entry) => entry !== undefined);
}

async function entryOf(run: string): Promise<RunEntry> {
  try {
    const { plan, position } = await stateOf(run);
    const { height, width, channels, latent } = plan.size;
    return {
      run,
      model: plan.model,
      data: plan.data.name,
      image: `${width}×${height}×${channels}`,
      latent,
      epochs: { done: position.epoch, planned: plan.recipe.epochs },
      losses: position.metrics ?? {},
      best: position.best,
      seconds: await secondsOf(run),
    };
  } catch (error) {
    if (error instanceof InputError) return { run, problem: error.message };
    throw error;
  }
}

/** @throws InputError when the folder is no run, or damaged */
async function stateOf(run: string): Promise<RunState> {
  const checkpoint = await readRun(run, 'latest');
  if (checkpoint) return checkpoint.state;
  throw new InputError(`${run}: there is no checkpoint; give a run folder that \`convae train\` wrote`);
}

async function secondsOf(run: string): Promise<number | null> {
  const epochs = (await readMetrics(runPaths(run).metrics)).filter(
    ({ split, span }) => split === 'train' && span === 'epoch',
  );
  const times = epochs.flatMap(({ images, rate }) => (rate ? images / rate : []));
  return times.length > 0 ? times.reduce((sum, time) => sum + time, 0) : null;
}

/** Recipe and results of a run, by name. */
async function featuresOf(run: string): Promise<Record<string, string | number | undefined>> {
  const { plan, position } = await stateOf(run);
  const { train, val, test } = position.metrics ?? {};
  const seconds = await secondsOf(run);
  return {
    ...optionsOf(plan),
    data: shortSpec(plan.data.name),
    'image size': `${plan.size.width}×${plan.size.height}×${plan.size.channels}`,
    'training images': plan.data.train.images,
    'validation images': plan.data.val?.images,
    'test images': plan.data.test?.images,
    'epochs done': position.epoch,
    steps: position.step,
    'train loss': train?.loss,
    'val loss': val?.loss,
    'test loss': test?.loss,
    'best epoch': position.best?.epoch,
    seconds: seconds === null ? undefined : Math.round(seconds),
  };
}
