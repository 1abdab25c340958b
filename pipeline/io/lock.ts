import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryLock } from 'fs-native-extensions';
import { InputError, ignoreMissing, withFileErrors } from './errors.ts';
import { closeOnError } from './source.ts';

/** Releases a lock and removes its file. */
export type Release = () => Promise<void>;

/** The system may take a moment to end a process that was killed. */
const ENDING_MS = 400;
const PAUSE_MS = 20;

/** Open files, which would be closed, and so unlocked, when nothing refers to them any more. */
const held = new Set<FileHandle>();

/** A link is not followed: the lock would be in another folder. Windows has no such flag. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

/**
 * Locks a folder against other processes. The system holds the lock and frees it when the process ends, however it ends.
 * @param path the lock file; its folder exists
 * @param what name of the locked thing in messages
 * @throws InputError while another process holds it; EnvironmentError when the file system has no locks
 */
export const acquireLock = (path: string, what: string): Promise<Release> =>
  withFileErrors(`cannot lock ${path}`, async () => {
    for (let tries = ENDING_MS / PAUSE_MS; tries > 0; tries--) {
      const release = await tryAcquireLock(path, `process ${process.pid} on ${hostname()}\n`);
      if (release) return () => withFileErrors(`cannot remove ${path}`, release);
      await sleep(PAUSE_MS);
    }
    const holder = (await readFile(path, 'utf8').catch(() => '')).trim() || 'another process';
    throw new InputError(`${what} is in use by ${holder}; wait for it to end, or choose another folder`);
  });

/**
 * Takes a lock as `acquireLock` does.
 * @param holder contents of the lock file
 * @returns undefined while another process holds it
 * @throws errors of the file system
 */
export async function tryAcquireLock(path: string, holder: string): Promise<Release | undefined> {
  for (;;) {
    const file = await open(path, FLAGS);
    // Whoever has opened the file before it was removed finds that it is no longer at its path.
    const release = async () => {
      try {
        const remove = () => rm(path, { force: true });
        if (await isAt(file, path)) await remove().catch(remove); // the lock is gone anyway: its file matters less
      } finally {
        held.delete(file);
        await file.close();
      }
    };
    const locked = await closeOnError(file, async () => tryLock(file.fd));
    const current = locked && (await closeOnError(file, () => isAt(file, path)));
    if (current) {
      try {
        await file.truncate();
        await file.write(holder, 0);
        held.add(file);
        return release;
      } catch (error) {
        await release();
        throw error;
      }
    }
    await file.close();
    if (!locked) return undefined;
  }
}

/** Whether an open file is the one at a path. */
async function isAt(file: FileHandle, path: string): Promise<boolean> {
  const [open, there] = await Promise.all([
    file.stat({ bigint: true }),
    stat(path, { bigint: true }).catch(ignoreMissing),
  ]);
  return open.ino === there?.ino && open.dev === there.dev;
}
