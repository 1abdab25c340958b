import { InputError } from '../../io/errors.ts';
import { printable, quoted } from '../../io/printable.ts';
import { mayBeAuxiliary } from '../layouts.ts';
import type { DataOptions } from '../options.ts';
import { layoutOfRow } from './pixel-rows.ts';

/** Names of columns of 0 and 1 that say which images are to be trained on, or are not. */
const FLAG = /^is_?(train|val|test)/i;

/** Names of a column of images, best first. */
export const IMAGES = [
  'image',
  'img',
  'images',
  'pixels',
  'picture',
  'pixel_values',
  'jpg',
  'png',
  'jpeg',
  'webp',
  'bytes',
  'data',
  'x',
];
/** Names of a column of labels, best first. */
const LABELS = [
  'label',
  'labels',
  'class',
  'target',
  'y',
  'fine_label',
  'category',
  'cls',
  'class_label',
  'class_name',
  'class_id',
  'classid',
  'label_name',
  'digit',
  'emotion',
];

/** The first of the wanted names that is there, in any case. */
export const best = (names: readonly string[], wanted: readonly string[]) =>
  wanted.map((name) => names.find((other) => other.toLowerCase() === name)).find((name) => name !== undefined);

/** The column that most likely holds images, of those that could. */
export const imageColumn = (names: readonly string[]): string | undefined =>
  best(names, IMAGES) ?? names.find((name) => !mayBeAuxiliary(name)) ?? names[0];

/** The column that most likely holds labels: by name only. */
export const labelColumn = (names: readonly string[]): string | undefined => best(names, LABELS);

/** Names of columns that say something of an image, but no class. */
const NO_LABEL =
  /^(text|caption|title|description|prompt|url|width|height|size|x|uuid|file_?(name|path)?|path|.*_id)$/i;

/**
 * The column of labels: the one that is asked for, else the one that a model was trained with, else a likely one. Undefined where
 * the one that is asked for is not among the names.
 */
export function chooseLabel<T = never>(
  names: readonly string[],
  { label, knownLabel }: DataOptions,
  likely: () => T | undefined = () => undefined,
): string | T | undefined {
  const wanted = label ?? knownLabel;
  return wanted !== undefined && names.includes(wanted) ? wanted : label === undefined ? likely() : undefined;
}

/**
 * What a data source says of its column or array of labels, where it was asked for.
 * @param path of the table, for the message
 * @param columns of labels of its files
 * @param names of columns that could be it
 * @throws InputError when no file has it
 */
export function askedLabel(
  path: string,
  columns: readonly unknown[],
  names: readonly string[],
  { label, knownLabel }: DataOptions,
): { label?: string } {
  const wanted = label ?? knownLabel;
  if (wanted !== undefined && columns.includes(wanted)) return { label: wanted };
  if (label === undefined) return {};
  throw new InputError(
    `--label ${label}: ${path} has no such labels (texts, numbers or one-hot rows); it has ${printable(names.join(', '), 300)}`,
  );
}

/** Whether a column may be labels. */
export const mayBeLabel = (name: string): boolean => !isRowNumber(name) && !NO_LABEL.test(name);

/**
 * A line on columns that are not used, which says how to choose one for labels where one could be it.
 * @param label the column of labels, or those of one-hot rows
 * @param scalars columns that could be labels
 */
export function notesOnUnused(
  unused: readonly string[],
  label: string | readonly string[] | undefined,
  scalars: readonly string[],
): string[] {
  if (unused.length === 0) return [];
  const other = unused.find((name) => scalars.includes(name) && mayBeLabel(name));
  const labels =
    label === undefined ? 'there are no labels' : `labels are from ${[label].flat().slice(0, 3).join(', ')}`;
  const remedy = other === undefined ? '' : `; ${labels}, --label chooses a column, as in --label ${quoted(other)}`;
  const flag = unused.find((name) => FLAG.test(name));
  return [
    `columns not used: ${printable(unused.join(', '), 200)}${remedy}`,
    ...(flag === undefined ? [] : [`if ${flag} says splits, write train, val or test into a column split instead`]),
  ];
}

/** Whether a column is the row numbers that pandas writes. */
export const isRowNumber = (name: string): boolean => /^(|index|unnamed: \d+|__index_level_\d+__|id)$/i.test(name);

/** Whether a column is one pixel of many: `pixel0`, `28x28`, `p_1`, `783`. */
const isPixelName = (name: string): boolean => /\d$/.test(name) && !isRowNumber(name);

/**
 * The columns of which each is a pixel: those with numbered names, or all but the label and row numbers.
 * @param names of columns that hold numbers
 * @returns their positions in the order of the pixels; none where they make no image
 */
export function pixelColumns(names: readonly string[], label: string | undefined, options: DataOptions): number[] {
  const others = [...names.keys()].filter((i) => names[i] !== label && !isRowNumber(names[i] ?? ''));
  const numbered = others.filter((i) => isPixelName(names[i] ?? ''));
  const columns = [numbered, others].find((some) => layoutOfRow(some.length, options)) ?? [];
  return byNumber(columns.map((at) => ({ at, name: names[at] ?? '' }))).map(({ at }) => at);
}

/**
 * Columns of one name in the order of their numbers: programs sort them as texts, too (`pixel0`, `pixel1`, `pixel10`). Of several
 * numbers, either may vary fastest in the table: `1x1`, `2x1`, `3x1` may be columns of a row.
 */
function byNumber<T extends { readonly name: string }>(columns: readonly T[]): readonly T[] {
  const stemOf = ({ name }: T) => name.replace(/\d+/g, '#');
  if (columns.some((column) => stemOf(column) !== stemOf(columns[0] as T))) return columns;
  const numbered = columns.map((column) => ({ column, numbers: (column.name.match(/\d+/g) ?? []).map(Number) }));
  type Numbered = (typeof numbered)[number];
  const compare = ({ numbers: a }: Numbered, { numbers: b }: Numbered) => {
    const at = a.findIndex((number, i) => number !== b[i]);
    return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
  };
  const reversed = numbered.map((each) => ({ ...each, numbers: each.numbers.toReversed() }));
  const isReversed = reversed.every((each, i) => i === 0 || compare(reversed[i - 1] as Numbered, each) <= 0);
  return isReversed ? columns : numbered.toSorted(compare).map(({ column }) => column);
}

/** A note where columns of pixels are not as in the table, or may be turned. @param names of all columns, and of those of pixels in order */
export function notesOnOrder(names: readonly string[], pixels: readonly string[]): string[] {
  const shown = `${pixels.slice(0, 3).join(', ')} …`;
  const at = new Map(names.map((name, i) => [name, i]));
  const positions = pixels.map((name) => at.get(name) ?? 0);
  if (positions.some((position, i) => position < (positions[i - 1] ?? 0)))
    return [`pixels are taken in the order of their numbers, ${shown}, not in that of the columns`];
  const [one = [], other = []] = pixels.slice(0, 2).map((name) => name.match(/\d+/g) ?? []);
  const isTurned = one.length > 1 && one.length === other.length && one.at(-1) === other.at(-1);
  return isTurned ? [`pixels are taken in the order of the columns, ${shown}, row by row`] : [];
}
