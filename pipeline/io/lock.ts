import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { fileError, InputError } from './errors.ts';

/** The holder shows that it lives every so often; one that cannot be asked and is silent for long is gone. */
const BEAT_MS = 10_000;
const SILENT_MS = 60_000;
/** A lock file without content is one that is being written, unless it stays so. */
const WRITING_MS = 2_000;

const holderSchema = z.object({ pid: z.int(), place: z.string(), born: z.string(), token: z.string() });
type Holder = z.infer<typeof holderSchema>;

/**
 * Keeps other processes from working in the same folder. A lock whose process is gone is taken over.
 * @param path the lock file; its folder exists
 * @param what that the lock is for, as messages call it
 * @returns how to give it back
 * @throws InputError while another process holds it
 */
export async function acquireLock(path: string, what: string): Promise<() => Promise<void>> {
  const own: Holder = { pid: process.pid, place: placeOf(), born: birthOf(process.pid), token: randomUUID() };
  try {
    while (!(await create(path, own))) await removeStale(path, what);
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {}); // whoever uses the folder will meet the reason and report it
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
  if (!holder && silentMs < WRITING_MS) {
    await sleep(50);
    return;
  }
  if (holder && lives(holder, silentMs)) {
    throw new InputError(
      `${what} is in use by process ${holder.pid} (${holder.place}, last sign of life ${Math.round(silentMs / 1000)} s ago); wait for it to end, or choose another folder`,
    );
  }
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(ignoreMissing);
  // If another process replaced the stale lock meanwhile, that was its new one: it goes back.
  const moved = await read(aside);
  if (moved && moved.holder?.token !== holder?.token) await link(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function lives({ pid, place, born }: Holder, silentMs: number): boolean {
  if (place !== placeOf()) return silentMs < SILENT_MS;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return birthOf(pid) === born; // else the number has gone to another process
}

async function read(path: string): Promise<{ holder: Holder | undefined; silentMs: number } | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    const silentMs = Math.max(0, Date.now() - mtimeMs);
    try {
      return { holder: holderSchema.parse(JSON.parse(text)), silentMs };
    } catch {
      return { holder: undefined, silentMs };
    }
  } catch (error) {
    return ignoreMissing(error);
  }
}

/** Where process numbers mean the same: the machine, and the container on it. */
function placeOf(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** When a process began, in ticks since the machine did; '' where that is not to be had. */
function birthOf(pid: number): string {
  try {
    const stats = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stats.slice(stats.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined);

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
