import { readFile, rename } from 'node:fs/promises';
import sharp from 'sharp';
import { fileError } from '../io/errors.ts';
import { writeDurably } from '../io/publish.ts';
import type { Picture } from '../io/tfevents.ts';

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
