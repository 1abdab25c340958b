import { readFile, rename } from 'node:fs/promises';
import sharp from 'sharp';
import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import { writeDurably } from '../durable.ts';
import { fileError } from '../errors.ts';
import type { Picture } from './tensorboard.ts';

const SCALE = 4;
/** White pixels between the images and around them. */
const GAP = 4;

/**
 * Images above, their reconstructions below, each pixel enlarged to 4 × 4.
 * @param images pixels 0–255, `[N, H, W, C]` of 1 or 3 channels
 * @param reconstructions in [0, 1], `[N, H, W, C]`
 */
export async function reconstructionPicture(
  shape: ImageShape,
  images: Uint8Array,
  reconstructions: Float32Array,
): Promise<Picture> {
  const { channels } = shape;
  const columns = images.length / bytesPerImage(shape);
  const width = GAP + columns * (shape.width * SCALE + GAP);
  const height = GAP + 2 * (shape.height * SCALE + GAP);
  const pixels = new Uint8Array(height * width * channels).fill(255);
  const rows = [images, Uint8ClampedArray.from(reconstructions, (value) => value * 255)];
  rows.forEach((row, r) => {
    for (let column = 0; column < columns; column++) {
      const top = GAP + r * (shape.height * SCALE + GAP);
      const left = GAP + column * (shape.width * SCALE + GAP);
      for (let y = 0; y < shape.height * SCALE; y++) {
        for (let x = 0; x < shape.width * SCALE; x++) {
          const pixel = (column * shape.height + Math.floor(y / SCALE)) * shape.width + Math.floor(x / SCALE);
          const target = ((top + y) * width + left + x) * channels;
          for (let c = 0; c < channels; c++) pixels[target + c] = row[pixel * channels + c] as number;
        }
      }
    }
  });
  const gray = channels === 1;
  const png = await sharp(pixels, { raw: { width, height, channels: gray ? 1 : 3 } })
    .toColourspace(gray ? 'b-w' : 'srgb')
    .png()
    .toBuffer();
  return { height, width, channels, png };
}

/** Writes a picture's file, which appears complete or not at all. */
export async function writePicture(path: string, { png }: Picture): Promise<void> {
  try {
    await writeDurably(`${path}.partial`, png);
    await rename(`${path}.partial`, path);
  } catch (error) {
    throw fileError(error, `cannot write ${path}`);
  }
}

/** Reads a picture back; undefined where there is none or it cannot be read. */
export async function readPicture(path: string): Promise<Picture | undefined> {
  try {
    const png = await readFile(path);
    const { height, width, channels } = await sharp(png).metadata();
    return { height, width, channels, png };
  } catch {
    return undefined;
  }
}
