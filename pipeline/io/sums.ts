import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileDigest } from './digest.ts';
import { ignoreMissing, withFileErrors } from './errors.ts';

/** The file of a published folder that lists the SHA-256 of all others, for `sha256sum -c`. */
export const SUMS = 'SHA256SUMS';

const LINE = /^([0-9a-f]{64}) {2}(.+)$/;

/** Lists all files of a folder and the folders in it. @throws errors of the file system */
export async function writeSums(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const names = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll(sep, '/'))
    .filter((name) => name !== SUMS)
    .sort();
  const lines: string[] = [];
  for (const name of names) lines.push(`${(await fileDigest(join(folder, name))).sha256}  ${name}\n`);
  await writeFile(join(folder, SUMS), lines.join(''));
}

/**
 * Compares files with the folder's `SHA256SUMS`.
 * @param concerns which of the listed files
 * @returns the name of the first that is missing or damaged, which may be the list itself; undefined where all are right, or
 * there is no list, as in folders of earlier versions
 * @throws InputError, EnvironmentError when a file cannot be read
 */
export async function findDamage(folder: string, concerns: (name: string) => boolean = () => true) {
  const list = join(folder, SUMS);
  return withFileErrors(`cannot read ${folder}`, async () => {
    const text = await readFile(list, 'utf8').catch(ignoreMissing);
    if (text === undefined) return undefined;
    const lines = text.split('\n');
    if (lines.pop() !== '') return SUMS;
    for (const line of lines) {
      const [, digest, name] = LINE.exec(line) ?? [];
      if (digest === undefined || name === undefined) return SUMS;
      if (!concerns(name)) continue;
      const found = await fileDigest(join(folder, name)).catch(ignoreMissing);
      if (found?.sha256 !== digest) return name;
    }
    return undefined;
  });
}
