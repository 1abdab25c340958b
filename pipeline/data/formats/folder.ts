import { type Dirent, statSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, InputError, stopIfAborted } from '../../io/errors.ts';
import { IMAGE_FILE, IMAGE_KINDS } from '../decode.ts';
import type { DataSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { arrangePaths } from '../paths.ts';
import { imageFileSource } from './image-files.ts';
import { notesOnOthers } from './other-files.ts';

/**
 * Locates the images of a folder at any depth: subfolders are classes, and folders such as `train` and `test` are splits (see
 * `arrangePaths`). Links are followed; hidden files are passed over, and others that are no images are counted in the notes.
 * @throws InputError when there are no images, or folders can be read as splits and as classes
 */
export async function locateFolder(root: string, { signal }: DataOptions = {}): Promise<DataSource> {
  const found: Found = { images: [], others: [] };
  await list(root, '', [], found, signal);
  if (found.images.length === 0) {
    const there = found.others.length > 0 ? ` (${notesOnOthers(found.others).join('; ')})` : '';
    throw new InputError(`${root}: it contains no images${there}; ${IMAGE_KINDS} files were expected`);
  }
  const { parts, classes, notes } = arrangePaths(found.images, root);
  const base = join(root, '/');
  const sources = Object.entries(parts).map(([name, { paths, id, label }]) => [
    name,
    imageFileSource({
      name: name === 'all' ? root : `${root}/${name}`,
      count: paths.length,
      classes,
      signal,
      *files() {
        for (const path of paths) yield { id: id(path), label: label(path), path: base + path };
      },
    }),
  ]);
  return { ...Object.fromEntries(sources), notes: [...notes, ...notesOnOthers(found.others)] };
}

/** Paths inside the root, with forward slashes. */
interface Found {
  readonly images: string[];
  readonly others: string[];
}

async function list(
  root: string,
  folder: string,
  parents: readonly string[],
  found: Found,
  signal: AbortSignal | undefined,
): Promise<void> {
  stopIfAborted(signal);
  const path = join(root, folder);
  const [real, entries] = await Promise.all([realpath(path), readdir(path, { withFileTypes: true })]).catch(
    (error: unknown) => {
      throw fileError(error, `cannot list ${path}`);
    },
  );
  if (parents.includes(real)) return; // a link to one of its parents, whose images are listed there
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === '__MACOSX') continue;
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (isFolder(entry, root, inside)) await list(root, inside, [...parents, real], found, signal);
    else (IMAGE_FILE.test(entry.name) ? found.images : found.others).push(inside);
  }
}

/** A broken link counts as a file; what is wrong with it is said when it is read. */
function isFolder(entry: Dirent, root: string, inside: string): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(root, inside), { throwIfNoEntry: false })?.isDirectory() ?? false;
}
