import { randomUUID } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type RunningShard, runningShard } from '../artifacts/encoding-plan.ts';
import { parseSealed } from '../artifacts/json.ts';
import { ignoreMissing, withFileErrors } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';
import { sealed } from '../io/sealed.ts';
import { shardName, shardOf, shardPaths } from './shard-files.ts';

/** A process writes its file again every 5 s; one that is silent for 60 s is presumed dead. */
const BEAT_MS = 5_000;
const SILENT_MS = 60_000;

/**
 * Shows others that a shard is being encoded. It keeps nobody from encoding the same shard: a job that was killed and started
 * again need not wait. Files that dead processes left of the shard are removed.
 * @throws EnvironmentError or InputError when the folder cannot be written
 */
export async function showRunning(folder: string, shard: number) {
  const { running } = shardPaths(folder);
  const path = join(running, `${shardName(shard)}.${randomUUID()}.json`);
  const began = performance.now();
  let state: RunningShard = { shard, host: hostname(), images: 0, total: 0, seconds: 0 };
  const write = () => writeFile(path, sealed({ ...state, seconds: (performance.now() - began) / 1000 }));
  const remove = () => rm(path, { force: true }).catch(() => undefined); // one that stays is soon too old to count
  await withFileErrors(`cannot write ${path}`, async () => {
    await makeFolder(running);
    for (const name of await readdir(running)) {
      if (shardOf(name) === shard && !(await isFresh(join(running, name))))
        await rm(join(running, name), { force: true });
    }
    await write().catch(async (error: unknown) => {
      await remove();
      throw error;
    });
  });
  let writing = Promise.resolve();
  const beat = setInterval(() => {
    writing = writing.then(write).catch(() => {}); // the next write of the shard reports the reason
  }, BEAT_MS).unref();
  return {
    begin(total: number): void {
      state = { ...state, total };
    },
    update(images: number): void {
      state = { ...state, images };
    },
    async end(): Promise<void> {
      clearInterval(beat);
      await writing;
      await remove();
    },
  };
}

async function isFresh(path: string): Promise<boolean> {
  const found = await stat(path).catch(ignoreMissing);
  return found !== undefined && Math.abs(Date.now() - found.mtimeMs) < SILENT_MS; // a clock may be wrong
}

/** Processes that encode a shard now, on any machine. */
export async function listRunning(folder: string): Promise<RunningShard[]> {
  const { running } = shardPaths(folder);
  const found: RunningShard[] = [];
  await withFileErrors(`cannot read ${running}`, async () => {
    for (const name of (await readdir(running).catch(ignoreMissing)) ?? []) {
      if (!(await isFresh(join(running, name)))) continue;
      const text = (await readFile(join(running, name), 'utf8').catch(ignoreMissing)) ?? '';
      try {
        found.push(parseSealed(runningShard, text, Error));
      } catch {} // it is just being written
    }
  });
  return found;
}
