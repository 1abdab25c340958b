import { execFileSync } from 'node:child_process';
import sharp from 'sharp';
import { expect } from 'vitest';
import type { EncodedImage, ImageEntry, ImageSource, RawLabel, StoredImage } from '../../pipeline/data/image-source.ts';
import { peerPython } from './support.ts';

/** Pixels of no particular pattern, as the Python that wrote the fixtures computes them: image i begins with 31·i. */
export const patternOf = (image: number, length: number): number[] =>
  Array.from({ length }, (_, i) => (image * 31 + i * 7) % 256);

/** All entries of a source, which must be there. */
export async function entriesOf(source: ImageSource | undefined): Promise<ImageEntry[]> {
  if (!source) expect.fail('there is no such part');
  const entries: ImageEntry[] = [];
  for await (const entry of source.entries()) entries.push(entry);
  return entries;
}

/** A stored image's shape and numbers. */
export async function storedOf(entry: ImageEntry | undefined): Promise<[number, number, number, string, number[]]> {
  const image = (await entry?.read()) as StoredImage;
  return [image.height, image.width, image.channels, image.type, [...image.values]];
}

/** Decoded pixels of an encoded image. */
export async function decodedOf(entry: ImageEntry | undefined): Promise<number[]> {
  const image = (await entry?.read()) as EncodedImage;
  return [...(await sharp(image.bytes).raw().toBuffer())];
}

/** A PNG of RGB pixels, 6×4. */
export const png = (image: number): Promise<Buffer> =>
  sharp(Uint8Array.from(patternOf(image, 72)), { raw: { width: 6, height: 4, channels: 3 } })
    .png()
    .toBuffer();

export interface Contents {
  readonly images: readonly StoredImage[];
  readonly ids: readonly string[];
  readonly labels: readonly RawLabel[];
  /** Of all images, one after another. */
  readonly values: readonly number[];
}

/** All images of a source that stores numbers; closes it. @throws Error when one is encoded */
export async function contentsOf(source: ImageSource | undefined): Promise<Contents> {
  if (!source) throw new Error('there is no such part');
  const [images, ids, labels]: [StoredImage[], string[], RawLabel[]] = [[], [], []];
  try {
    for await (const entry of source.entries()) {
      const image = await entry.read();
      if ('bytes' in image) throw new Error(`${entry.where} is encoded`);
      images.push(image);
      ids.push(entry.id);
      labels.push(entry.label);
    }
  } finally {
    await source.close();
  }
  return { images, ids, labels, values: images.flatMap(({ values }) => [...values]) };
}

/** A Python with numpy, where there is one. */
export const python = [peerPython ?? 'python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});
