import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from './digest.ts';
import { fileError } from './errors.ts';
import { makeFolder, publishFile } from './publish.ts';

/** The folder of downloaded libraries, `$XDG_CACHE_HOME/convae`: outside the checkout, so that they outlive it. */
export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'convae');

/** Digits of the content's SHA-256 in a file's name. */
const DIGITS = 16;

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
  { signal }: { signal?: AbortSignal | undefined } = {},
): Promise<Uint8Array> {
  const damaged: string[] = [];
  try {
    await makeFolder(folder);
    for (const name of (await readdir(folder)).sort()) {
      if (!name.startsWith(`${key}-`)) continue;
      const bytes = await readFile(join(folder, name));
      if (name === nameOf(key, bytes)) return bytes;
      damaged.push(name);
    }
  } catch (error) {
    throw fileError(error, `cannot use ${folder}`);
  }
  const bytes = await make();
  await publishFile(join(folder, nameOf(key, bytes)), (path) => writeFile(path, bytes), { signal });
  for (const name of damaged) if (name !== nameOf(key, bytes)) await rm(join(folder, name), { force: true });
  return bytes;
}

const nameOf = (key: string, bytes: Uint8Array): string => `${key}-${sha256(bytes).slice(0, DIGITS)}.onnx`;
