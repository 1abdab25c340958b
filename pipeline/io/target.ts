import { existsSync } from 'node:fs';
import { lstat, readdir, realpath, writeFile } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { InputError, ignoreMissing, withFileErrors } from './errors.ts';
import { makeFolder, orRemove, removeEmpty } from './folders.ts';
import { STAGING, stage, sweep } from './staging.ts';
import { SUMS, sumsIn } from './sums.ts';

export type Kind = 'file' | 'folder';

/**
 * What a folder may contain because it was derived from its files: a folder's name with a file that identifies it, or a file's
 * name with ''.
 */
export type Derived = Readonly<Record<string, string>>;

/** Endings of what is a file: a folder of such a name would surprise. */
const OF_FILE = /^\.(png|jpe?g|gif|webp|svg|html?|md|json|jsonl|csv|tsv|npy|npz|parquet|onnx|zip|tar|tgz|gz)$/i;

/** Bytes that are written to see whether the disk takes them. */
const PROBE = 4096;

/**
 * Finds out before long work whether a file or folder can be written, as publishing it does; nothing is left of it.
 * @param own names that an earlier output has, besides those in its list of checksums
 * @throws InputError where a new folder has the name of a file; InputError or EnvironmentError as `publishFolder`
 */
export async function checkTarget(
  kind: Kind,
  target: string,
  { own = /./, derived = {} }: { readonly own?: RegExp; readonly derived?: Derived } = {},
): Promise<void> {
  await withFileErrors(`cannot write ${target}`, async () => {
    const path = await realpath(target).catch(() => resolve(target));
    const parent = dirname(path);
    await sweep(parent);
    const exists = await existsAs(path, kind, target);
    if (kind === 'folder' && !exists && OF_FILE.test(extname(path))) {
      throw new InputError(`cannot write ${target}: expected the name of a folder; leave out ${extname(path)}`);
    }
    if (kind === 'folder' && exists) {
      const listed = (await sumsIn(join(path, SUMS)).catch(ignoreMissing)) ?? [];
      const names = new Set([SUMS, ...listed.map(({ name }) => name.split('/', 1)[0])]);
      await assertReplaceable(path, target, (name) => names.has(name) || own.test(name), derived);
    }
    const made = await makeFolder(parent);
    await orRemove(parent, made, async () => {
      const staging = await stage(path);
      await writeFile(staging.fresh, new Uint8Array(PROBE), { flush: true }).finally(() => staging.close());
    });
    await removeEmpty(parent, made);
  });
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
  derived: Derived,
): Promise<void> {
  await sweep(path);
  const isDerived = (name: string) =>
    Object.hasOwn(derived, name) && existsSync(join(path, name, derived[name] as string));
  const foreign = (await readdir(path)).find((name) => !isOwn(name) && !isDerived(name));
  if (foreign === STAGING) {
    throw new InputError(`cannot write ${target}: another process is writing into it; wait for it to end`);
  }
  if (foreign !== undefined) {
    throw new InputError(
      `cannot write ${target}: there is ${foreign} in it, which replacing the folder would delete; choose another folder`,
    );
  }
}
