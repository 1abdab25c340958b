import { InputError } from '../../io/errors.ts';
import { describeArray } from '../../io/npy.ts';
import type { ZipMember } from '../../io/zip.ts';
import type { DataSource, ImageSource, RawLabel } from '../image-source.ts';
import { indexLabels } from '../labels.ts';
import type { DataOptions } from '../options.ts';
import type { StoredArray } from './array-file.ts';
import { readLabels } from './array-labels.ts';
import { type Layout, layoutOf } from './array-layout.ts';
import { arraySource } from './array-source.ts';
import { arrayInMember, arrayName, listed, membersOf } from './npz-members.ts';

type Part = 'train' | 'val' | 'test' | 'all';
type Role = 'images' | 'labels';

/** Names of arrays, best first. numpy.savez calls arrays without names arr_0, arr_1 … */
const ROLES: Readonly<Record<Role, readonly string[]>> = {
  images: ['images', 'image', 'imgs', 'img', 'x', 'pixels', 'pictures', 'data', 'samples', 'features', 'arr_0', ''],
  labels: ['labels', 'label', 'y', 'targets', 'target', 'classes', 'class', 'arr_1'],
};
const PARTS: readonly (readonly [Part, string])[] = [
  ['train', 'train|training'],
  ['val', 'val|valid|validation|dev'],
  ['test', 'test|testing|eval'],
];

/** What an array's name says. */
interface Meaning {
  readonly part: Part;
  readonly role: Role;
  /** Lower is better. */
  readonly rank: number;
}

interface Named extends Meaning {
  readonly member: ZipMember;
  readonly name: string;
}

/** `x_train`, `train_images`, `Xtest`, `val`, `target`: part and role, in any case. */
export function meaningOf(name: string): Meaning | undefined {
  const plain = name.toLowerCase().replace(/[\s.-]/g, '_');
  const readings = PARTS.flatMap(([part, words]) => {
    const after = new RegExp(`^(.*?)_?(?:${words})$`).exec(plain)?.[1];
    const before = new RegExp(`^(?:${words})_?(.*)$`).exec(plain)?.[1];
    return [after, before].flatMap((rest) => (rest === undefined ? [] : [{ part, rest }]));
  });
  if (plain !== '') readings.push({ part: 'all', rest: plain });
  for (const { part, rest } of readings) {
    for (const role of ['images', 'labels'] as const) {
      const rank = ROLES[role].indexOf(rest);
      if (rank >= 0) return { part, role, rank };
    }
  }
  return undefined;
}

/**
 * Locates the images of an npz file: arrays named as in `ROLES`, by part where their names say it (`x_train`, `val_images`),
 * each with its labels where there are any. What is not used is noted.
 * @throws InputError when it is not a zip archive, has no images, or they are damaged, of another type or of several readings
 */
export async function locateNpz(path: string, options: DataOptions = {}): Promise<DataSource> {
  const members = await membersOf(path);
  const named = members.flatMap((member): Named[] => {
    const name = arrayName(member);
    const meaning = name === undefined ? undefined : meaningOf(name);
    return name !== undefined && meaning ? [{ member, name, ...meaning }] : [];
  });
  const best = (part: Part, role: Role) =>
    named.filter((each) => each.part === part && each.role === role).toSorted((a, b) => a.rank - b.rank)[0];
  const notes: string[] = [];
  const used = new Set<ZipMember>();
  const parts = chooseParts(path, (part) => best(part, 'images') !== undefined);
  const sources: Partial<Record<Part, ImageSource>> = {};
  for (const [part, own] of parts.length > 0 ? parts : ([['all', 'all']] as const)) {
    const images = best(own, 'images')?.member ?? (await loneImages(path, members, options));
    const array = await arrayInMember(path, images);
    const layout = layoutOf(array, options);
    notes.push(...layout.notes);
    used.add(images);
    const found = best(own, 'labels');
    const labels = found && (await labelsOf(path, found, array, layout, notes));
    if (found && labels) used.add(found.member);
    const name = part === 'all' ? path : `${path}/${part}`;
    sources[part] = arraySource({ name, images: array, layout, labels, files: [path] });
  }
  const usedNames = [...used].map((member) => arrayName(member) as string);
  const unused = members.filter((member) => !used.has(member)).map((member) => arrayName(member) ?? member.name);
  if (unused.length > 0) {
    notes.push(`${path}: arrays used: ${listed(usedNames)}; not used: ${listed(unused)}`);
  }
  return { ...sources, notes };
}

/** The parts to open, each with the part that its arrays are named after. A part alone is a set in one piece. */
function chooseParts(path: string, has: (part: Part) => boolean): (readonly [Part, Part])[] {
  const present = PARTS.map(([part]) => part).filter(has);
  if (has('train') && present.length > 1) return present.map((part) => [part, part]);
  if (has('all')) return [['all', 'all']];
  const [own, other] = present;
  if (own && other) throw new InputError(`${path}: it has images for ${own} and ${other}, but none for training`);
  return own ? [['all', own]] : [];
}

/** The only array that can be images by its shape, whatever its name. */
async function loneImages(path: string, members: readonly ZipMember[], options: DataOptions): Promise<ZipMember> {
  const described: string[] = [];
  const fitting: ZipMember[] = [];
  for (const member of members.filter(arrayName)) {
    const array = await arrayInMember(path, member).catch((error: unknown) => {
      if (error instanceof InputError) return undefined; // not an array of numbers
      throw error;
    });
    described.push(array ? `${arrayName(member)} (${describeArray(array)})` : (arrayName(member) as string));
    if (array && array.shape.length > 2 && canBeImages(array, options)) fitting.push(member);
  }
  const [member, other] = fitting;
  if (member && !other) return member;
  throw new InputError(
    `${path}: no array is named images, x, x_train, train_images or the like; it contains ${listed(described.length > 0 ? described : members.map(({ name }) => name))}; rename the images to images and their labels to labels`,
  );
}

function canBeImages(array: StoredArray, options: DataOptions): boolean {
  try {
    return layoutOf(array, options).count > 0;
  } catch {
    return false;
  }
}

/** The labels of images; undefined, with a note, where what is named so cannot be classes. */
async function labelsOf(
  path: string,
  { member, name, rank }: Named,
  images: StoredArray,
  { count }: Layout,
  notes: string[],
): Promise<RawLabel[] | undefined> {
  const array = await arrayInMember(path, member);
  // arr_1 may be anything
  if (rank === ROLES.labels.indexOf('arr_1') && (array.shape[0] !== count || array.shape.length > 2)) return undefined;
  const labels = await readLabels(array, { name: images.name, count });
  try {
    indexLabels({ all: labels });
    return labels;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    notes.push(`${path}: ${name} (${describeArray(array)}) is not used as labels: ${error.message}`);
    return undefined;
  }
}
