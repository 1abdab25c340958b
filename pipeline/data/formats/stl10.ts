import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../../io/errors.ts';
import { openFile } from '../../io/source.ts';
import type { DataSource, ImageSource } from '../image-source.ts';
import type { StoredArray } from './array-file.ts';
import { readLabels } from './array-labels.ts';
import { arraySource, joinedSource } from './array-source.ts';
import { readNames } from './cifar.ts';

const SIDE = 96;
const PIXELS = 3 * SIDE * SIDE;
/** Of each image red, then green, then blue, each column by column (https://cs.stanford.edu/~acoates/stl10). */
const LAYOUT = { height: SIDE, width: SIDE, channels: 3, steps: [1, SIDE, SIDE * SIDE], notes: [] } as const;
const UINT8 = { name: 'uint8', kind: 'uint', bytes: 1, littleEndian: true } as const;
const PARTS = ['train', 'unlabeled', 'test'] as const;
const imagesOf = (part: string) => `${part}_X.bin`;

/** The folder that a path is or is in, and the parts whose images are there, or the one whose images the file holds. */
function partsAt(path: string) {
  if (!statSync(path).isDirectory())
    return { folder: dirname(path), parts: PARTS.filter((part) => basename(path) === imagesOf(part)) };
  return { folder: path, parts: PARTS.filter((part) => existsSync(join(path, imagesOf(part)))) };
}

/** Whether a path is a folder of STL-10's binary version, or one of its files of images. */
export const isStl10 = (path: string): boolean => partsAt(path).parts.length > 0;

/**
 * Locates the images of STL-10's binary version; the unlabelled ones are training images. Ids are numbers, counted through the
 * files of a part.
 * @param path of the folder, or of one file of images
 * @throws InputError when a file is cut short, or there are more or fewer labels than images
 */
export async function stl10Source(path: string): Promise<DataSource> {
  const { folder, parts } = partsAt(path);
  const classes = await readNames(join(folder, 'class_names.txt'));
  const partOf = async (name: string, own: readonly string[]) => {
    const sources: ImageSource[] = [];
    for (const part of own) sources.push(await sourceOf(folder, part, classes));
    const before = (i: number) => sources.slice(0, i).reduce((sum, { count = 0 }) => sum + count, 0);
    return joinedSource({ name, classes, sources }, (entry, i) => ({
      ...entry,
      id: String(before(i) + Number(entry.id)),
    }));
  };
  const train = parts.filter((part) => part !== 'test');
  if (train.length === 0 || train.length === parts.length)
    return { all: await partOf(path, parts), notes: notesOn(train) };
  const [one, other] = [await partOf(`${path}/train`, train), await partOf(`${path}/test`, ['test'])];
  return { train: one, test: other, notes: notesOn(train) };
}

const notesOn = (train: readonly string[]) =>
  train.includes('unlabeled') && train.length > 1
    ? ['the images of unlabeled_X.bin are trained on, too; move it elsewhere to leave them out']
    : [];

async function sourceOf(folder: string, part: string, classes: readonly string[] | undefined): Promise<ImageSource> {
  const path = join(folder, imagesOf(part));
  const { size } = statSync(path);
  if (size === 0 || size % PIXELS > 0) {
    throw new InputError(
      `${path}: it has ${size} bytes; a multiple of ${PIXELS} was expected for STL-10's images; download it again`,
    );
  }
  const count = size / PIXELS;
  const images = bytesIn(path, [count, 3, SIDE, SIDE]);
  const labelPath = join(folder, `${part}_y.bin`);
  if (!existsSync(labelPath)) {
    return arraySource({ name: path, images, layout: { ...LAYOUT, count }, labels: undefined, files: [path] });
  }
  const numbers = await readLabels(bytesIn(labelPath, [statSync(labelPath).size]), { name: path, count });
  const labels = classes ? numbers.map((number) => Number(number) - 1) : numbers; // the first class is 1
  return arraySource({ name: path, images, layout: { ...LAYOUT, count }, labels, files: [path, labelPath] });
}

/** A file of bytes without a header. */
function bytesIn(path: string, shape: readonly number[]): StoredArray {
  const array = { name: path, path, shape, type: UINT8, fortran: false, offset: 0, sample: new Uint8Array() };
  return { ...array, open: async () => ({ source: await openFile(path), offset: 0, shape, type: UINT8 }) };
}
