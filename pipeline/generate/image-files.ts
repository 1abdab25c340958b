import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import { IMAGE_FILE } from '../data/decode.ts';
import { InputError } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';

/**
 * Pixels 0–255 from numbers in [0, 1]; numbers outside are clipped.
 * @throws InputError when a number is NaN: the model is unusable
 */
export function toBytes(images: Float32Array): Uint8Array {
  const bytes = new Uint8ClampedArray(images.length);
  for (let i = 0; i < images.length; i++) {
    const value = images[i] as number;
    if (Number.isNaN(value)) {
      throw new InputError('the decoder gives NaN for pixels; train the model again (with a lower learning rate)');
    }
    bytes[i] = value * 255;
  }
  return new Uint8Array(bytes.buffer);
}

/**
 * Writes images as PNG files, 8-bit gray or RGB, several at a time.
 * @param images pixels 0–255, `[names.length, H, W, C]`
 * @param names paths inside the folder; folders in them are made
 */
export async function writeImages(
  folder: string,
  shape: ImageShape,
  images: Uint8Array,
  names: readonly string[],
): Promise<void> {
  const { height, width, channels } = shape;
  const bytes = bytesPerImage(shape);
  for (const inner of new Set(names.map((name) => dirname(name)))) await makeFolder(join(folder, inner));
  const results = await Promise.allSettled(
    names.map((name, i) =>
      sharp(images.subarray(i * bytes, (i + 1) * bytes), {
        raw: { height, width, channels: channels === 1 ? 1 : 3 },
      })
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .png()
        .toBuffer()
        .then((png) => writeFile(join(folder, name), png)),
    ),
  );
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

/** Bytes of a part of a path, less than the 255 that file systems take: a name may get suffixes. */
const MOST_BYTES = 200;

/** A part of an id as a part of a path: without control characters, and not too long. */
function fittingPart(part: string): string {
  const bytes = Buffer.from(part.replace(/\p{Cc}/gu, '_'));
  return bytes.toString('utf8', 0, MOST_BYTES).replace(/\ufffd$/, '');
}

/**
 * One PNG name per image: its id with the image file's extension replaced. Names that collide ignoring case and Unicode form get a
 * suffix, and parts of an id that would lead out of the folder are left out. What file systems do not take is replaced or cut.
 * @param reserved names of other files in the folder
 */
export function fileNames(ids: readonly string[], reserved: readonly string[]): string[] {
  const folded = (name: string) => name.normalize().toLowerCase();
  const taken = new Set(reserved.map(folded));
  return ids.map((original, i) => {
    const parts = original.split('/').filter((part) => !['', '.', '..'].includes(part));
    const id = parts.map(fittingPart).join('/') || String(i);
    let name = `${id.replace(IMAGE_FILE, '')}.png`;
    if (taken.has(folded(name))) name = `${id}.png`;
    while (taken.has(folded(name))) name += '.png';
    taken.add(folded(name));
    return name;
  });
}
