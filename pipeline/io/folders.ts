import { type Dirent, opendirSync, type Stats, statSync } from 'node:fs';
import { mkdir, open, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { codeOf } from './errors.ts';

/** Entries that are read at a time: a folder may have millions. */
const ENTRIES = 4096;

/** The entries of a folder, in no order. Waiting for each would take longer than to read them. @throws errors of the file system */
export function* entriesIn(path: string): Generator<Dirent, void, undefined> {
  const folder = opendirSync(path, { bufferSize: ENTRIES });
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) yield entry;
  } finally {
    folder.closeSync();
  }
}

/** What a path leads to; undefined where that is missing or cannot be reached. @throws other errors of the file system */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (['ENOTDIR', 'ELOOP', 'EACCES'].includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/**
 * Creates a folder and its missing parents, and waits until they are on the disk. Node's `recursive` reports a folder that
 * cannot be created on a read-only or full disk as missing.
 * @returns the topmost folder that was created; undefined where all exist
 * @throws errors of the file system
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  const make = async () => {
    try {
      await mkdir(path);
    } catch (error) {
      if (!(await stat(path).catch(() => undefined))?.isDirectory()) throw error;
      return undefined;
    }
    await orRemove(path, path, () => syncFolder(dirname(path)));
    return path;
  };
  try {
    return await make();
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' || dirname(path) === path) throw error;
    const top = await makeFolder(dirname(path));
    const made = await orRemove(dirname(path), top, make); // fails again where the parent takes no folders, as /proc does
    return top ?? made;
  }
}

/**
 * Does some work, and removes the folders that were made for it where it fails, unless they contain something.
 * @param top the topmost of them, `path` or above it; undefined: none was made
 */
export async function orRemove<T>(path: string, top: string | undefined, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await removeEmpty(path, top);
    throw error;
  }
}

/** Removes a folder and those above it up to `top`, unless they contain something. @param top undefined: none */
export async function removeEmpty(path: string, top: string | undefined): Promise<void> {
  if (top === undefined) return;
  for (let folder = path; folder.length >= top.length && folder !== dirname(folder); folder = dirname(folder)) {
    await rmdir(folder).catch(() => {});
  }
}

/** Waits until a folder's entries are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform !== 'win32') await sync(path); // folders cannot be opened there, and renames are journalled
}

/** Waits until a file is on the disk, which may be read-only, except on Windows. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, process.platform === 'win32' ? 'r+' : 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
