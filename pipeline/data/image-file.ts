import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { fileError, InputError } from '../io/errors.ts';
import type { ImageShape } from './dataset.ts';

/** Many small images are decoded in parallel, each on one thread. Without a cache, so that changed files are read again. */
sharp.concurrency(1);
sharp.cache(false);

/** Names of image files. */
export const IMAGE_FILE = /\.(png|jpe?g|webp|gif|tiff?|avif)$/i;

/** A few kilobytes may decode to gigabytes. */
const MAX_PIXELS = 8192 * 8192;

/**
 * Shape of an image file: upright (by EXIF orientation), with 1 channel if it is stored as gray, otherwise 3.
 * @throws InputError when it is missing or not an image
 */
export async function imageFileShape(path: string): Promise<ImageShape> {
  return decoding(path, async (image) => {
    const { autoOrient, space } = await image.metadata();
    return { ...autoOrient, channels: space === 'b-w' || space === 'grey16' ? 1 : 3 };
  });
}

/**
 * Decodes an image file to 8 bits into `target`: upright, transparent parts on black, the first of several frames or pages.
 * Gray images may have 3 channels; coloured ones may not have 1.
 * @param first path of the image that decided the shape, for messages
 * @throws InputError when it is missing, damaged, of another size, or coloured where gray is expected
 */
export async function decodeImageFile(
  path: string,
  { height, width, channels }: ImageShape,
  target: Uint8Array,
  first: string,
): Promise<void> {
  const { data, info } = await decoding(path, (image) =>
    image
      .autoOrient()
      .flatten({ background: '#000' })
      .toColourspace('srgb')
      .raw()
      .toBuffer({ resolveWithObject: true }),
  );
  if (info.height !== height || info.width !== width) {
    throw new InputError(
      `${path}: it is ${info.width}×${info.height} pixels (width×height); ${width}×${height} were expected, as in ${first}; resize it or leave it out`,
    );
  }
  if (channels === 3) {
    target.set(data);
    return;
  }
  for (let pixel = 0, i = 0; pixel < target.length; pixel++, i += 3) {
    const gray = data[i] as number;
    if (data[i + 1] !== gray || data[i + 2] !== gray) {
      throw new InputError(`${path}: it is coloured, but ${first} is gray; convert all images to gray, or all to RGB`);
    }
    target[pixel] = gray;
  }
}

async function decoding<T>(path: string, work: (image: Sharp) => Promise<T>): Promise<T> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw fileError(error, `cannot read ${path}`);
  });
  if (bytes.length === 0) throw new InputError(`${path}: it is empty; an image was expected`);
  try {
    return await work(sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS }));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const reason = error.message.split('\n', 2).join(' ').trim();
    throw new InputError(`${path}: it cannot be decoded (${reason}); replace it or leave it out`, { cause: error });
  }
}
