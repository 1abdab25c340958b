import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { InputError, stopIfAborted, withFileErrors } from '../../io/errors.ts';
import { counted } from '../../io/printable.ts';
import type { DataSource, ImageSource, RawLabel } from '../image-source.ts';
import { NAN } from '../labels.ts';
import { rootOf } from '../layouts.ts';
import { type SplitName, saysNothing, splitOf, splitsAmong, splitsNamed } from '../split-names.ts';
import { addressError, elsewhere, isAddress } from './elsewhere.ts';
import { BATCH, type ImageFile, imageFileSource } from './image-files.ts';

/** A row of a list or a table, which names an image file. */
export interface FileRow {
  /** As it is written: absolute, or relative to the folder of the list. */
  readonly file: string;
  readonly label: RawLabel;
  readonly split: SplitName | undefined;
  /** Whether it is a comment, unless there is such a file. */
  readonly comment?: boolean;
}

type Rows = AsyncIterable<FileRow> | Iterable<FileRow>;

/**
 * A path in the Unicode form in which it exists: Macs store letters apart from their accents, which lists write in one.
 * @returns the path as it is written, where there is no such file
 */
function spelled(path: string): string {
  if (!/[^\0-\x7f]/.test(path)) return path;
  return [path, path.normalize('NFC'), path.normalize('NFD')].find((form) => existsSync(form)) ?? path;
}

/** Whether there is such a file, see `spelled`. @param parts of its path */
export const isThere = (...parts: readonly string[]): boolean => existsSync(spelled(resolve(...parts)));

/** What may be missing behind the names of files. */
export const EXTENSIONS = ['jpg', 'png', 'jpeg', 'tif', 'tiff', 'bmp', 'webp', 'JPG', 'PNG', 'JPEG'].map(
  (name) => `.${name}`,
);

/** Characters of a path that a message shows. */
const MOST_SHOWN = 120;

/**
 * Image files that a list names. Ids are the paths as they are written. A missing file is an entry that cannot be read. Where no
 * file is in the folder of the list, they may be in one folder beside it, or in numbered ones (`images_001`).
 * @param expected what the list should have, for messages
 * @param splits what the rows are divided into; none: the set is in one piece
 * @param asked the column of labels, where it was asked for
 * @throws InputError when no file exists, or one is named twice with different labels or splits
 */
export async function fileRowsSource(
  path: string,
  rows: Rows,
  {
    expected,
    splits = [],
    signal,
    asked,
  }: {
    expected: string;
    splits?: readonly SplitName[];
    signal?: AbortSignal | undefined;
    asked?: string | undefined;
  },
): Promise<DataSource> {
  const { files, comments, repeated } = await collect(path, rows, signal);
  const folder = dirname(path);
  const sure = [...files.keys()].filter((file) => !comments.has(file));
  const [first] = sure.length > 0 ? sure : comments;
  const [inside, other] = first === undefined ? [] : await foldersWith(path, sure.length > 0 ? sure : comments);
  if (other !== undefined) {
    throw new InputError(
      `${path}: its file ${first} is in several folders of ${folder}, ${inside} and ${other}; name the list after one of them (train.csv), or move it into that`,
    );
  }
  if (inside === undefined) {
    if (isAddress(first ?? '')) throw (await elsewhere(path)) ?? addressError(path);
    const what =
      first === undefined
        ? 'it names no files'
        : `none of its ${counted(files.size, 'file')} exists, such as ${resolve(folder, first).slice(0, MOST_SHOWN)}`;
    throw new InputError(`${path}: ${what}; ${expected}, relative to ${folder} or absolute`);
  }
  const bases = [inside, ...(await numberedLike(path, inside))].map((name) => resolve(folder, name));
  const base = bases[0] as string;
  const pathOf = finderIn(bases);
  for (const file of comments) if (!isThere(base, file)) files.delete(file);
  withNumbers(files);
  const binary = withZeros(files, asked);
  const source = (name: string, split?: SplitName): ImageSource => {
    const own = () => [...files].filter(([, row]) => split === undefined || row.split === split);
    return imageFileSource({
      name,
      count: own().length,
      signal,
      *files(): Generator<ImageFile> {
        for (const [id, { label, split: part }] of files) {
          if (split === undefined || part === split) yield { id, label, path: pathOf(id) };
        }
      },
    });
  };
  const byFolder = splits.length > 0 ? undefined : splitByFolders(files);
  const notes = [
    ...binary,
    ...(byFolder ? [byFolder.note] : []),
    ...(repeated === 0 ? [] : [`${repeated} lines repeat an earlier one`]),
    ...(inside === '' ? [] : [`the files are in ${base}${bases.length > 1 ? ` and ${bases.length - 1} like it` : ''}`]),
  ];
  const parts = byFolder?.splits ?? splits;
  if (parts.length === 0) return { all: source(path), notes };
  return { ...Object.fromEntries(parts.map((split) => [split, source(`${path}/${split}`, split)])), notes };
}

/**
 * Gives files the splits that folders say in which their paths differ first, as `train/1.png` and `valid/1.png` do.
 * @returns the splits, none where folders are mixed, and a note on that; undefined where no folder says one
 */
function splitByFolders(files: Files): { splits: readonly SplitName[]; note: string } | undefined {
  const { length } = rootOf(files.keys());
  const folderOf = (file: string) => file.slice(length, Math.max(length, file.indexOf('/', length)));
  const folders = new Set(Array.from(files.keys(), folderOf));
  const among = splitsAmong([...folders]);
  const splits = (['train', 'val', 'test'] as const).filter((split) => [...among.values()].includes(split));
  if (splits[0] !== 'train' || splits[1] === undefined) return undefined;
  const shown = [...among.keys()].join(', ');
  const other = [...folders].find((folder) => !among.has(folder));
  if (other !== undefined) {
    const beside = other === '' ? 'files that are in none' : other;
    return { splits: [], note: `folders ${shown} are not used as splits, since ${beside} is named, too` };
  }
  for (const [file, row] of files) files.set(file, { ...row, split: among.get(folderOf(file)) });
  return { splits, note: `splits are the folders of the files: ${shown}` };
}

/** Other folders whose names differ from that of a folder in numbers only. */
async function numberedLike(path: string, inside: string): Promise<string[]> {
  const stemOf = (name: string) => name.replace(/\d+/g, '#');
  if (stemOf(inside) === inside) return [];
  return (await foldersBeside(path)).filter((name) => name !== inside && stemOf(name) === stemOf(inside));
}

/** Finds files in folders, first in that of the file before; one that is nowhere is looked for in the first when it is read. */
function finderIn(bases: readonly string[]): (file: string) => string {
  const [base = '', other] = bases;
  if (other === undefined) return (file) => spelled(resolve(base, file));
  const found = new Map<string, string>();
  let last = base;
  return (file) => {
    const known = found.get(file);
    const own = known ?? [last, ...bases].find((folder) => isThere(folder, file)) ?? base;
    if (known === undefined) found.set(file, own);
    last = own;
    return spelled(resolve(own, file));
  };
}

/** Whether two labels are one; those of rows are lists. */
export const isSame = (label: RawLabel, other: RawLabel): boolean => String(label) === String(other);

type Files = Map<string, Pick<FileRow, 'label' | 'split'>>;

async function collect(path: string, rows: Rows, signal: AbortSignal | undefined) {
  const files: Files = new Map();
  const comments = new Set<string>();
  let [repeated, done] = [0, 0];
  for await (const row of rows) {
    const { label, split, comment } = row;
    // As Windows writes paths.
    const file =
      row.file.includes('\\') && !existsSync(resolve(dirname(path), row.file))
        ? row.file.replaceAll('\\', '/')
        : row.file;
    if (done++ % BATCH === 0) {
      await setImmediate();
      stopIfAborted(signal);
    }
    const earlier = files.get(file);
    if (comment) comments.add(file);
    if (!earlier) files.set(file, { label, split });
    else if (comment || (isSame(earlier.label, label) && earlier.split === split)) repeated += Number(!comment);
    else {
      const [what, one, other] = isSame(earlier.label, label)
        ? ['is in the splits', earlier.split, split]
        : ['has the labels', earlier.label, label];
      throw new InputError(`${path}: '${file}' ${what} '${one ?? ''}' and '${other ?? ''}'; name each file once`);
    }
  }
  return { files, comments, repeated };
}

/** Labels of which some are fractions are numbers, not names. */
export function withNumbers(files: Files): Files {
  const numbers = new Map<RawLabel, number>();
  let fractions = false;
  for (const { label } of files.values()) {
    if (label === undefined || numbers.has(label) || NAN.test(String(label))) continue;
    const number = typeof label === 'string' && label.trim() ? Number(label) : Number.NaN;
    if (!Number.isFinite(number)) return files;
    fractions ||= /[.e]/i.test(String(label));
    numbers.set(label, number);
  }
  if (!fractions) return files;
  for (const [file, row] of files) files.set(file, { ...row, label: numbers.get(row.label) });
  return files;
}

/**
 * Labels -1 and 1 of a column that was asked for are two classes, as in CelebA's attributes: -1, which is no label otherwise, becomes 0.
 * @returns a note on that
 */
export function withZeros(files: Files, asked: string | undefined): string[] {
  if (asked === undefined) return [];
  const labels = new Set(Array.from(files.values(), ({ label }) => String(label ?? '')));
  labels.delete('');
  if (labels.size !== 2 || !labels.has('-1') || !labels.has('1')) return [];
  for (const [file, row] of files) {
    if (String(row.label) === '-1') files.set(file, { ...row, label: typeof row.label === 'number' ? 0 : '0' });
  }
  return [`-1 in column '${asked}' is read as 0, a class beside 1`];
}

/**
 * The folders that the files of a list may be relative to: '' for the list's own, or else those in it that have the first file.
 * Where the name of the list says a split, that of the split alone.
 * @param beside gives the folders in that of the list
 */
export async function foldersWith(
  path: string,
  files: Iterable<string>,
  beside = () => foldersBeside(path),
): Promise<string[]> {
  const folder = dirname(path);
  let first: string | undefined;
  for (const file of files) {
    first ??= file;
    if (isThere(folder, file)) return [''];
  }
  const found = (await beside()).filter((name) => isThere(folder, name, first ?? ''));
  const nearest = Math.min(...found.map(levelsUp));
  const inside = found.filter((name) => levelsUp(name) === nearest);
  const [part, another] = splitsNamed(basename(path));
  const own = inside.filter((name) => another === undefined && part !== undefined && splitsNamed(name).join() === part);
  return own.length === 1 ? own : inside;
}

const levelsUp = (folder: string): number => folder.split('..').length;

/**
 * The folders that files of a list may be relative to: those in its folder, sorted, one of the same name or `images` in one, and up to two folders
 * above with those in them that say nothing but that images are there (`../images`).
 */
export async function foldersBeside(path: string): Promise<string[]> {
  const folder = dirname(path);
  const foldersIn = async (inside: string) => {
    const entries = await readdir(inside, { withFileTypes: true });
    return entries
      .filter((entry) => !entry.isFile())
      .map(({ name }) => name)
      .sort();
  };
  const own = await withFileErrors(`cannot list ${folder}`, () => foldersIn(folder));
  const above = ['..', join('..', '..')].map(async (up) => {
    const names = await foldersIn(join(folder, up)).catch(() => []); // they may be another user's
    return [
      up,
      ...names.filter((name) => saysNothing(name) && splitOf(name) === undefined).map((name) => join(up, name)),
    ];
  });
  const within = own.flatMap((name) => [join(name, name), ...(saysNothing(name) ? [join(name, 'images')] : [])]);
  return [...new Set([...own, ...within, ...(await Promise.all(above)).flat()])];
}
