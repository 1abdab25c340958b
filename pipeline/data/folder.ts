import { join } from 'node:path';
import { bytesPerImage, type ImageDataset } from './dataset.ts';
import { defineDataset } from './define.ts';
import { classOf, type FolderFiles } from './folder-files.ts';
import { decodeImageFile, imageFileShape } from './image-file.ts';

/** Images decoded side by side: enough to keep Node's four worker threads busy. */
const CONCURRENCY = 8;

export interface FolderOptions {
  /** What the data set is called; the folder's path if not given. */
  readonly name?: string;
  /** Class names by index, where another folder has a say in them. */
  readonly classes?: readonly string[] | undefined;
  /** The image file that decides the shape; the folder's first if not given. */
  readonly first?: string;
}

/**
 * A folder's images as a data set: ids are the paths inside the folder, subfolders are the classes, and the first image
 * decides the shape (1 channel if it is stored as gray, else 3). Images are decoded when asked for; only their
 * paths are held.
 * @throws InputError when the first image cannot be read; `read` throws it for each other one
 */
export async function openFolder(
  { root, files, classes: own }: FolderFiles,
  { name = root, classes = own, first = join(root, files[0] as string) }: FolderOptions = {},
): Promise<ImageDataset> {
  const shape = await imageFileShape(first);
  const bytes = bytesPerImage(shape);
  const number = new Map(classes?.map((label, i) => [label, i]));
  return defineDataset({
    name,
    shape,
    length: files.length,
    labels: own && Int32Array.from(files, (file) => number.get(classOf(file)) as number),
    classes,
    id: (index) => files[index] as string,
    async read(indices, target) {
      let next = 0;
      const decodeSome = async () => {
        while (next < indices.length) {
          const i = next++;
          const image = target.subarray(i * bytes, (i + 1) * bytes);
          await decodeImageFile(join(root, files[indices[i] as number] as string), shape, image, first);
        }
      };
      const ends = await Promise.allSettled(
        Array.from({ length: CONCURRENCY }, () =>
          decodeSome().catch((error: unknown) => {
            next = indices.length; // the others stop too
            throw error;
          }),
        ),
      );
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    },
    close: async () => {},
  });
}
