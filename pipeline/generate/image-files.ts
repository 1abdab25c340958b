import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import { IMAGE_FILE } from '../data/image-file.ts';
import { InputError } from '../io/errors.ts';

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

/** Writes images as PNG files, 8-bit gray or RGB, several at a time. */
export class ImageWriter {
  readonly #folder: string;
  readonly #shape: ImageShape;
  readonly #made = new Map<string, Promise<unknown>>();

  /** @param folder an existing one; folders inside it are made when needed */
  constructor(folder: string, shape: ImageShape) {
    this.#folder = folder;
    this.#shape = shape;
  }

  /** @param images pixels 0–255, `[names.length, H, W, C]` @param names paths inside the folder */
  async write(images: Uint8Array, names: readonly string[]): Promise<void> {
    const { height, width, channels } = this.#shape;
    const bytes = bytesPerImage(this.#shape);
    const results = await Promise.allSettled(
      names.map(async (name, i) => {
        const path = join(this.#folder, name);
        const raw = { height, width, channels: channels === 1 ? 1 : 3 } as const;
        const image = sharp(images.subarray(i * bytes, (i + 1) * bytes), { raw });
        const png = await image
          .toColourspace(channels === 1 ? 'b-w' : 'srgb')
          .png()
          .toBuffer();
        await this.#make(dirname(path));
        await writeFile(path, png);
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #make(folder: string): Promise<unknown> {
    const made = this.#made.get(folder) ?? mkdir(folder, { recursive: true });
    this.#made.set(folder, made);
    return made;
  }
}

/**
 * One PNG name per image: its id with the image file's extension replaced. Names that collide ignoring case get a suffix.
 * @param reserved names of other files in the folder
 */
export function fileNames(ids: readonly string[], reserved: readonly string[]): string[] {
  const folded = (name: string) => name.toLowerCase();
  const taken = new Set(reserved.map(folded));
  return ids.map((id) => {
    let name = `${id.replace(IMAGE_FILE, '')}.png`;
    if (taken.has(folded(name))) name = `${id}.png`;
    while (taken.has(folded(name))) name += '.png';
    taken.add(folded(name));
    return name;
  });
}
