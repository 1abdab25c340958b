import { InputError } from '../../io/errors.ts';
import { printable, quoted } from '../../io/printable.ts';
import type { DataOptions } from '../options.ts';
import { layoutOfRow } from './pixel-rows.ts';

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
export const imageColumn = (names: readonly string[]): string | undefined => best(names, IMAGES) ?? names[0];

/** The column that most likely holds labels: by name only. */
export const labelColumn = (names: readonly string[]): string | undefined => best(names, LABELS);

/** Names of columns that say something of an image, but no class. */
const NO_LABEL = /^(text|caption|title|description|prompt|url|width|height|size|x|uuid|.*_id)$/i;

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
 * What a data source says of its column of labels, where it was asked for.
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
    `--label ${label}: ${path} has no such column of texts or numbers; it has ${printable(names.join(', '), 300)}`,
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
  return [`columns not used: ${printable(unused.join(', '), 200)}${remedy}`];
}

/** Whether a column is the row numbers that pandas writes. */
export const isRowNumber = (name: string): boolean => /^(|index|unnamed: \d+|__index_level_\d+__|id)$/i.test(name);

/** Whether a column is one pixel of many: `pixel0`, `28x28`, `p_1`, `783`. */
const isPixelName = (name: string): boolean => /\d$/.test(name) && !isRowNumber(name);

/**
 * The columns of which each is a pixel: those with numbered names, or all but the label and row numbers.
 * @param names of columns that hold numbers
 * @returns their positions; none where they make no image
 */
export function pixelColumns(names: readonly string[], label: string | undefined, options: DataOptions): number[] {
  const others = [...names.keys()].filter((i) => names[i] !== label && !isRowNumber(names[i] ?? ''));
  const numbered = others.filter((i) => isPixelName(names[i] ?? ''));
  return [numbered, others].find((columns) => layoutOfRow(columns.length, options)) ?? [];
}
