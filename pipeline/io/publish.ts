import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, realpath, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf, fileError, InputError, ignoreMissing, stopIfAborted } from './errors.ts';

/** Concurrent fsync calls; ten times as fast as one by one on a disk that takes many. */
const SYNCS = 16;

export interface PublishOptions {
  /** Cancels publishing and leaves the target unchanged. No effect once everything is on the disk. */
  readonly signal?: AbortSignal | undefined;
  /**
   * What a replaced folder may contain besides the files of the new one, because it was derived from them: a folder's name
   * with a file that identifies it, or a file's name with ''.
   */
  readonly derived?: Readonly<Record<string, string>> | undefined;
}

/**
 * Creates a folder, complete or not at all. An existing folder is replaced, unless it holds files that the new one lacks.
 * @param target path of the folder; its parents are created
 * @param write fills the empty folder whose path it is given
 * @throws InputError or EnvironmentError when the disk is full, read-only or forbidden, or something else is at `target`;
 * Interrupted (or the signal's own reason, if that is an error) after `signal`; errors of `write`
 */
export const publishFolder = (
  target: string,
  write: (folder: string) => Promise<void>,
  options: PublishOptions = {},
): Promise<void> => publish('folder', target, write, options);

/**
 * Creates a file, complete or not at all; an existing file is replaced.
 * @param target path of the file; its parents are created
 * @param write fills the empty file whose path it is given
 * @throws as `publishFolder`
 */
export const publishFile = (
  target: string,
  write: (path: string) => Promise<void>,
  options: PublishOptions = {},
): Promise<void> => publish('file', target, write, options);

async function publish(
  kind: 'file' | 'folder',
  target: string,
  write: (path: string) => Promise<void>,
  { signal, derived = {} }: PublishOptions,
): Promise<void> {
  stopIfAborted(signal);
  let temporary: string | undefined;
  try {
    const path = await realpath(target).catch(() => resolve(target)); // a link to it stays a link
    const exists = await existsAs(path, kind, target);
    await makeFolder(dirname(path));
    temporary = sibling(path);
    if (kind === 'folder') await mkdir(temporary);
    else await writeFile(temporary, '', { flag: 'wx' });
    await write(temporary);
    stopIfAborted(signal);
    await (kind === 'folder' ? syncTree(temporary) : sync(temporary));
    stopIfAborted(signal);
    if (kind === 'folder' && exists) await replaceFolder(temporary, path, target, derived);
    else await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    // Report the first failure.
    if (temporary) await rm(temporary, { recursive: true, force: true }).catch(() => {});
    throw concernsTarget(error, temporary) ? fileError(error, `cannot write ${target}`) : error;
  }
}

/** Hidden, in the same folder and so on the same file system. */
const sibling = (path: string) =>
  join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(4).toString('hex')}.tmp`);

async function existsAs(path: string, kind: 'file' | 'folder', target: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  if (!found) return false;
  if (kind === 'folder' ? found.isDirectory() : found.isFile()) return true;
  const what = found.isDirectory() ? 'a folder' : found.isFile() ? 'a file' : 'neither a file nor a folder';
  throw new InputError(`cannot write ${target}: it is ${what}, and a ${kind} is to be written; choose another path`);
}

/**
 * Replaces a folder. It cannot be renamed over one that is not empty: the old one moves aside first, and back on failure.
 * @throws InputError when the old folder holds files that the new one lacks, which would be lost
 */
async function replaceFolder(
  fresh: string,
  path: string,
  target: string,
  derived: Readonly<Record<string, string>>,
): Promise<void> {
  const written = new Set(await readdir(fresh));
  const isDerived = (name: string) =>
    Object.hasOwn(derived, name) && existsSync(join(path, name, derived[name] as string));
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
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const pathsOf = (kind: 'isFile' | 'isDirectory') =>
    entries.filter((entry) => entry[kind]()).map((entry) => join(entry.parentPath, entry.name));
  const files = pathsOf('isFile');
  for (let from = 0; from < files.length; from += SYNCS) {
    const ends = await Promise.allSettled(files.slice(from, from + SYNCS).map((path) => sync(path)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }
  for (const path of [...pathsOf('isDirectory'), folder]) await syncFolder(path);
}

/** Waits until a file is on the disk. */
async function sync(path: string, flags = 'r+'): Promise<void> {
  const handle = await open(path, flags);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Whether a failure concerns the target: a full disk has no path; a file that `write` could not read has its own. */
function concernsTarget(error: unknown, temporary: string | undefined): boolean {
  if (codeOf(error) === undefined || !(error instanceof Error && 'errno' in error)) return false;
  const path = 'path' in error ? String(error.path) : '';
  return !path || !temporary || path.startsWith(temporary);
}

/**
 * Creates a folder and its missing parents. Node's `recursive` reports a folder that cannot be created on a read-only
 * disk as missing.
 */
export async function makeFolder(path: string): Promise<void> {
  const make = () =>
    mkdir(path).catch(async (error: unknown) => {
      if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
    });
  try {
    await make();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await makeFolder(dirname(path));
    await make(); // fails again where the parent takes no folders, as /proc does
  }
}

/** Writes a file, creates its folder, and waits until the file is on the disk. */
export async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await writeFile(path, data, { flush: true });
}

/** Waits until a folder's entries are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') await sync(path, 'r'); // folders cannot be opened there, and renames are journalled
}

/**
 * Points a link at another folder in one step: readers see the old or the new one.
 * @param target absolute, or relative to the link's folder
 */
export async function switchLink(target: string, link: string): Promise<void> {
  const fresh = `${link}.next`;
  await rm(fresh, { force: true });
  await symlink(target, fresh, 'junction');
  // Windows cannot rename over a link to a folder.
  if (process.platform === 'win32') await rm(link, { force: true });
  await rename(fresh, link);
  await syncFolder(dirname(link));
}
