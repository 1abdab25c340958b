import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, InputError } from '../io/errors.ts';
import { IMAGE_FILE } from './image-file.ts';

/** The image files of a folder. */
export interface FolderFiles {
  readonly root: string;
  /** Paths inside the folder, with forward slashes, sorted by UTF-16 code units: the same in every locale. */
  readonly files: readonly string[];
  /** The subfolders that hold images, sorted likewise: the classes. Undefined where images lie in the folder itself. */
  readonly classes: readonly string[] | undefined;
}

/** The first part of a path inside a folder: its class. */
export const classOf = (file: string): string => file.slice(0, file.indexOf('/'));

/**
 * Lists the images of a folder at any depth. Links are followed; hidden files and files with other endings are
 * passed over.
 * @throws InputError when there are none, or some lie in the folder itself and some in subfolders
 */
export async function listFolder(root: string): Promise<FolderFiles> {
  const files: string[] = [];
  await listImages(root, '', [], files);
  files.sort();
  const loose = files.find((file) => !file.includes('/'));
  const nested = files.find((file) => file.includes('/'));
  if (loose !== undefined && nested !== undefined) {
    throw new InputError(
      `${root}: it holds images itself (${loose}) and in subfolders (${nested}); put each into the subfolder of its class, or all into one folder`,
    );
  }
  if (files.length === 0) {
    throw new InputError(`${root}: it holds no images; png, jpg, webp, gif, tiff or avif files were expected`);
  }
  return { root, files, classes: nested === undefined ? undefined : [...new Set(files.map(classOf))].sort() };
}

async function listImages(root: string, folder: string, above: readonly string[], files: string[]): Promise<void> {
  const path = join(root, folder);
  const doing = `cannot list ${path}`;
  const [real, entries] = await Promise.all([realpath(path), readdir(path, { withFileTypes: true })]).catch(
    (error: unknown) => {
      throw fileError(error, doing);
    },
  );
  if (above.includes(real)) return; // a link to a folder that it is in: its images are listed there
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === '__MACOSX') continue;
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (await isFolder(entry, join(root, inside))) await listImages(root, inside, [...above, real], files);
    else if (IMAGE_FILE.test(entry.name)) files.push(inside);
  }
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false, // a link to nowhere is reported when it is read
  );
}
