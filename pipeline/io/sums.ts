import type { Dirent } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fileDigest } from './digest.ts';
import { ignoreMissing, withFileErrors } from './errors.ts';

/** The file of a published folder that lists the SHA-256 of all others, for `sha256sum -c`. */
export const SUMS = 'SHA256SUMS';

/** Added to the name of a file: the file beside it with its SHA-256, for `sha256sum -c`. */
export const SIDECAR = '.sha256';

const LINE = /^([0-9a-f]{64}) {2}(.+)$/;

/** Lists all files of a folder and the folders in it. @throws errors of the file system */
export async function writeSums(folder: string): Promise<void> {
  const names = (await filesIn(folder, (entry) => entry.isFile())).filter((name) => name !== SUMS).sort();
  await writeFile(join(folder, SUMS), await sumLines(folder, names));
}

/** What is in a folder and the folders in it, by its path there. @throws errors of the file system */
export async function filesIn(folder: string, accepts: (entry: Dirent) => boolean): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter(accepts)
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll(sep, '/'));
}

/** The lines of a list for some files of a folder. @throws errors of the file system */
export async function sumLines(folder: string, names: readonly string[]): Promise<string> {
  const lines: string[] = [];
  for (const name of names) lines.push(`${(await fileDigest(join(folder, name))).sha256}  ${name}\n`);
  return lines.join('');
}

/** The files that a list names, and their SHA-256; undefined where it is damaged. @throws errors of the file system */
export async function sumsIn(list: string): Promise<{ name: string; sha256: string }[] | undefined> {
  const lines = (await readFile(list, 'utf8')).split('\n');
  if (lines.pop() !== '') return undefined;
  const listed = lines.flatMap((line) => {
    const [, sha256, name] = LINE.exec(line) ?? [];
    return sha256 !== undefined && name !== undefined ? [{ name, sha256 }] : [];
  });
  return listed.length === lines.length ? listed : undefined;
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
    if ((await stat(list).catch(ignoreMissing)) === undefined) return undefined;
    const listed = await sumsIn(list);
    if (!listed) return SUMS;
    for (const { name, sha256 } of listed) {
      if (!concerns(name)) continue;
      const found = await fileDigest(join(folder, name)).catch(ignoreMissing);
      if (found?.sha256 !== sha256) return name;
    }
    return undefined;
  });
}
