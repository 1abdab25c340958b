import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { codeOf, InputError, ignoreMissing, withFileErrors } from './errors.ts';

/** Heartbeat. A holder on another machine that is silent for 60 s is presumed dead. */
const BEAT_MS = 10_000;
const SILENT_MS = 60_000;
/** An empty lock file is still being written, unless it stays empty for 2 s. */
const WRITING_MS = 2_000;

const holderSchema = z.object({ pid: z.int(), place: z.string(), born: z.string(), token: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Locks a folder against other processes. A lock whose process is dead is replaced.
 * @param path the lock file; its folder exists
 * @param what name of the locked thing in messages
 * @returns a function that releases the lock
 * @throws InputError while another process holds it
 */
export async function acquireLock(path: string, what: string): Promise<() => Promise<void>> {
  const own: Holder = { pid: process.pid, place: placeOf(), born: birthOf(process.pid), token: randomUUID() };
  await withFileErrors(`cannot write ${path}`, async () => {
    while (!(await create(path, own))) await removeStale(path, what);
  });
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // the next write to the folder reports the reason
  }, BEAT_MS).unref();
  return async () => {
    clearInterval(beat);
    if ((await read(path))?.holder?.token === own.token) await rm(path, { force: true });
  };
}

async function create(path: string, own: Holder): Promise<boolean> {
  try {
    await writeFile(path, `${JSON.stringify(own)}\n`, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    if (codeOf(error) === 'ENOSPC') await rm(path, { force: true });
    throw error;
  }
}

async function removeStale(path: string, what: string): Promise<void> {
  const found = await read(path);
  if (!found) return;
  const { holder, silentMs } = found;
  if (!holder && silentMs < WRITING_MS) return sleep(50);
  if (holder && isAlive(holder, silentMs)) {
    throw new InputError(
      `${what} is in use by process ${holder.pid} (${holder.place}, last sign of life ${Math.round(silentMs / 1000)} s ago); wait for it to end, or choose another folder`,
    );
  }
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(ignoreMissing);
  // If another process replaced the stale lock meanwhile, its new lock was moved: put it back.
  const moved = await read(aside);
  if (moved && moved.holder?.token !== holder?.token) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function isAlive({ pid, place, born }: Holder, silentMs: number): boolean {
  if (place !== placeOf()) return silentMs < SILENT_MS;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return birthOf(pid) === born; // otherwise another process has the number now
}

async function read(path: string): Promise<{ holder: Holder | undefined; silentMs: number } | undefined> {
  const found = await Promise.all([readFile(path, 'utf8'), stat(path)]).catch(ignoreMissing);
  if (!found) return undefined;
  const [text, { mtimeMs }] = found;
  const silentMs = Math.max(0, Date.now() - mtimeMs);
  try {
    return { holder: holderSchema.parse(JSON.parse(text)), silentMs };
  } catch {
    return { holder: undefined, silentMs };
  }
}

/** The machine, and the container on it: the scope of process numbers. */
function placeOf(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Start time of a process in ticks since the machine started; '' where unavailable. */
function birthOf(pid: number): string {
  try {
    const stats = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stats.slice(stats.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}
