import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../io/errors.ts';
import { closeOnError, openFile, readUpTo } from '../io/source.ts';
import { isZip } from '../io/zip.ts';
import { trainThenTest } from './concat.ts';
import type { DatasetSplits, ImageDataset } from './dataset.ts';
import { openFolder } from './folder.ts';
import { type FolderFiles, listFolder } from './folder-files.ts';
import { type HoldOut, holdOut } from './hold-out.ts';
import { IMAGE_FILE } from './image-file.ts';
import { openMnist } from './mnist.ts';
import { hasNpzParts, openNpz } from './npz.ts';
import { openArrays } from './open-arrays.ts';

/** What `--data` takes. */
export const DATA_FORMS =
  'mnist, IMAGES[,LABELS] (idx or npy files, gzipped or not), FILE.npz, or a FOLDER of images (subfolders are classes), with train/ and test/ or with idx files in it';

export type Split = 'train' | 'test' | 'all';

/** Where the images of a spec are: in two parts, or in one that has yet to be split. */
type Located =
  | { readonly train: () => Promise<ImageDataset>; readonly test: () => Promise<ImageDataset> }
  | { readonly whole: () => Promise<ImageDataset> };

/**
 * Opens the training and test images of what `--data` says. A set without a test part of its own has a fixed tenth held
 * out (see `holdOut`). Whoever calls closes both.
 * @param spec `mnist` or a path form, see `DATA_FORMS`
 * @throws InputError when there is no such data, or it is damaged, or its parts do not fit each other
 */
export async function openSplits(spec: string, options?: HoldOut): Promise<DatasetSplits> {
  return splitsOf(spec, await locate(spec), options);
}

/**
 * Opens one part of what `--data` says, or all of it. Where the set comes in two parts, `all` is the training images,
 * then the test images, with ids `train/…` and `test/…`; else it is the set as it is.
 * @throws InputError as `openSplits`
 */
export async function openSplit(spec: string, split: Split, options?: HoldOut): Promise<ImageDataset> {
  const located = await locate(spec);
  if ('train' in located && split !== 'all') return located[split]();
  if ('whole' in located && split === 'all') return located.whole();
  const splits = await splitsOf(spec, located, options);
  if (split === 'all') return trainThenTest(splits);
  await (split === 'train' ? splits.test : splits.train).close();
  return splits[split];
}

async function splitsOf(spec: string, located: Located, options?: HoldOut): Promise<DatasetSplits> {
  if ('whole' in located) {
    const whole = await located.whole();
    return closeOnError(whole, async () => holdOut(whole, options));
  }
  const train = await located.train();
  return closeOnError(train, async () => {
    const test = await located.test();
    return closeOnError(test, async () => matching({ name: spec, train, test }));
  });
}

async function locate(spec: string): Promise<Located> {
  if (spec === 'mnist') return { train: () => openMnist('train'), test: () => openMnist('test') };
  const comma = existsSync(spec) ? -1 : spec.lastIndexOf(',');
  const path = comma < 0 ? spec : spec.slice(0, comma);
  const labels = comma < 0 ? undefined : spec.slice(comma + 1);
  const missing = [path, labels].find((file) => file !== undefined && !existsSync(file));
  if (missing !== undefined) {
    throw new InputError(`--data ${spec}: there is no file or folder '${missing}'; data are ${DATA_FORMS}`);
  }
  if (statSync(path).isDirectory()) {
    if (labels === undefined) return locateFolder(path);
    throw new InputError(
      `--data ${spec}: ${path} is a folder; labels go with a file of images (a folder's are its subfolders)`,
    );
  }
  if (await startsAsZip(path)) {
    if (labels !== undefined) {
      throw new InputError(`--data ${spec}: ${path} is an npz file, whose labels are inside; give it alone`);
    }
    if (!(await hasNpzParts(path))) return { whole: () => openNpz(path) };
    return { train: () => openNpz(path, 'train', `${path}/train`), test: () => openNpz(path, 'test', `${path}/test`) };
  }
  if (IMAGE_FILE.test(path)) {
    throw new InputError(`${path}: it is a single image; give the folder that holds it`);
  }
  return { whole: () => openArrays({ name: spec, images: path, labels }) };
}

async function startsAsZip(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    return isZip(await readUpTo(file, 4));
  } finally {
    await file.close();
  }
}

async function locateFolder(root: string): Promise<Located> {
  const [trainIdx, testIdx] = [idxFiles(root, 'train'), idxFiles(root, 't10k')];
  const open = (files: IdxFiles, name: string) => () => openArrays({ name, ...files });
  if (trainIdx && testIdx) return { train: open(trainIdx, `${root}/train`), test: open(testIdx, `${root}/test`) };
  const single = trainIdx ?? testIdx;
  if (single) return { whole: open(single, root) };
  const [trainFolder, testFolder] = [join(root, 'train'), join(root, 'test')];
  if (!isFolder(trainFolder) || !isFolder(testFolder)) {
    const files = await listFolder(root);
    return { whole: () => openFolder(files) };
  }
  const [train, test] = await Promise.all([listFolder(trainFolder), listFolder(testFolder)]);
  const classes = bothClasses(train, test);
  const first = join(train.root, train.files[0] as string);
  return {
    train: () => openFolder(train, { name: `${root}/train`, classes, first }),
    test: () => openFolder(test, { name: `${root}/test`, classes, first }),
  };
}

/** A class has the same number in both parts, even where one part has no image of it. */
function bothClasses(train: FolderFiles, test: FolderFiles): readonly string[] | undefined {
  if (!train.classes || !test.classes) return undefined;
  return [...new Set([...train.classes, ...test.classes])].sort();
}

interface IdxFiles {
  readonly images: string;
  readonly labels: string | undefined;
}

/** The files of MNIST and its relatives under their usual names, with `-` or `.` before `idx`, gzipped or not. */
function idxFiles(root: string, part: 'train' | 't10k'): IdxFiles | undefined {
  const find = (what: 'images-idx3' | 'labels-idx1') =>
    [what, what.replace('-', '.')]
      .flatMap((form) => [`${part}-${form}-ubyte`, `${part}-${form}-ubyte.gz`])
      .map((file) => join(root, file))
      .find((file) => existsSync(file));
  const images = find('images-idx3');
  return images === undefined ? undefined : { images, labels: find('labels-idx1') };
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;

/** @throws InputError when the two parts have different shapes, or only one has labels */
function matching(splits: DatasetSplits): DatasetSplits {
  const { name, train, test } = splits;
  const [a, b] = [train, test].map(({ shape }) => `${shape.height}×${shape.width}×${shape.channels}`);
  if (a !== b) {
    throw new InputError(
      `${name}: its training images are ${a} (height×width×channels) and its test images ${b}; they must be alike`,
    );
  }
  if (!train.labels !== !test.labels) {
    const [has, lacks] = train.labels ? ['training', 'test'] : ['test', 'training'];
    throw new InputError(
      `${name}: its ${has} images have labels and its ${lacks} images have none; give both or neither`,
    );
  }
  return splits;
}
