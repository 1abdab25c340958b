import { writeFileSync } from 'node:fs';
import { parquetReadObjects } from 'hyparquet';
import { asyncBufferFromFile } from 'hyparquet/src/node.js';
import { idxBytes } from '../data/formats.ts';
import { tiny } from './tiny-model.ts';

/** Pixels of some images: every value comes, black and white often. */
export const tinyImages = (count: number): Uint8Array =>
  Uint8Array.from({ length: count * tiny.pixels }, (_, i) => [0, 255, (i * 37) % 256, (i * i) % 251][i % 4] ?? 0);

export const imageOf = (images: Uint8Array, i: number): Uint8Array =>
  images.subarray(i * tiny.pixels, (i + 1) * tiny.pixels);

export const labelOf = (i: number): number => (i * 7) % 5;

/** Writes images, and labels where asked for, as idx files, and gives what `--data` takes. */
export function tinyData(path: string, count: number, { labels = true, width = tiny.width as number } = {}): string {
  const images = tinyImages(Math.ceil((count * width) / tiny.width)).subarray(0, count * tiny.height * width);
  writeFileSync(`${path}-images`, idxBytes([count, tiny.height, width, 1], images));
  if (!labels) return `${path}-images`;
  writeFileSync(
    `${path}-labels`,
    idxBytes(
      [count],
      Uint8Array.from({ length: count }, (_, i) => labelOf(i)),
    ),
  );
  return `${path}-images,${path}-labels`;
}

export interface Row {
  readonly id: string;
  readonly label?: number | null;
  readonly class?: string | null;
  readonly latent: number[];
  readonly error?: number;
  readonly flag?: boolean;
  readonly cluster?: number;
}

export const readRows = async (path: string): Promise<Row[]> =>
  (await parquetReadObjects({ file: await asyncBufferFromFile(path) })) as unknown as Row[];
