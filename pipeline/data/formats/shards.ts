import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError, withFileErrors } from '../../io/errors.ts';
import { entriesIn } from '../../io/folders.ts';
import { IMAGE_FILE } from '../decode.ts';
import type { DataSource, ImageSource } from '../image-source.ts';
import { sortNaturally } from '../natural-order.ts';
import { type SplitName, saysNothing, splitOf, splitsNamed, splitWithin } from '../split-names.ts';
import { isSystemFolder, SUBMISSION } from './other-files.ts';

const PARTS = ['train', 'val', 'test'] as const;

/** A file with some of a data set's images, and the part that its name or folder says. */
export interface Shard {
  readonly path: string;
  readonly part: SplitName | undefined;
  /** The class that its name says. */
  readonly label?: string;
}

/** Folders below a folder that are searched: Hugging Face has `data/` and `default/train/`. */
const DEPTH = 2;

/**
 * The files of a folder, in natural order, or a file alone, whatever its name says.
 * @param names of the files that are wanted
 * @throws InputError when there are none, or they are of several data sets
 */
export async function shardsOf(path: string, names: RegExp): Promise<Shard[]> {
  const isFolder = await withFileErrors(`cannot read ${path}`, async () => (await stat(path)).isDirectory());
  if (!isFolder) return [{ path, part: undefined }];
  const files = await listFiles(path, '', names);
  if (files.length === 0) throw new InputError(`${path}: it has no files like ${names.source}`);
  const shards = files.map((file) => ({ path: join(path, file), part: partOf(file) }));
  const lone = shards.find(({ part }) => part === undefined);
  const named = shards.find(({ part }) => part !== undefined);
  if (lone && named) {
    throw new InputError(
      `${named.path} is the ${named.part} part by its name, but ${lone.path} could be of any; call it train, val or test as well, or pass the file that you want`,
    );
  }
  const firsts = new Map<SplitName | undefined, string>();
  for (const { path: file, part } of shards) {
    const first = firsts.get(part) ?? file;
    firsts.set(part, first);
    const [one, other] = [dirname(first), dirname(file)];
    if (one !== other) throw severalSets(path, one, other);
    if (setOf(first) !== setOf(file)) throw severalSets(path, first, file, '; if they are of one, number them');
  }
  return shards;
}

const severalSets = (path: string, one: string, other: string, otherwise = '') =>
  new InputError(
    `${path}: ${one} and ${other} seem to be of two data sets; pass one of them, or a folder with the files of one${otherwise}`,
  );

/** A file's name without its extension, numbers and digests, which tell the files of one set apart. */
const stemOf = (file: string): string =>
  basename(file)
    .replace(/\..*$/, '')
    .replace(/(?<![a-z\d])(?=[a-z]*\d)[\da-f]{8,}(?![a-z\d])|\d+/gi, '');

/** WordNet's numbers of classes, after which ImageNet's archives are named. */
const WORDNET = /^n\d{8}$/;

/**
 * Shards with the classes that their names say, where these differ in words (`cat.tar`, `dog.tar`, `dog-1.tar`) or are WordNet's numbers;
 * undefined where they are numbered, or say splits.
 */
export function withClasses(shards: readonly Shard[]): Shard[] | undefined {
  const names = shards.map(({ path }) => basename(path).replace(/\..*$/, ''));
  const differ = names.every((name) => WORDNET.test(name)) || new Set(names.map(stemOf)).size > 1;
  if (!differ || names.some((name) => /^\d*$/.test(name) || saysNothing(name) || splitsNamed(name).length > 0))
    return undefined;
  return shards.map((shard, i) => ({ ...shard, label: (names[i] as string).replace(/[ _-]+\d+$/, '') }));
}

/** The words beside the split in a file's name: `letters` of `letters-train-0.csv`. */
const setOf = (file: string): string | undefined => splitWithin(stemOf(file))?.rest;

/** Whether a folder holds such files, in itself or in `data/` and the like, and no images at any depth. */
export async function hasShards(folder: string, names: RegExp): Promise<boolean> {
  const found = { shards: false, images: false };
  await look(folder, names, found);
  return found.shards && !found.images;
}

/** Looks for files of such names until there is an image. */
async function look(
  folder: string,
  names: RegExp,
  found: { shards: boolean; images: boolean },
  depth = 0,
): Promise<void> {
  await withFileErrors(`cannot list ${folder}`, async () => {
    for await (const entry of entriesIn(folder)) {
      if (found.images) return;
      if (!entry.isDirectory()) {
        found.images = isShard(entry.name, IMAGE_FILE);
        found.shards ||= depth <= DEPTH && isShard(entry.name, names);
      } else if (isVisible(entry.name)) await look(join(folder, entry.name), names, found, depth + 1);
    }
  });
}

const isVisible = (name: string) => !name.startsWith('.') && !isSystemFolder(name);
const isShard = (name: string, names: RegExp) => isVisible(name) && names.test(name) && !SUBMISSION.test(name);

async function listFiles(root: string, folder: string, names: RegExp, depth = 0): Promise<string[]> {
  const path = join(root, folder);
  const files: string[] = [];
  await withFileErrors(`cannot list ${path}`, async () => {
    for await (const entry of entriesIn(path)) {
      const inside = join(folder, entry.name);
      if (entry.isDirectory() && isVisible(entry.name) && depth < DEPTH)
        for (const file of await listFiles(root, inside, names, depth + 1)) files.push(file);
      else if (!entry.isDirectory() && isShard(entry.name, names)) files.push(inside);
    }
  });
  return sortNaturally(files);
}

/**
 * The parts of shards; those that name one part alone are a set in one piece.
 * @throws InputError when none of several parts is for training
 * @param source makes a part of its shards
 */
export function shardedSource<T extends Shard>(
  name: string,
  shards: readonly T[],
  notes: readonly string[],
  source: (name: string, shards: readonly T[]) => ImageSource,
): DataSource {
  const of = (part: SplitName) => shards.filter((shard) => shard.part === part);
  const parts = PARTS.filter((part) => of(part).length > 0);
  if (parts.length <= 1) {
    const [first] = shards;
    const other = shards.find(({ path, label }) => label === undefined && stemOf(path) !== stemOf(first?.path ?? ''));
    const named = other && `${first?.path} and ${other.path} are read as one set: names of files are no classes`;
    return { all: source(name, shards), notes: named === undefined ? notes : [...notes, named] };
  }
  if (parts[0] !== 'train') {
    throw new InputError(
      `${name}: its files are parts ${parts.join(' and ')}, and none is for training; add one, or pass a file alone`,
    );
  }
  return { ...Object.fromEntries(parts.map((part) => [part, source(`${name}/${part}`, of(part))])), notes };
}

/** Part by the words of a file's name, `train-00000-of-00002`, `mnist_test`, or of its folder. */
function partOf(file: string): SplitName | undefined {
  const words = file
    .split(/[\\/]/)
    .reverse()
    .flatMap((name) => name.split(/[^\p{L}]+/u));
  return words.map(splitOf).find((part) => part !== undefined);
}
