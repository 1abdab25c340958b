import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from './digest.ts';
import { ignoreMissing, withFileErrors } from './errors.ts';
import { makeFolder } from './folders.ts';
import { publishFile } from './publish.ts';
import { STAGING, sweep } from './staging.ts';

/** The folder of downloaded libraries, `$XDG_CACHE_HOME/convae`: outside the checkout, so that they outlive it. */
export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'convae');

/** Digits of the content's SHA-256 in a file's name. */
const DIGITS = 16;

export interface CacheOptions {
  readonly signal?: AbortSignal | undefined;
  /** Extension of the file's name. */
  readonly extension?: string;
  /** Whether a file has the expected content; a file that has not is replaced like a damaged one. */
  readonly accepts?: (bytes: Uint8Array) => boolean;
  /** Largest total size of the folder's files in bytes; the least recently used files are removed. */
  readonly limit?: number;
}

/**
 * Reads a file from a folder whose file names contain a hash of the content, or makes and publishes it. A damaged file
 * is replaced.
 * @param key identifies the file within the folder
 * @throws InputError or EnvironmentError when the folder cannot be read or written, before anything is made; errors of
 * `make`; Interrupted (or the signal's own reason, if that is an error) after `signal`
 */
export async function cached(
  folder: string,
  key: string,
  make: () => Promise<Uint8Array>,
  { signal, extension = 'onnx', accepts = () => true, limit }: CacheOptions = {},
): Promise<Uint8Array> {
  const nameOf = (bytes: Uint8Array) => `${key}-${sha256(bytes).slice(0, DIGITS)}.${extension}`;
  const damaged: string[] = [];
  const found = await withFileErrors(`cannot use ${folder}`, async () => {
    await makeFolder(folder);
    await sweep(folder);
    for (const name of (await readdir(folder)).sort()) {
      if (!name.startsWith(`${key}-`)) continue;
      const bytes = await readFile(join(folder, name)).catch(ignoreMissing);
      if (!bytes) continue; // another process has just removed it
      if (name === nameOf(bytes) && accepts(bytes)) {
        // The time of the last use; the file may belong to another user.
        await utimes(join(folder, name), new Date(), new Date()).catch(() => {});
        return bytes;
      }
      damaged.push(name);
    }
    return undefined;
  });
  if (found) return found;
  const bytes = await make();
  await publishFile(join(folder, nameOf(bytes)), (path) => writeFile(path, bytes), { signal });
  const old = damaged.filter((name) => name !== nameOf(bytes));
  for (const name of old) await rm(join(folder, name), { force: true }).catch(() => {});
  if (limit !== undefined) await prune(folder, limit).catch(() => {});
  return bytes;
}

/** Removes the least recently used files, but none that are being written, until the others have no more than `limit` bytes. */
async function prune(folder: string, limit: number): Promise<void> {
  const paths = (await readdir(folder)).filter((name) => name !== STAGING).map((name) => join(folder, name));
  const files = await Promise.all(
    paths.map(async (path) => ({ path, about: await stat(path).catch(() => undefined) })),
  );
  let total = 0;
  for (const { path, about } of files.sort((a, b) => (b.about?.mtimeMs ?? 0) - (a.about?.mtimeMs ?? 0))) {
    total += about?.size ?? 0;
    if (total > limit) await rm(path, { force: true });
  }
}
