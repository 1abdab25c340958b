import { type Dirent, statSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, InputError } from '../io/errors.ts';
import { bytesPerImage, type DataSource, defineDataset, type ImageDataset } from './dataset.ts';
import { decodeImageFile, IMAGE_FILE, imageFileShape } from './image-file.ts';

/** Images decoded in parallel: enough to keep Node's four worker threads busy. */
const CONCURRENCY = 8;

/** The image files of a folder. */
export interface FolderFiles {
  readonly root: string;
  /** Paths inside the folder, with forward slashes, sorted by UTF-16 code units: the same in every locale. */
  readonly files: readonly string[];
  /** The subfolders that hold images, sorted in the same way: the classes. Undefined where `root` itself holds images. */
  readonly classes: readonly string[] | undefined;
}

/**
 * Locates the images of a folder, or of its folders `train` and `test`. A class has the same index in both, even where one
 * has no image of it.
 */
export async function imageFolder(root: string): Promise<DataSource> {
  const [trainFolder, testFolder] = [join(root, 'train'), join(root, 'test')];
  const isFolder = (path: string) => statSync(path, { throwIfNoEntry: false })?.isDirectory();
  if (!isFolder(trainFolder) || !isFolder(testFolder)) {
    const files = await listFolder(root);
    return { all: () => openFolder(files) };
  }
  const [train, test] = await Promise.all([listFolder(trainFolder), listFolder(testFolder)]);
  const classes = train.classes && test.classes && [...new Set([...train.classes, ...test.classes])].sort();
  const first = join(train.root, train.files[0] as string);
  return {
    train: () => openFolder(train, { name: `${root}/train`, classes, first }),
    test: () => openFolder(test, { name: `${root}/test`, classes, first }),
  };
}

/**
 * A folder's images as a data set: ids are the paths inside the folder, subfolders are the classes, and the first image
 * decides the shape (1 channel if it is stored as gray, otherwise 3). Images are decoded on request; only their paths are
 * kept in memory.
 * @param options name of the data set, class names by index, and path of the image that decides the shape; by default the
 * folder's path, own classes and first image
 * @throws InputError when the first image cannot be read; `read` throws it for the others
 */
export async function openFolder(
  { root, files, classes: own }: FolderFiles,
  options: { name?: string; classes?: readonly string[] | undefined; first?: string } = {},
): Promise<ImageDataset> {
  const { name = root, classes = own, first = join(root, files[0] as string) } = options;
  const shape = await imageFileShape(first);
  const bytes = bytesPerImage(shape);
  const classIndex = new Map(classes?.map((label, i) => [label, i]));
  return defineDataset({
    name,
    shape,
    length: files.length,
    labels: own && Int32Array.from(files, (file) => classIndex.get(classOf(file)) as number),
    classes,
    id: (index) => files[index] as string,
    async read(indices, target) {
      let next = 0;
      const decodeSome = async () => {
        while (next < indices.length) {
          const i = next++;
          const image = target.subarray(i * bytes, (i + 1) * bytes);
          const path = join(root, files[indices[i] as number] as string);
          await decodeImageFile(path, shape, image, first).catch((error: unknown) => {
            next = indices.length; // the others stop too
            throw error;
          });
        }
      };
      const ends = await Promise.allSettled(Array.from({ length: CONCURRENCY }, decodeSome));
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
    close: async () => {},
  });
}

/** The first part of a path inside a folder: its class. */
const classOf = (file: string): string => file.slice(0, file.indexOf('/'));

/**
 * Lists the images of a folder at any depth. Links are followed; hidden files and files with other extensions are skipped.
 * @throws InputError when there are none, or some are in the folder itself and some in subfolders
 */
export async function listFolder(root: string): Promise<FolderFiles> {
  const files: string[] = [];
  await listImages(root, '', [], files);
  files.sort();
  const loose = files.find((file) => !file.includes('/'));
  const nested = files.find((file) => file.includes('/'));
  if (loose !== undefined && nested !== undefined) {
    throw new InputError(
      `${root}: it contains images itself (${loose}) and in subfolders (${nested}); move each into the subfolder of its class, or all into one folder`,
    );
  }
  if (files.length === 0) {
    throw new InputError(`${root}: it contains no images; png, jpg, webp, gif, tiff or avif files were expected`);
  }
  return { root, files, classes: nested === undefined ? undefined : [...new Set(files.map(classOf))].sort() };
}

async function listImages(root: string, folder: string, parents: readonly string[], files: string[]): Promise<void> {
  const path = join(root, folder);
  const [real, entries] = await Promise.all([realpath(path), readdir(path, { withFileTypes: true })]).catch(
    (error: unknown) => {
      throw fileError(error, `cannot list ${path}`);
    },
  );
  if (parents.includes(real)) return; // a link to one of its parents, whose images are listed there
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === '__MACOSX') continue;
    const inside = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (await isFolder(entry, join(root, inside))) await listImages(root, inside, [...parents, real], files);
    else if (IMAGE_FILE.test(entry.name)) files.push(inside);
  }
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false, // a broken link is reported when it is read
  );
}
