import type { ArrayFile } from '../io/npy.ts';
import { isNpy, readNpy } from '../io/npy.ts';
import { closeOnError, openSource, readUpTo } from '../io/source.ts';
import { arrayDataset } from './array.ts';
import type { ImageDataset } from './dataset.ts';
import { readIdx } from './idx.ts';

/** Files of images and labels. Each may be idx or npy, gzipped or not: the first bytes tell, not the name. */
export interface ArrayPaths {
  /** What the data set is called; the images' path if not given. */
  readonly name?: string;
  readonly images: string;
  readonly labels?: string | undefined;
  readonly classes?: readonly string[];
}

/**
 * Opens images, and labels if there are any, that are arrays in files of their own. Images are read by position when asked
 * for, so memory does not grow with their number; gzipped ones are first inflated into a temporary file.
 * @throws InputError when a file is missing, damaged or of another kind, or the counts differ
 */
export async function openArrays({ name, images, labels, classes }: ArrayPaths): Promise<ImageDataset> {
  const imageArray = await openArray(images);
  return closeOnError(imageArray.source, async () => {
    const labelArray = labels === undefined ? undefined : await openArray(labels);
    try {
      return await arrayDataset(name ?? images, imageArray, labelArray, classes);
    } finally {
      await labelArray?.source.close();
    }
  });
}

async function openArray(path: string): Promise<ArrayFile> {
  const source = await openSource(path);
  return closeOnError(source, async () => (isNpy(await readUpTo(source, 8)) ? readNpy(source) : readIdx(source)));
}
