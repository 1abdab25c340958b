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
