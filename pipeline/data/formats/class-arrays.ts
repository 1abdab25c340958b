import { join } from 'node:path';
import { InputError, withFileErrors } from '../../io/errors.ts';
import { entriesIn } from '../../io/folders.ts';
import { describeArray } from '../../io/npy.ts';
import { quoted } from '../../io/printable.ts';
import type { DataSource, ImageSource } from '../image-source.ts';
import { sortNaturally } from '../natural-order.ts';
import type { DataOptions } from '../options.ts';
import { splitsNamed } from '../split-names.ts';
import { arrayInFile, type StoredArray } from './array-file.ts';
import { layoutOf } from './array-layout.ts';
import { arraySource, joinedSource } from './array-source.ts';
import { meaningOf } from './npz.ts';
import { hasShards } from './shards.ts';

const ARRAY = /\.npy$/i;

/** The npy files in a folder, in natural order. */
function arraysIn(folder: string): Promise<string[]> {
  return withFileErrors(`cannot list ${folder}`, async () => {
    const files: string[] = [];
    for (const entry of entriesIn(folder)) {
      if (!entry.isDirectory() && ARRAY.test(entry.name) && !entry.name.startsWith('.')) files.push(entry.name);
    }
    return sortNaturally(files);
  });
}

/** Whether a folder has several npy files and no images. */
export const isArrayFolder = async (folder: string): Promise<boolean> =>
  (await arraysIn(folder)).length > 1 && (await hasShards(folder, ARRAY));

/** What a file holds by its name; Quick Draw's files are called `full_numpy_bitmap_cat.npy`. */
const nameOf = (file: string): string => file.replace(ARRAY, '').replace(/^full(_|-|%2F)numpy_bitmap\1/i, '');

/**
 * Locates the images of a folder of npy files of which each holds the images of a class and is named after it, as Quick Draw's
 * do. Ids are `cat/0`, `cat/1` …
 * @throws InputError where the files may hold something else: images and labels, parts, or an image each
 */
export async function classArraysSource(folder: string, options: DataOptions = {}): Promise<DataSource> {
  const files = await arraysIn(folder);
  checkNames(folder, files);
  const classes = sortNaturally(new Set(files.map(nameOf)));
  const sources: ImageSource[] = [];
  const notes = [`each npy file holds the images of a class, and its name is that of the class`];
  let first: StoredArray | undefined;
  for (const file of files) {
    const path = join(folder, file);
    const array = await arrayInFile(path);
    first ??= array;
    if (formOf(array) !== formOf(first)) {
      throw new InputError(
        `${folder}: ${files[0]} holds ${describeArray(first)}, but ${file} ${describeArray(array)}; where each file holds the images of a class, all are of one size and type; ${REMEDY}`,
      );
    }
    const layout = layoutOf(array, options);
    if (array === first) notes.push(...layout.notes);
    const images = { ...array, sample: new Uint8Array() }; // of hundreds of files
    sources.push(arraySource({ name: path, images, layout, labels: undefined, files: [path] }));
  }
  const all = joinedSource({ name: folder, classes, sources }, (entry, i) => {
    const name = nameOf(files[i] as string);
    return { ...entry, id: `${name}/${entry.id}`, label: name };
  });
  return { all, notes };
}

const REMEDY = "otherwise save them in one file with numpy.savez('set.npz', images=…, labels=…)";

/** Shape of an image, and type. */
const formOf = ({ shape, type }: StoredArray): string => `${shape.slice(1).join('×')} ${type.name}`;

/** @throws InputError where names say something else than classes, or differ in numbers only */
function checkNames(folder: string, files: readonly string[]): void {
  const names = files.map(nameOf);
  const isRole = (name: string) => meaningOf(name) !== undefined || splitsNamed(name).length > 0;
  const roles = files.filter((_, i) => isRole(names[i] as string));
  const [role] = roles;
  // "train" alone is one of Quick Draw's classes.
  if (role !== undefined && !(roles.length === 1 && nameOf(role) === 'train' && files.length > 2)) {
    const all = files.filter((file) => meaningOf(nameOf(file))?.role === 'images');
    const images = all.find((file) => meaningOf(nameOf(file))?.part === 'train') ?? all[0] ?? role;
    const part = meaningOf(nameOf(images))?.part;
    const labels = files.find((file) => {
      const other = meaningOf(nameOf(file));
      return other?.role === 'labels' && other.part === part;
    });
    const spec = [images, labels].flatMap((file) => (file === undefined ? [] : [join(folder, file)])).join(',');
    throw new InputError(
      `${folder}: ${role} ${labels ? 'reads as images or their labels' : 'reads as a part of a set'}; pass --data ${quoted(spec)}, or join several with numpy.savez('set.npz', x_train=…, y_train=…, x_test=…, y_test=…); if each file holds the images of a class, rename ${role}`,
    );
  }
  const again = names.findIndex((name, i) => names.indexOf(name) < i);
  if (again >= 0) {
    const name = names[again] as string;
    throw new InputError(
      `${folder}: ${files[names.indexOf(name)]} and ${files[again]} are both of class ${name}; join them`,
    );
  }
  if (new Set(names.map((name) => name.replace(/\d+/g, ''))).size > 1) return;
  throw new InputError(
    `${folder}: names such as ${files[0]} and ${files[1]} differ in a number only: each file may hold a class, a part of the set or one image; if classes, name them in words (zero.npy, one.npy); ${REMEDY}`,
  );
}
