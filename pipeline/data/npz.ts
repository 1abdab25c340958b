import { InputError } from '../io/errors.ts';
import { type ArrayFile, readNpy } from '../io/npy.ts';
import { closeOnError, openFile, readUpTo } from '../io/source.ts';
import { isZip, openZipMember, readZipMembers, type ZipMember } from '../io/zip.ts';
import { arrayDataset } from './array.ts';
import type { DataSource, ImageDataset } from './dataset.ts';

type Part = 'train' | 'test' | 'all';
type Names = readonly { readonly images: string; readonly labels: readonly string[] }[];

const TRAIN: Names = [
  { images: 'x_train', labels: ['y_train'] }, // Keras
  { images: 'train_images', labels: ['train_labels'] }, // MedMNIST
];

/** Names of the arrays, best first. */
const NAMES: Readonly<Record<Part, Names>> = {
  train: TRAIN,
  test: [
    { images: 'x_test', labels: ['y_test'] },
    { images: 'test_images', labels: ['test_labels'] },
  ],
  all: [
    ...['images', 'x', 'data'].map((images) => ({ images, labels: ['labels', 'y'] })),
    ...TRAIN,
    { images: 'arr_0', labels: ['labels', 'y', 'arr_1'] }, // numpy.savez without names
  ],
};

/** Whether a file is a zip archive, by its first bytes. */
export async function isNpz(path: string): Promise<boolean> {
  const file = await openFile(path);
  return readUpTo(file, 4)
    .then(isZip)
    .finally(() => file.close());
}

/**
 * Locates the images of an npz file, which may contain both parts.
 * @throws InputError when it is not a zip archive
 */
export async function npzFile(path: string): Promise<DataSource> {
  const members = await membersOf(path);
  if (!findArrays(members, 'train') || !findArrays(members, 'test')) return { all: () => openNpz(path) };
  return { train: () => openNpz(path, 'train', `${path}/train`), test: () => openNpz(path, 'test', `${path}/test`) };
}

/**
 * Opens one part of an npz file: images `x_train` (`x_test`; else `images`, `x`, `data`, `arr_0`) with labels `y_train`
 * (`y_test`; else `labels`, `y`, `arr_1`) where there are any. Stored members are read in place, deflated ones from a
 * temporary file.
 * @throws InputError when there are no such arrays, or they are damaged or of another type
 */
export async function openNpz(path: string, part: Part = 'all', name = path): Promise<ImageDataset> {
  const members = await membersOf(path);
  const found = findArrays(members, part);
  if (!found) {
    const wanted = NAMES[part].map(({ images }) => images).join(', ');
    const present = members.map((member) => member.name.replace(/\p{Cc}/gu, '?')).join(', ');
    throw new InputError(
      `${path}: it has no images: no array is named ${wanted}; it contains ${present.slice(0, 200) || 'nothing'}`,
    );
  }
  const { images, labels } = found;
  const imageArray = await openMember(path, images);
  return closeOnError(imageArray.source, async () => {
    const labelArray = labels && (await openMember(path, labels));
    try {
      return await arrayDataset(name, imageArray, labelArray);
    } finally {
      await labelArray?.source.close();
    }
  });
}

async function membersOf(path: string): Promise<ZipMember[]> {
  const file = await openFile(path);
  return readZipMembers(file).finally(() => file.close());
}

function findArrays(members: readonly ZipMember[], part: Part) {
  const find = (array: string) => members.find(({ name }) => name === `${array}.npy`);
  for (const names of NAMES[part]) {
    const images = find(names.images);
    if (images) return { images, labels: names.labels.map(find).find((member) => member !== undefined) };
  }
  return undefined;
}

async function openMember(path: string, member: ZipMember): Promise<ArrayFile> {
  const file = await openFile(path);
  return closeOnError(file, async () => {
    const source = await openZipMember(file, member);
    return closeOnError(source, () => readNpy(source));
  });
}
