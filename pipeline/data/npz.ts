import { InputError } from '../io/errors.ts';
import { type ArrayFile, readNpy } from '../io/npy.ts';
import { closeOnError, openFile, readUpTo } from '../io/source.ts';
import { isZip, openZipMember, readZipMembers, type ZipMember } from '../io/zip.ts';
import { openArrayDataset } from './array.ts';
import type { DataSource, ImageDataset } from './dataset.ts';

type Part = 'train' | 'test' | 'all';
/** Names of arrays of images, best first, each with the names of their labels. */
type Names = Readonly<Record<string, readonly string[]>>;

/** As Keras and MedMNIST name them. */
const namesOf = (part: 'train' | 'test'): Names => ({
  [`x_${part}`]: [`y_${part}`],
  [`${part}_images`]: [`${part}_labels`],
});
const LABELS = ['labels', 'y'];
const NAMES: Readonly<Record<Part, Names>> = {
  train: namesOf('train'),
  test: namesOf('test'),
  // numpy.savez calls arrays without names arr_0, arr_1 …
  all: { images: LABELS, x: LABELS, data: LABELS, ...namesOf('train'), arr_0: [...LABELS, 'arr_1'] },
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
    const wanted = Object.keys(NAMES[part]).join(', ');
    const present = members.map((member) => member.name.replace(/\p{Cc}/gu, '?')).join(', ');
    throw new InputError(
      `${path}: it has no images: no array is named ${wanted}; it contains ${present.slice(0, 200) || 'nothing'}`,
    );
  }
  const { images, labels } = found;
  return openArrayDataset(name, () => openMember(path, images), labels && (() => openMember(path, labels)));
}

async function membersOf(path: string): Promise<ZipMember[]> {
  const file = await openFile(path);
  return readZipMembers(file).finally(() => file.close());
}

function findArrays(members: readonly ZipMember[], part: Part) {
  const find = (array: string) => members.find(({ name }) => name === `${array}.npy`);
  for (const [name, labelNames] of Object.entries(NAMES[part])) {
    const images = find(name);
    if (images) return { images, labels: labelNames.map(find).find((member) => member !== undefined) };
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
