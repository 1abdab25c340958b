import { mkdir, readdir, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { swap } from 'fs-native-extensions';
import { codeOf, fileError, isFault, stopIfAborted, withFileErrors } from './errors.ts';
import { makeFolder, orRemove, sync, syncFolder } from './folders.ts';
import { type Staging, stage, sweep } from './staging.ts';
import { SIDECAR, sumLines, writeSums } from './sums.ts';
import { assertEarlier, assertReplaceable, type EarlierOutput, existsAs, type Kind } from './target.ts';

/** Systems that exchange two files in one step; not all of their file systems can. */
const CAN_EXCHANGE = process.platform === 'linux' || process.platform === 'darwin';
/** Tries to put an output into its place, of which each fails because another process has done so. */
const TRIES = 20;
/** Concurrent fsync calls; ten times as fast as one by one on a disk that takes many. */
const SYNCS = 16;

export interface PublishOptions {
  /** Cancels publishing and leaves the target unchanged. No effect once everything is on the disk. */
  readonly signal?: AbortSignal | undefined;
  /** What a folder is that may be replaced; without it, one that holds no more than the new one. */
  readonly earlier?: EarlierOutput | undefined;
  /** Whether a folder gets a list of its files' checksums, `SHA256SUMS`; it does by default. */
  readonly sums?: boolean | undefined;
}

/**
 * Creates a folder, complete or not at all. An existing folder is replaced if it is an `earlier` output, or holds no files that the
 * new one lacks.
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

/** Writes the SHA-256 of a file into a file beside it. @throws as `publishFolder` */
export const publishSidecar = (file: string, signal?: AbortSignal): Promise<void> =>
  publishFile(file + SIDECAR, async (path) => writeFile(path, await sumLines(dirname(file), [basename(file)])), {
    signal,
  });

async function publish(
  kind: Kind,
  target: string,
  write: (path: string) => Promise<void>,
  { signal, earlier, sums = true }: PublishOptions,
): Promise<void> {
  stopIfAborted(signal);
  await withFileErrors(`cannot write ${target}`, async () => {
    const path = await realpath(target).catch(() => resolve(target)); // a link to it stays a link
    const parent = dirname(path);
    await sweep(parent);
    await existsAs(path, kind, target);
    const made = await makeFolder(parent);
    await orRemove(parent, made, async () => {
      const staging = await stage(path);
      try {
        const { folder, fresh } = staging;
        if (kind === 'folder') await mkdir(fresh);
        else await writeFile(fresh, '', { flag: 'wx' });
        try {
          await write(fresh);
          if (kind === 'folder' && sums) await writeSums(fresh);
        } catch (error) {
          throw ofOtherFile(error, folder);
        }
        stopIfAborted(signal);
        await (kind === 'folder' ? syncTree(fresh) : sync(fresh));
        stopIfAborted(signal);
        const written = kind === 'folder' ? new Set(await readdir(fresh)) : undefined;
        await whileTaken(async () => {
          const exists = await existsAs(path, kind, target);
          if (exists && earlier) await assertEarlier(path, target, earlier);
          else if (exists && written) await assertReplaceable(path, target, (name) => written.has(name));
          await place(staging, path, exists, kind);
        });
      } finally {
        await staging.close();
      }
    });
  });
}

/**
 * Puts what was written into its place, and waits until it is there on the disk. The old content is exchanged for the new in one
 * step, and back on failure. Where the system cannot do this, a file is replaced, and a folder is moved aside first.
 */
async function place(staging: Staging, path: string, exists: boolean, kind: Kind): Promise<void> {
  const { fresh } = staging;
  const exchange = () => swap(fresh, path);
  const exchanged =
    exists &&
    CAN_EXCHANGE &&
    (await exchange().then(
      () => true,
      () => false,
    ));
  if (!exchanged) {
    if (exists && kind === 'folder') await staging.moveAside();
    await rename(fresh, path);
  }
  try {
    await syncFolder(dirname(path));
  } catch (error) {
    if (exchanged) await exchange();
    else if (!exists) await rename(path, fresh);
    throw error;
  }
}

/** Does some work again where another process has put a folder at its target, or moved it aside, in the meantime. */
async function whileTaken(work: () => Promise<void>): Promise<void> {
  for (let tries = TRIES; ; tries--) {
    try {
      return await work();
    } catch (error) {
      if (tries <= 1 || !['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOENT'].includes(codeOf(error) ?? '')) throw error;
    }
  }
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

/**
 * Names the file where a failure while writing concerns another one than those that are written: one that is copied, or a
 * cache. An error without a path, as of a full disk, concerns what is written.
 */
function ofOtherFile(error: unknown, folder: string): unknown {
  const { path, dest = path } = Object(error) as { path?: unknown; dest?: unknown };
  const own = (where: unknown) => where === undefined || String(where).startsWith(folder);
  return own(path) || (own(dest) && isFault(error)) ? error : fileError(error, `cannot use ${path}`);
}

/** Writes a file, creates its folder, and waits until the file is on the disk. */
export async function writeDurably(path: string, data: string | Uint8Array): Promise<void> {
  await makeFolder(dirname(path));
  await writeFile(path, data, { flush: true });
}

/** Where a link is made before it takes the place of another. */
export const nextOf = (link: string): string => `${link}.next`;

/**
 * Points a link at another folder in one step: readers see the old or the new one.
 * @param target absolute, or relative to the link's folder
 */
export async function switchLink(target: string, link: string): Promise<void> {
  const fresh = nextOf(link);
  await rm(fresh, { force: true });
  await symlink(target, fresh, 'junction');
  // Windows cannot rename over a link to a folder.
  if (process.platform === 'win32') await rm(link, { force: true });
  await rename(fresh, link);
  await syncFolder(dirname(link));
}
