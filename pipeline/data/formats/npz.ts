import { InputError } from '../../io/errors.ts';
import { describeArray } from '../../io/npy.ts';
import { quoted } from '../../io/printable.ts';
import type { ZipMember } from '../../io/zip.ts';
import type { DataSource, ImageSource, RawLabel } from '../image-source.ts';
import { indexLabels } from '../labels.ts';
import type { DataOptions } from '../options.ts';
import type { StoredArray } from './array-file.ts';
import { readLabels } from './array-labels.ts';
import { type Layout, layoutOf } from './array-layout.ts';
import { arraySource } from './array-source.ts';
import { askedLabel, mayBeLabel } from './columns.ts';
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

/** The parts that a name may say, and what is left of it: train and `fine` of `fine_train`. */
function readingsOf(name: string): { readonly part: Part; readonly rest: string }[] {
  const plain = name.toLowerCase().replace(/[\s.-]/g, '_');
  const readings: { part: Part; rest: string }[] = PARTS.flatMap(([part, words]) => {
    const after = new RegExp(`^(.*?)_?(?:${words})$`).exec(plain)?.[1];
    const before = new RegExp(`^(?:${words})_?(.*)$`).exec(plain)?.[1];
    return [after, before].flatMap((rest) => (rest === undefined ? [] : [{ part, rest }]));
  });
  if (plain !== '') readings.push({ part: 'all', rest: plain });
  return readings;
}

/** `x_train`, `train_images`, `Xtest`, `val`, `target`: part and role, in any case. */
export function meaningOf(name: string): Meaning | undefined {
  for (const { part, rest } of readingsOf(name)) {
    for (const role of ['images', 'labels'] as const) {
      const rank = ROLES[role].indexOf(rest);
      if (rank >= 0) return { part, role, rank };
    }
  }
  return undefined;
}

/**
 * Locates the images of an npz file: arrays named as in `ROLES`, by part where their names say it (`x_train`, `val_images`),
 * each with its labels where there are any: those that are asked for, by the name of an array or what the arrays of all parts share
 * (`fine` of `fine_train` and `fine_test`). What is not used is noted.
 * @throws InputError when it is not a zip archive, has no images, or they are damaged, of another type or of several readings, or it has
 * no labels as asked for
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
  const known = parts.length > 0 ? parts : ([['all', 'all']] as const);
  const wanted = options.label ?? options.knownLabel;
  const rests = readingsOf(wanted ?? '').map(({ rest }) => rest);
  const chosen = new Map(
    known.map(([, own]) => {
      const says = ({ part, rest }: { part: Part; rest: string }) => part === own && rests.includes(rest);
      return [own, members.find((member) => readingsOf(arrayName(member) ?? '').some(says))];
    }),
  );
  const isChosen = wanted !== undefined && [...chosen.values()].some((member) => member !== undefined);
  const others: string[] = []; // that may be labels
  for (const [part, own] of known) {
    const images = best(own, 'images')?.member ?? (await loneImages(path, members, options));
    const array = await arrayInMember(path, images);
    const layout = layoutOf(array, options);
    notes.push(...layout.notes);
    used.add(images);
    const found = isChosen ? chosen.get(own) : best(own, 'labels')?.member;
    const labels = found && (await labelsOf(path, found, array, layout, isChosen ? undefined : notes));
    if (found && labels) used.add(found);
    for (const member of members) {
      const other = arrayName(member);
      const { shape } = (other !== undefined && member !== images && (await openable(path, member))) || { shape: [] };
      if (other !== undefined && shape[0] === layout.count && (shape[1] ?? 1) === 1) others.push(other);
    }
    const name = part === 'all' ? path : `${path}/${part}`;
    sources[part] = arraySource({ name, images: array, layout, labels, files: [path] });
  }
  const usedNames = [...used].map((member) => arrayName(member) as string);
  const unused = members.filter((member) => !used.has(member)).map((member) => arrayName(member) ?? member.name);
  const asked = askedLabel(path, [isChosen ? wanted : undefined], others, options);
  const other = others.find((name) => unused.includes(name) && mayBeLabel(name));
  if (unused.length > 0) {
    const remedy = other === undefined ? '' : `; --label chooses an array, as in --label ${quoted(other)}`;
    notes.push(`${path}: arrays used: ${listed(usedNames)}; not used: ${listed(unused)}${remedy}`);
  }
  return { ...sources, ...asked, notes };
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

/** An array of numbers or texts; undefined for others. */
const openable = (path: string, member: ZipMember): Promise<StoredArray | undefined> =>
  arrayInMember(path, member).catch((error: unknown) => {
    if (error instanceof InputError) return undefined;
    throw error;
  });

/** The only array that can be images by its shape, whatever its name. */
async function loneImages(path: string, members: readonly ZipMember[], options: DataOptions): Promise<ZipMember> {
  const described: string[] = [];
  const fitting: ZipMember[] = [];
  for (const member of members.filter(arrayName)) {
    const array = await openable(path, member);
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

/**
 * The labels of images; undefined, with a note, where what is named so cannot be classes.
 * @param notes undefined: the array was asked for
 */
async function labelsOf(
  path: string,
  member: ZipMember,
  images: StoredArray,
  { count }: Layout,
  notes: string[] | undefined,
): Promise<RawLabel[] | undefined> {
  const array = await arrayInMember(path, member);
  const name = arrayName(member) as string;
  // arr_1 may be anything
  if (notes && name === 'arr_1' && (array.shape[0] !== count || array.shape.length > 2)) return undefined;
  const labels = await readLabels(array, { name: images.name, count });
  if (!notes) return labels;
  try {
    indexLabels({ all: labels });
    return labels;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    notes.push(`${path}: ${name} (${describeArray(array)}) is not used as labels: ${error.message}`);
    return undefined;
  }
}
