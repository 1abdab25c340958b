import { createHash } from 'node:crypto';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from './durable.ts';
import { fileError } from './errors.ts';
import { publishFile } from './publish.ts';

/** Digits of the contents' SHA-256 in a file's name. */
const DIGITS = 16;

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

const nameOf = (key: string, bytes: Uint8Array): string =>
  `${key}-${createHash('sha256').update(bytes).digest('hex').slice(0, DIGITS)}.onnx`;
