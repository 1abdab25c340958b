import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { runPaths } from '../artifacts/run-files.ts';
import { parquetDamage } from '../encode/file-checksum.ts';
import { fileDigest } from '../io/digest.ts';
import { InputError, ignoreMissing, stopIfAborted, withFileErrors } from '../io/errors.ts';
import { SIDECAR, SUMS, sumsIn } from '../io/sums.ts';
import { eventsDamage } from '../io/tfevents.ts';
import { pngDamage } from './checksums.ts';
import { isMetrics, metricsDamage, planDamage } from './json-lines.ts';

export interface CheckedFiles {
  readonly path: string;
  /** Files that are as they were written. */
  readonly files: number;
  readonly bytes: number;
  /** Files without a checksum. */
  readonly unchecked: readonly string[];
}

/** Files that a message names. */
const MOST_NAMED = 3;

/**
 * Compares files with their checksums: those that a `SHA256SUMS` lists, files with a `.sha256` beside them, Parquet, PNG and event
 * files, metrics and plans with checksums in them.
 * @param path a file, or a folder, which is searched for such files
 * @throws InputError when one is damaged or missing, or none has a checksum; EnvironmentError; Interrupted
 */
export async function check(path: string, signal?: AbortSignal): Promise<CheckedFiles> {
  const found = await withFileErrors(`cannot read ${path}`, () => stat(path));
  const root = found.isDirectory() ? path : await listingFolder(path);
  const wanted = found.isDirectory() ? undefined : relative(root, path);
  const names = wanted === undefined ? await filesIn(root) : [wanted, ...listsOf(root, wanted)];
  const damage = new Map<string, string | undefined>();
  const unchecked: string[] = [];
  for (const name of names.filter((file) => basename(file) === SUMS)) {
    const listed = await sumsIn(join(root, name));
    if (!listed) damage.set(name, 'it is damaged');
    for (const { name: file, sha256 } of listed ?? []) {
      stopIfAborted(signal);
      const inside = join(dirname(name), file);
      if (wanted !== undefined && inside !== wanted) continue;
      const own = await listedDamage(join(root, inside), sha256);
      if (own === 'unknown') unchecked.push(inside);
      else damage.set(inside, own);
    }
  }
  let bytes = 0;
  for (const name of wanted === undefined ? names : [wanted]) {
    stopIfAborted(signal);
    const file = join(root, name);
    if (isList(name) || damage.has(name) || unchecked.includes(name)) continue;
    const own = await ownDamage(file, names.includes(name + SIDECAR));
    if (own === 'unknown') unchecked.push(name);
    else damage.set(name, own);
  }
  const damaged = [...damage].filter(([, reason]) => reason !== undefined);
  if (damaged.length > 0) {
    const named = damaged.slice(0, MOST_NAMED).map(([name, reason]) => `${join(root, name)}: ${reason}`);
    const more = damaged.length > MOST_NAMED ? ` and ${damaged.length - MOST_NAMED} more` : '';
    throw new InputError(`${named.join('; ')}${more}; restore them from a copy, or write them again`);
  }
  if (damage.size === 0) throw new InputError(`${path}: it has no checksums to compare with`);
  for (const name of damage.keys()) bytes += (await stat(join(root, name))).size;
  return { path, files: damage.size, bytes, unchecked };
}

const isList = (name: string): boolean => basename(name) === SUMS || name.endsWith(SIDECAR);

async function filesIn(root: string): Promise<string[]> {
  const entries = await withFileErrors(`cannot list ${root}`, () =>
    readdir(root, { recursive: true, withFileTypes: true }),
  );
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return files
    .map((file) => relative(root, file))
    .filter((name) => name !== basename(runPaths('').lock))
    .sort();
}

/** The folder whose `SHA256SUMS` lists a file: the nearest of those that it is in, or the file's own where none does. */
async function listingFolder(path: string): Promise<string> {
  const own = dirname(path);
  for (let folder = own; ; folder = join(folder, '..')) {
    const listed = await sumsIn(join(folder, SUMS)).catch(() => undefined);
    if (listed?.some(({ name }) => resolve(folder, name) === resolve(path))) return folder;
    if (resolve(folder) === resolve(folder, '..')) return own;
  }
}

/** The lists of checksums that a file may be in. */
const listsOf = (root: string, name: string): string[] =>
  [SUMS, name + SIDECAR].filter((list) => existsSync(join(root, list)));

/** What is wrong with a file that a list has. */
async function listedDamage(path: string, expected: string): Promise<string | undefined> {
  return withFileErrors(`cannot read ${path}`, async () => {
    const digest = await fileDigest(path).catch(ignoreMissing);
    if (!digest) return 'it is missing';
    if (digest.sha256 === expected) return undefined;
    // The metrics of a run that was killed go on after its last checkpoint.
    const rest = isMetrics(path) ? await restAfter(path, expected) : undefined;
    return rest === undefined ? `it is not as ${SUMS} lists it` : metricsDamage(rest);
  });
}

/** The lines of a file after those that have a SHA-256; undefined where no first lines have it. */
async function restAfter(path: string, expected: string): Promise<string | undefined> {
  const bytes = await readFile(path);
  const hash = createHash('sha256');
  for (let at = 0; ; ) {
    if (hash.copy().digest('hex') === expected) return bytes.toString('utf8', at);
    const end = bytes.indexOf('\n', at) + 1;
    if (end === 0) return undefined;
    hash.update(bytes.subarray(at, end));
    at = end;
  }
}

/** What is wrong with a file by checksums in it or beside it; `unknown` where there are none. */
async function ownDamage(path: string, hasSidecar: boolean): Promise<string | undefined> {
  if (hasSidecar) {
    const [listed] = (await sumsIn(path + SIDECAR)) ?? [];
    if (listed?.name !== basename(path)) return `its ${SIDECAR} file is damaged`;
    const { sha256 } = await fileDigest(path);
    return sha256 === listed.sha256 ? undefined : `it is not as ${path}${SIDECAR} lists it`;
  }
  if (/\.parquet$/i.test(path)) return parquetDamage(path);
  if (/\.png$/i.test(path)) return pngDamage(await readFile(path));
  if (isMetrics(path)) return metricsDamage(await readFile(path, 'utf8'));
  return basename(path) === basename(runPaths('').events) ? eventsDamage(await readFile(path)) : planDamage(path);
}
