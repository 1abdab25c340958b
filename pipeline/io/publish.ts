import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { syncFolder } from './durable.ts';
import { fileError, InputError, Interrupted } from './errors.ts';

/** Files that are waited for side by side: a disk that takes many at once is ten times as fast as one by one. */
const SYNCS = 16;

export interface PublishOptions {
  /** Ends the publishing: nothing appears, what was there stays. Too late once everything is on the disk. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What may be lost with a folder that is replaced, being made from what it held: folders by name, with a file in each by
   * which it is known for that; files by name, with ''.
   */
  readonly derived?: Readonly<Record<string, string>> | undefined;
}

/**
 * Makes a folder appear whole or not at all. One that is there is replaced, unless it holds what the new one does not.
 * @param target where the folder is to be; the folders above it are made
 * @param write fills the empty folder that it is given
 * @throws InputError or EnvironmentError when the disk is full, read-only or forbidden, or something else is at `target`;
 * Interrupted (or the signal's own reason, if that is an error) after `signal`; what `write` throws
 */
export async function publishFolder(
  target: string,
  write: (folder: string) => Promise<void>,
  { signal, derived = {} }: PublishOptions = {},
): Promise<void> {
  await publish(target, 'folder', signal, async (temporary, path, exists) => {
    await mkdir(temporary);
    await write(temporary);
    stopIfAborted(signal);
    await syncTree(temporary);
    stopIfAborted(signal);
    if (exists) await replaceFolder(temporary, path, target, derived);
    else await rename(temporary, path);
  });
}

/**
 * Makes a file appear whole or not at all; one that is there is replaced.
 * @param target where the file is to be; the folders above it are made
 * @param write fills the empty file whose path it is given
 * @throws as `publishFolder`
 */
export async function publishFile(
  target: string,
  write: (path: string) => Promise<void>,
  { signal }: PublishOptions = {},
): Promise<void> {
  await publish(target, 'file', signal, async (temporary, path) => {
    await (await open(temporary, 'wx')).close();
    await write(temporary);
    stopIfAborted(signal);
    await sync(temporary);
    stopIfAborted(signal);
    await rename(temporary, path);
  });
}

async function publish(
  target: string,
  kind: 'file' | 'folder',
  signal: AbortSignal | undefined,
  work: (temporary: string, path: string, exists: boolean) => Promise<void>,
): Promise<void> {
  stopIfAborted(signal);
  let temporary: string | undefined;
  try {
    const path = await realpath(target).catch(() => resolve(target)); // a link to it stays a link
    const exists = await existsAs(path, kind, target);
    await mkdir(dirname(path), { recursive: true });
    temporary = sibling(path);
    await work(temporary, path, exists);
    await syncFolder(dirname(path));
  } catch (error) {
    // What failed first is what is reported.
    if (temporary) await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw concernsTarget(error, temporary) ? fileError(error, `cannot write ${target}`) : error;
  }
}

/** Hidden, in the same folder and so on the same file system. */
const sibling = (path: string) =>
  join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);

async function existsAs(path: string, kind: 'file' | 'folder', target: string): Promise<boolean> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!found) return false;
  if (kind === 'folder' ? found.isDirectory() : found.isFile()) return true;
  const what = found.isDirectory() ? 'a folder' : found.isFile() ? 'a file' : 'neither a file nor a folder';
  throw new InputError(`cannot write ${target}: it is ${what}, and a ${kind} is to be written; choose another path`);
}

/**
 * A folder cannot be renamed over another that is not empty: the old one goes aside first, and back if that fails.
 * @throws InputError when the old one holds what the new one does not: it would be lost
 */
async function replaceFolder(
  fresh: string,
  path: string,
  target: string,
  derived: Readonly<Record<string, string>>,
): Promise<void> {
  const written = new Set(await readdir(fresh));
  const isDerived = (name: string) => {
    const sign = Object.hasOwn(derived, name) ? derived[name] : undefined;
    return sign !== undefined && existsSync(join(path, name, sign));
  };
  const foreign = (await readdir(path)).find((name) => !written.has(name) && !isDerived(name));
  if (foreign !== undefined) {
    throw new InputError(
      `cannot write ${target}: there is ${foreign} in it, which replacing the folder would delete; choose another folder`,
    );
  }
  const aside = `${fresh}.old`;
  await rename(path, aside);
  try {
    await rename(fresh, path);
  } catch (error) {
    await rename(aside, path);
    throw error;
  }
  await syncFolder(dirname(path));
  await rm(aside, { recursive: true, force: true });
}

async function syncTree(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  let next = 0;
  const syncSome = async () => {
    for (let entry = entries[next++]; entry; entry = entries[next++]) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) await syncTree(path);
      else if (entry.isFile()) await sync(path);
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: SYNCS }, syncSome));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  await syncFolder(folder);
}

/** Waits until the disk has a file. */
async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** @throws the signal's reason where that is an error of our own, else Interrupted, once the signal is aborted */
export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  // An abort without a reason of one's own has a DOMException.
  const { reason } = signal;
  throw reason instanceof Error && !(reason instanceof DOMException) ? reason : new Interrupted('interrupted');
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && 'errno' in error && 'code' in error && typeof error.code === 'string';

/** Whether a failure is the target's: a full disk has no path; a file that `write` could not read has its own. */
function concernsTarget(error: unknown, temporary: string | undefined): boolean {
  return isSystemError(error) && (!error.path || !temporary || error.path.startsWith(temporary));
}
