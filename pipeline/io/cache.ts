import { createHash } from 'node:crypto';
import { readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './durable.ts';
import { fileError } from './errors.ts';
import { publishFile } from './publish.ts';

/** Digits of the contents' SHA-256 in a file's name. */
const DIGITS = 16;

export interface CacheOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of the files' names. */
  readonly extension?: string;
  /** Whether a file holds what was asked for; one that does not counts as damaged. */
  readonly accepts?: (bytes: Uint8Array) => boolean;
  /** Bytes that the folder's files may take together; those used longest ago are removed. */
  readonly limit?: number;
}

/**
 * Takes a file from a folder of files that carry their contents' hash in their names, or makes it and puts it there,
 * whole or not at all. What is damaged is made anew.
 * @param key what tells the file from the others in the folder
 * @throws InputError or EnvironmentError when the folder cannot be read or written, before anything is made; what
 * `make` throws; Interrupted (or the signal's own reason, if that is an error) after `signal`
 */
export async function cached(
  folder: string,
  key: string,
  make: () => Promise<Uint8Array>,
  { signal, extension = 'onnx', accepts = () => true, limit }: CacheOptions = {},
): Promise<Uint8Array> {
  const nameOf = (bytes: Uint8Array) =>
    `${key}-${createHash('sha256').update(bytes).digest('hex').slice(0, DIGITS)}.${extension}`;
  const damaged: string[] = [];
  try {
    await makeFolder(folder);
    for (const name of (await readdir(folder)).sort()) {
      if (!name.startsWith(`${key}-`)) continue;
      const bytes = await readFile(join(folder, name));
      if (name === nameOf(bytes) && accepts(bytes)) {
        await utimes(join(folder, name), new Date(), new Date()).catch(() => {}); // used now; not ours to change, maybe
        return bytes;
      }
      damaged.push(name);
    }
  } catch (error) {
    throw fileError(error, `cannot use ${folder}`);
  }
  const bytes = await make();
  await publishFile(join(folder, nameOf(bytes)), (path) => writeFile(path, bytes), { signal });
  for (const name of damaged) if (name !== nameOf(bytes)) await rm(join(folder, name), { force: true });
  if (limit !== undefined) await prune(folder, limit);
  return bytes;
}

/** Removes the files that were used longest ago until the others take no more than `limit` bytes. */
async function prune(folder: string, limit: number): Promise<void> {
  const paths = (await readdir(folder)).map((name) => join(folder, name));
  const files = await Promise.all(
    paths.map(async (path) => ({ path, about: await stat(path).catch(() => undefined) })),
  );
  let total = 0;
  for (const { path, about } of files.sort((a, b) => (b.about?.mtimeMs ?? 0) - (a.about?.mtimeMs ?? 0))) {
    total += about?.size ?? 0;
    if (total > limit) await rm(path, { force: true });
  }
}
