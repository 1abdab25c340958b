import { InputError } from '../io/errors.ts';
import type { ArrayFile } from '../io/npy.ts';
import { readNpy } from '../io/npy.ts';
import { closeOnError, openFile } from '../io/source.ts';
import { openZipMember, readZipMembers, type ZipMember } from '../io/zip.ts';
import { arrayDataset } from './array.ts';
import type { ImageDataset } from './dataset.ts';

export type NpzPart = 'train' | 'test' | 'whole';

interface Names {
  readonly images: readonly string[];
  readonly labels: readonly string[];
}

const TRAIN: readonly Names[] = [
  { images: ['x_train'], labels: ['y_train'] }, // Keras
  { images: ['train_images'], labels: ['train_labels'] }, // MedMNIST
];

/** The names under which the arrays are looked for, best first. */
const NAMES: Readonly<Record<NpzPart, readonly Names[]>> = {
  train: TRAIN,
  test: [
    { images: ['x_test'], labels: ['y_test'] },
    { images: ['test_images'], labels: ['test_labels'] },
  ],
  whole: [
    { images: ['images', 'x', 'data'], labels: ['labels', 'y'] },
    ...TRAIN,
    { images: ['arr_0'], labels: ['labels', 'y', 'arr_1'] }, // numpy.savez without names
  ],
};

/**
 * Whether an npz file comes in two parts, train and test.
 * @throws InputError when it is not a zip archive
 */
export async function hasNpzParts(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    const members = await readZipMembers(file);
    return findImages(members, 'train') !== undefined && findImages(members, 'test') !== undefined;
  } finally {
    await file.close();
  }
}

/**
 * Opens one part of an npz file: images `x_train` (`x_test`; else `images`, `x`, `data`, `arr_0`) with labels `y_train`
 * (`y_test`; else `labels`, `y`, `arr_1`) where there are any. Members are read where they lie, or from a
 * temporary file where they are deflated.
 * @throws InputError when there are no such arrays, or they are damaged or of another kind
 */
export async function openNpz(path: string, part: NpzPart = 'whole', name = path): Promise<ImageDataset> {
  const file = await openFile(path);
  const members = await readZipMembers(file).finally(() => file.close());
  const found = findImages(members, part);
  if (!found) {
    const wanted = NAMES[part].flatMap((names) => names.images).join(', ');
    const there = members
      .map((member) => member.name)
      .join(', ')
      .slice(0, 200);
    throw new InputError(`${path}: it has no images: no array is named ${wanted}; it holds ${there || 'nothing'}`);
  }
  const labels = findMember(members, found.names.labels);
  const imageArray = await openMember(path, found.images);
  return closeOnError(imageArray.source, async () => {
    if (!labels) return arrayDataset(name, imageArray);
    const labelArray = await openMember(path, labels);
    try {
      return await arrayDataset(name, imageArray, labelArray);
    } finally {
      await labelArray.source.close();
    }
  });
}

function findImages(members: readonly ZipMember[], part: NpzPart) {
  for (const names of NAMES[part]) {
    const images = findMember(members, names.images);
    if (images) return { images, names };
  }
  return undefined;
}

const findMember = (members: readonly ZipMember[], names: readonly string[]): ZipMember | undefined =>
  names.map((name) => members.find((member) => member.name === `${name}.npy`)).find((member) => member !== undefined);

async function openMember(path: string, member: ZipMember): Promise<ArrayFile> {
  const file = await openFile(path);
  return closeOnError(file, async () => {
    const source = await openZipMember(file, member);
    return closeOnError(source, () => readNpy(source));
  });
}
