import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError, withFileErrors } from '../../io/errors.ts';
import { entriesIn } from '../../io/folders.ts';
import { openFile } from '../../io/source.ts';
import type { DataSource, ImageEntry, ImageSource } from '../image-source.ts';
import { sortNaturally } from '../natural-order.ts';
import type { DataOptions } from '../options.ts';
import { askedLabel, chooseLabel, notesOnUnused } from './columns.ts';
import { interleave } from './pixel-rows.ts';
import { stampOf } from './stamp.ts';

const SIDE = 32;
/** Red, green and blue, each 32×32. */
const PIXELS = 3 * SIDE * SIDE;
/** Images read at a time. */
const BLOCK = 500;

/** One of the two data sets, by the bytes of labels before an image, of which the last counts unless another is asked for. */
interface Variant {
  readonly train: RegExp;
  readonly test: string;
  /** Of files with the names of classes. */
  readonly names: readonly string[];
  readonly labels: readonly string[];
}

/** https://www.cs.toronto.edu/~kriz/cifar.html, binary version. */
const VARIANTS: readonly Variant[] = [
  { train: /^data_batch_\d+\.bin$/, test: 'test_batch.bin', names: ['batches.meta.txt'], labels: ['label'] },
  {
    train: /^train\.bin$/,
    test: 'test.bin',
    names: ['coarse_label_names.txt', 'fine_label_names.txt'],
    labels: ['coarse_label', 'fine_label'],
  },
];
const PICKLES = /^(data_batch_\d+|test_batch|batches\.meta|train|test|meta)$/;

/** The folder that a path is or is in, and its files of such names, or the file alone; in natural order. */
async function filesOf(path: string): Promise<{ folder: string; files: string[] }> {
  return withFileErrors(`cannot read ${path}`, async () => {
    if (!(await stat(path)).isDirectory()) return { folder: dirname(path), files: [basename(path)] };
    const files: string[] = [];
    for await (const entry of entriesIn(path)) {
      const { name } = entry;
      if (!entry.isDirectory() && (VARIANTS.some((variant) => isOf(variant)(name)) || PICKLES.test(name)))
        files.push(name);
    }
    return { folder: path, files: sortNaturally(files) };
  });
}

const isOf =
  ({ train, test }: Variant) =>
  (file: string) =>
    train.test(file) || file === test;

/** Whether a path is a folder of CIFAR-10 or CIFAR-100, or one of its binary files; Python's version too, to refuse it. */
export async function isCifar(path: string): Promise<boolean> {
  const { files } = await filesOf(path);
  return VARIANTS.some((variant) => files.some(isOf(variant))) || isPickled(files);
}

const isPickled = (files: readonly string[]) =>
  files.some((file) => file === 'batches.meta' || file === 'meta') &&
  files.filter((file) => PICKLES.test(file)).length > 1;

/**
 * Locates the images of CIFAR-10 or CIFAR-100 in the binary version: labels (CIFAR-100: `coarse_label` and `fine_label`, which is
 * used unless the other is asked for), then 32×32 red, green and blue. Ids are numbers, counted through the files of a part.
 * @param path of the folder, or of one file
 * @throws InputError when it is Python's version, a file is cut short, or there are no labels as asked for
 */
export async function cifarSource(path: string, options: DataOptions = {}): Promise<DataSource> {
  const { folder, files } = await filesOf(path);
  const variant = VARIANTS.find((candidate) => files.some(isOf(candidate)));
  if (!variant) {
    throw new InputError(
      `${path}: it is CIFAR's version for Python, whose pickled files are not read; download the binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz) and extract it`,
    );
  }
  const label = chooseLabel(variant.labels, options, () => variant.labels.at(-1));
  const asked = askedLabel(path, [label], variant.labels, options);
  const column = variant.labels.indexOf(label ?? '');
  const classes = await readNames(join(folder, variant.names[column] ?? ''));
  const source = async (name: string, own: readonly string[]): Promise<ImageSource> => {
    const paths = own.map((file) => join(folder, file));
    const counts = await Promise.all(paths.map((file) => countImages(file, variant)));
    return {
      name,
      count: counts.reduce((sum, count) => sum + count, 0),
      classes,
      files: paths,
      stamp: () => stampOf(paths),
      entries: () => entriesOf(paths, variant, column),
      close: async () => {},
    };
  };
  const unused = variant.labels.filter((name) => name !== label);
  const about = { ...asked, notes: notesOnUnused(unused, label, variant.labels) };
  const train = files.filter((file) => variant.train.test(file));
  const test = files.filter((file) => file === variant.test);
  if (train.length === 0 || test.length === 0) return { all: await source(path, [...train, ...test]), ...about };
  return { train: await source(`${path}/train`, train), test: await source(`${path}/test`, test), ...about };
}

/** The lines of a file of class names; undefined where it is missing. */
export async function readNames(path: string): Promise<string[] | undefined> {
  if (!existsSync(path)) return undefined;
  const text = await withFileErrors(`cannot read ${path}`, () => readFile(path, 'utf8'));
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

async function countImages(path: string, { labels }: Variant): Promise<number> {
  const { size } = await withFileErrors(`cannot read ${path}`, () => stat(path));
  const bytes = labels.length + PIXELS;
  if (size > 0 && size % bytes === 0) return size / bytes;
  throw new InputError(
    `${path}: it has ${size} bytes; a multiple of ${bytes} was expected for CIFAR's images; download it again`,
  );
}

async function* entriesOf(paths: readonly string[], { labels }: Variant, column: number): AsyncGenerator<ImageEntry> {
  const bytes = labels.length + PIXELS;
  let id = 0;
  for (const path of paths) {
    const file = await openFile(path);
    try {
      const count = file.size / bytes;
      for (let first = 0; first < count; first += BLOCK) {
        const block = new Uint8Array(Math.min(BLOCK, count - first) * bytes);
        await file.read(block, first * bytes);
        for (let at = 0; at < block.length; at += bytes) {
          const values = block.subarray(at + labels.length, at + bytes);
          yield {
            id: String(id++),
            label: block[at + column],
            where: `${path}: image ${first + at / bytes}`,
            read: async () => ({
              height: SIDE,
              width: SIDE,
              channels: 3,
              type: 'uint8',
              values: interleave(values, 3),
            }),
          };
        }
      }
    } finally {
      await file.close();
    }
  }
}
