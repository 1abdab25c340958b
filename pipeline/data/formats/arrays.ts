import { basename } from 'node:path';
import type { DataSource, ImageSource } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import { arrayInFile, type StoredArray } from './array-file.ts';
import { LABEL_TEXT, readLabels, readLabelText } from './array-labels.ts';
import { layoutOf } from './array-layout.ts';
import { arraySource } from './array-source.ts';
import { arrayInNpz, isNpz } from './npz-members.ts';

/** Files of images and labels. Each is idx, npy, or npz with one array, as its first bytes show; labels may also be text. */
export interface ArrayFiles {
  /** For people. */
  readonly name: string;
  readonly images: string;
  readonly labels?: string | undefined;
  readonly classes?: readonly string[];
  /** Of labels that are rows: the column of the class. */
  readonly labelColumn?: number | undefined;
}

/**
 * Locates images, and labels if there are any, that are arrays in separate files, gzipped or not.
 * @throws InputError when a file is missing, damaged or of another type, or the counts differ
 */
export async function locateArrays(files: ArrayFiles, options: DataOptions = {}): Promise<DataSource> {
  const { source, notes } = await arrayFiles(files, options);
  return { all: source, notes };
}

/** One part of a data set, see `locateArrays`. */
export async function arrayFiles(
  { name, images: path, labels: labelPath, classes, labelColumn }: ArrayFiles,
  options: DataOptions,
): Promise<{ source: ImageSource; notes: readonly string[] }> {
  const images = await arrayIn(path);
  const layout = layoutOf(images, options, isEmnist(path));
  const { count, notes } = layout;
  const counted = { name: images.name, count };
  const labels =
    labelPath === undefined
      ? undefined
      : LABEL_TEXT.test(labelPath)
        ? await readLabelText(labelPath, counted)
        : await readLabels(await arrayIn(labelPath), counted, labelColumn);
  const files = labelPath === undefined ? [path] : [path, labelPath];
  return { source: arraySource({ name, images, layout, labels, classes, files }), notes };
}

const arrayIn = async (path: string): Promise<StoredArray> =>
  (await isNpz(path)) ? arrayInNpz(path) : arrayInFile(path);

/** EMNIST's images are stored column by column, in Kaggle's tables, too (https://www.nist.gov/itl/products-and-services/emnist-dataset). */
export const isEmnist = (path: string): boolean =>
  /^emnist-(.*idx3-ubyte|(balanced|byclass|bymerge|digits|letters|mnist)-(train|test)\.csv)(\.gz)?$/i.test(
    basename(path),
  );
