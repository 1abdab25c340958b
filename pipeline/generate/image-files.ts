import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import { InputError } from '../io/errors.ts';

/**
 * Pixels 0–255 from numbers in [0, 1]; what is beyond is cut off.
 * @throws InputError when a number is NaN: the model is unusable
 */
export function toBytes(images: Float32Array): Uint8Array {
  const bytes = new Uint8ClampedArray(images.length);
  for (let i = 0; i < images.length; i++) {
    const value = images[i] as number;
    if (Number.isNaN(value)) {
      throw new InputError(
        'the decoder gives images that are not numbers; train the model again (with a lower learning rate)',
      );
    }
    bytes[i] = value * 255;
  }
  return new Uint8Array(bytes.buffer);
}

/** Writes images as PNG files, 8-bit gray or RGB, side by side. */
export class ImageWriter {
  readonly #folder: string;
  readonly #shape: ImageShape;
  readonly #made = new Map<string, Promise<unknown>>();

  /** @param folder that is there; folders inside it are made when asked for */
  constructor(folder: string, shape: ImageShape) {
    this.#folder = folder;
    this.#shape = shape;
  }

  /** @param images pixels 0–255, `[names.length, H, W, C]` @param names paths inside the folder */
  async write(images: Uint8Array, names: readonly string[]): Promise<void> {
    const { height, width, channels } = this.#shape;
    const bytes = bytesPerImage(this.#shape);
    const ends = await Promise.allSettled(
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
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  #make(folder: string): Promise<unknown> {
    const made = this.#made.get(folder) ?? mkdir(folder, { recursive: true });
    this.#made.set(folder, made);
    return made;
  }
}
