import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf, ignoreMissing } from './errors.ts';
import { makeFolder, syncFolder } from './folders.ts';
import { type Release, tryAcquireLock } from './lock.ts';

/**
 * A folder beside files and folders that are being written, on the same file system. Each writer has a folder in it: `lock`
 * shows whether the writer is alive, `new/` has what it writes, and `old/` what it is about to replace.
 */
export const STAGING = '.convae-partial';

const NAME = /^[0-9a-f]{16}$/;
const LOCK = 'lock';

export interface Staging {
  readonly folder: string;
  /** Path for what is being written; nothing is there yet. */
  readonly fresh: string;
  /** Moves the target away. Where nothing takes its place, `close` or a later process puts it back. */
  moveAside(): Promise<void>;
  /** Removes everything that is staged; what cannot be removed, a later process will. */
  close(): Promise<void>;
}

/** Stages a file or folder beside its target, whose folder exists. @throws errors of the file system */
export async function stage(target: string): Promise<Staging> {
  const parent = dirname(target);
  for (;;) {
    const folder = join(parent, STAGING, randomBytes(8).toString('hex'));
    let release: Release | undefined;
    try {
      await mkdir(dirname(folder)).catch(async (error: unknown) => {
        if (codeOf(error) === 'ENOENT')
          await makeFolder(dirname(folder)); // another process has removed an empty folder
        else if (codeOf(error) !== 'EEXIST') throw error;
      });
      // Another process may remove these folders as long as there is no lock in them.
      release = await mkdir(folder)
        .then(() => tryAcquireLock(join(folder, LOCK), ''))
        .catch(ignoreMissing);
      if (release) await mkdir(join(folder, 'new'));
    } catch (error) {
      await clear(folder, release);
      throw error;
    }
    if (!release) continue;
    const moveAside = async () => {
      const aside = join(folder, 'old', basename(target));
      await makeFolder(dirname(aside));
      await rm(aside, { recursive: true, force: true }); // others have put something else there since
      for (const path of [folder, dirname(folder), parent]) await syncFolder(path);
      await rename(target, aside);
    };
    const close = () => clear(folder, release);
    return { folder, fresh: join(folder, 'new', basename(target)), moveAside, close };
  }
}

/** Removes what processes that have ended left behind in a folder, and puts back what they had moved aside. */
export async function sweep(parent: string): Promise<void> {
  const names = await readdir(join(parent, STAGING)).catch(() => undefined);
  if (!names) return;
  for (const name of names) {
    if (!NAME.test(name)) continue;
    const folder = join(parent, STAGING, name);
    const release = await tryAcquireLock(join(folder, LOCK), '').catch(() => undefined);
    if (release) await clear(folder, release);
  }
  await rmdir(join(parent, STAGING)).catch(() => {}); // fails while others write
}

/** Empties and removes the folder of a writer, unless what was moved aside cannot be put back. */
async function clear(folder: string, release: Release | undefined): Promise<void> {
  await attempt(async () => {
    await putBack(folder);
    for (const name of ['new', 'old']) await rm(join(folder, name), { recursive: true, force: true });
  });
  if (release) await attempt(release);
  for (const path of [folder, dirname(folder)]) await attempt(() => rmdir(path)); // fails while something is in it
}

/** Tries something twice, because some failures pass, and leaves it at that. */
const attempt = (work: () => Promise<void>): Promise<void> =>
  work()
    .catch(work)
    .catch(() => {});

async function putBack(folder: string): Promise<void> {
  const [old, parent] = [join(folder, 'old'), dirname(dirname(folder))];
  for (const name of (await readdir(old).catch(ignoreMissing)) ?? []) {
    if ((await readdir(parent)).includes(name)) continue;
    await rename(join(old, name), join(parent, name));
    await syncFolder(parent);
  }
}
