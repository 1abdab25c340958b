import { readdir, readFile } from 'node:fs/promises';
import { failedShard } from '../artifacts/encoding-plan.ts';
import { parseSealed } from '../artifacts/json.ts';
import { InputError, ignoreMissing, withFileErrors } from '../io/errors.ts';
import { listRunning } from './running-shard.ts';
import { readPlan, shardOf, shardPaths } from './shard-files.ts';

export interface ShardStatus {
  readonly folder: string;
  readonly shards: number;
  readonly done: number;
  readonly running: number;
  readonly failed: number;
  /** Neither done nor running nor failed, and the first of them. */
  readonly missing: number;
  readonly firstMissing: readonly number[];
  readonly failures: readonly { readonly shard: number; readonly host: string; readonly message: string }[];
  /** Images of the shards that are done, and of all; null where they are not counted before. */
  readonly images: { readonly done: number; readonly total: number } | null;
  /** Images that could not be read. */
  readonly skipped: number;
  /** Images per second of all processes that run now; null where none does. */
  readonly rate: number | null;
  readonly secondsLeft: number | null;
}

/** Shards that a list names. */
const MOST_LISTED = 10;

/**
 * What was encoded by a plan so far. No shard's file is opened.
 * @throws InputError when there is no plan
 */
export async function shardStatus(folder: string): Promise<ShardStatus> {
  const plan = await readPlan(folder);
  const paths = shardPaths(folder);
  const [done, failedFiles, skippedFiles] = (await Promise.all(
    [paths.parts, paths.failed, paths.skipped].map((path) => shardsIn(path)),
  )) as [Set<number>, Set<number>, Set<number>];
  const processes = (await listRunning(folder)).filter(({ shard }) => !done.has(shard));
  const running = new Set(processes.map(({ shard }) => shard));
  const failed = [...failedFiles].filter((shard) => !done.has(shard) && !running.has(shard)).sort((a, b) => a - b);
  const known = new Set([...done, ...running, ...failed]);
  const missing: number[] = [];
  for (let shard = 0; shard < plan.shards; shard++) if (!known.has(shard)) missing.push(shard);
  const { starts } = plan;
  const sizeOf = (shard: number) => (starts ? (starts[shard + 1] as number) - (starts[shard] as number) : undefined);
  const images = starts && {
    done: [...done].reduce((sum, shard) => sum + (sizeOf(shard) ?? 0), 0),
    total: starts.at(-1) as number,
  };
  const rate = processes.reduce((sum, { images, seconds }) => sum + (seconds > 0 ? images / seconds : 0), 0);
  const under = processes.reduce((sum, process) => sum + process.images, 0);
  const average = processes.reduce((sum, { total }) => sum + total, 0) / Math.max(1, processes.length);
  const left = (images ? images.total - images.done : (plan.shards - done.size) * average) - under;
  let skipped = 0;
  for (const shard of skippedFiles) skipped += (await textOf(paths.skippedOf(shard))).split('\n').length - 1;
  const failures = [];
  for (const shard of failed.slice(0, MOST_LISTED)) {
    const text = await textOf(paths.failure(shard));
    if (text === '') continue; // it was just removed, or is being written
    failures.push(
      parseSealed(failedShard, text, (reason) => new InputError(`${paths.failure(shard)}: ${reason}; delete it`)),
    );
  }
  return {
    ...{ folder, shards: plan.shards, done: done.size, running: running.size, failed: failed.length },
    ...{ missing: missing.length, firstMissing: missing.slice(0, MOST_LISTED) },
    ...{ failures, images, skipped },
    rate: rate > 0 ? rate : null,
    secondsLeft: rate > 0 ? Math.max(0, left) / rate : null,
  };
}

/** A file's text, empty where another process has removed it. @throws InputError or EnvironmentError when it cannot be read */
const textOf = async (path: string): Promise<string> =>
  (await withFileErrors(`cannot read ${path}`, () => readFile(path, 'utf8').catch(ignoreMissing))) ?? '';

/** The shards that have a file in a folder. */
export async function shardsIn(folder: string): Promise<Set<number>> {
  const names = (await withFileErrors(`cannot list ${folder}`, () => readdir(folder).catch(ignoreMissing))) ?? [];
  return new Set(names.map(shardOf).filter((shard) => !Number.isNaN(shard)));
}
