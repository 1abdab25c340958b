import { existsSync } from 'node:fs';
import { lstat, readdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { InputError, ignoreMissing, withFileErrors } from './errors.ts';
import { makeFolder, orRemove, removeEmpty } from './folders.ts';
import { STAGING, stage, sweep } from './staging.ts';
import { filesIn, SUMS, sumsIn } from './sums.ts';

export type Kind = 'file' | 'folder';

/**
 * What a folder may contain because it was derived from its files: a folder's name with a file that identifies it, or a file's
 * name with ''.
 */
export type Derived = Readonly<Record<string, string>>;

/** What tells that a folder is an earlier output of the same command, which another may replace. */
export interface EarlierOutput {
  /** Paths of all its files, and, where it has no list of checksums, of the files and folders at its top. */
  readonly names: RegExp;
  /** A file that it has. */
  readonly file?: string;
  readonly derived?: Derived;
  /** Whether it has a list of checksums: it does where names do not tell its files from a user's. */
  readonly listed?: boolean;
}

/** Endings of what is a file: a folder of such a name would surprise. */
const OF_FILE = /^\.(png|jpe?g|gif|webp|svg|html?|md|json|jsonl|csv|tsv|npy|npz|parquet|onnx|zip|tar|tgz|gz)$/i;

/** Bytes that are written to see whether the disk takes them. */
const PROBE = 4096;

/**
 * Finds out before long work whether a file or folder can be written, as publishing it does; nothing is left of it. A folder that
 * holds anything is replaced only if it is an earlier output: a file tells, and the names in it, and all its files are in its list of
 * checksums where it has one.
 * @param own what an earlier output is, for a folder; without it, any content is accepted
 * @throws InputError where a new folder has the name of a file; InputError or EnvironmentError as `publishFolder`
 */
export async function checkTarget(kind: Kind, target: string, own?: EarlierOutput): Promise<void> {
  await withFileErrors(`cannot write ${target}`, async () => {
    const path = await realpath(target).catch(() => resolve(target));
    const parent = dirname(path);
    await sweep(parent);
    const exists = await existsAs(path, kind, target);
    if (kind === 'folder' && !exists && OF_FILE.test(extname(path))) {
      throw new InputError(`cannot write ${target}: expected the name of a folder; leave out ${extname(path)}`);
    }
    if (exists && own) await assertEarlier(path, target, own);
    const made = await makeFolder(parent);
    await orRemove(parent, made, async () => {
      const staging = await stage(path);
      await writeFile(staging.fresh, new Uint8Array(PROBE), { flush: true }).finally(() => staging.close());
    });
    await removeEmpty(parent, made);
  });
}

/** @throws InputError when a folder holds something that no earlier output has, and that would be lost */
export async function assertEarlier(path: string, target: string, earlier: EarlierOutput): Promise<void> {
  const { names, file, derived = {}, listed = false } = earlier;
  await sweep(path);
  const sums = await sumsIn(join(path, SUMS)).catch(ignoreMissing);
  const known = sums && new Set([SUMS, ...sums.map(({ name }) => name)]);
  const isThere = file === undefined || (known ? known.has(file) : existsSync(join(path, file)));
  const isOutput = isThere && (known !== undefined || !listed);
  const isOwn = (name: string) => isOutput && (name === SUMS || names.test(name));
  if (!known) return assertReplaceable(path, target, isOwn, derived);
  const files = await filesIn(path, (entry) => !entry.isDirectory());
  const tops = new Set(files.map(topOf));
  const empty = (await readdir(path)).filter((name) => !tops.has(name));
  assertOwn(path, target, [...files, ...empty], (name) => known.has(name) && isOwn(name), derived);
}

/** Whether something is at a path. @throws InputError when it is of another kind */
export async function existsAs(path: string, kind: Kind, target: string): Promise<boolean> {
  const found = await lstat(path).catch(ignoreMissing);
  if (!found) return false;
  if (kind === 'folder' ? found.isDirectory() : found.isFile()) return true;
  const what = found.isDirectory() ? 'a folder' : found.isFile() ? 'a file' : 'neither a file nor a folder';
  throw new InputError(`cannot write ${target}: it is ${what}, and a ${kind} is to be written; choose another path`);
}

/** @throws InputError when the old folder holds something that would be lost, as the new one does not have it */
export async function assertReplaceable(
  path: string,
  target: string,
  isOwn: (name: string) => boolean,
  derived: Derived = {},
): Promise<void> {
  await sweep(path);
  assertOwn(path, target, await readdir(path), isOwn, derived);
}

const topOf = (name: string): string => name.split('/', 1)[0] as string;

/** @param names of files and folders in `path`, or of files in its folders */
function assertOwn(
  path: string,
  target: string,
  names: readonly string[],
  isOwn: (name: string) => boolean,
  derived: Derived,
): void {
  const isDerived = (name: string) =>
    Object.hasOwn(derived, name) && existsSync(join(path, name, derived[name] as string));
  const foreign = names.find((name) => !isOwn(name) && !isDerived(topOf(name)));
  if (foreign === undefined) return;
  if (topOf(foreign) === STAGING) {
    throw new InputError(`cannot write ${target}: another process is writing into it; wait for it to end`);
  }
  throw new InputError(
    `cannot write ${target}: there is ${foreign} in it, which replacing the folder would delete; choose another folder`,
  );
}
