import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { type ImageSetFile, imageSetSchema } from '../artifacts/site.ts';
import { bytesPerImage, type ImageDataset, type ImageShape } from '../data/dataset.ts';
import type { Split } from '../data/open.ts';
import { range } from '../data/rows.ts';
import { makeFolder } from '../io/folders.ts';
import { writeArray } from '../io/npy.ts';
import type { Tick } from '../io/stages.ts';
import { classColours } from '../pictures/palette.ts';

/** At most this many images and pixels along each side of a sheet: any graphics card accepts it as a texture. */
const MOST_TILES = 100;
const MOST_PIXELS = 4096;
/** Of more sheets the page reads those whose images it shows: they are smaller, so that a few images from anywhere come soon. */
const WHOLE = 8;
const SMALL_PIXELS = 1024;

/** Pixels of some images in one PNG, row by row. */
export type Sheet = ImageSetFile['sheets'][number];

export interface SetOptions {
  /** Name of the data set, shown to visitors. */
  readonly name: string;
  readonly split: Split;
  readonly classes: readonly string[] | null;
  readonly tick: Tick;
}

/** Folder of an image set in a site; equal images have the same. */
export const setFolder = (fingerprint: string): string => `sets/${fingerprint.replace(/^sha256:/, '').slice(0, 12)}`;

/** Writes images for the viewer: their exact pixels as PNG sheets, labels, ids, and `set.json`, which describes them. */
export async function writeSet(folder: string, dataset: ImageDataset, options: SetOptions): Promise<void> {
  const { name, split, classes, tick } = options;
  const { shape, length, labels } = dataset;
  await makeFolder(folder);
  const sheets: Sheet[] = [];
  for (const sheet of sheetsOf(shape, length)) {
    const png = await drawSheet(dataset, sheet);
    await writeFile(join(folder, sheet.file), png);
    sheets.push({ ...sheet, bytes: png.length });
    tick((sheet.first + sheet.count) / length);
  }
  if (labels) await writeArray(join(folder, 'labels.npy'), labels, [length]);
  const ids = Array.from({ length }, (_, i) => dataset.id(i));
  const numbered = ids.every((id, i) => id === String(i));
  if (!numbered) await writeFile(join(folder, 'ids.json'), JSON.stringify(ids));
  const set = imageSetSchema.parse({
    format: 1,
    name,
    split,
    images: length,
    ...shape,
    classes,
    colours: classes && classColours(classes.length),
    labels: labels ? 'labels.npy' : null,
    ids: numbered ? null : 'ids.json',
    sheets,
  });
  await writeFile(join(folder, 'set.json'), `${JSON.stringify(set, null, 2)}\n`);
}

/** Distributes images among sheets. */
export function sheetsOf(shape: ImageShape, images: number, pixels = MOST_PIXELS): Sheet[] {
  const { height, width } = shape;
  const fitting = (side: number) => Math.max(1, Math.min(MOST_TILES, Math.floor(pixels / side)));
  const most = fitting(width) * fitting(height);
  const sheets = Math.ceil(images / most);
  if (sheets > WHOLE && pixels > SMALL_PIXELS) return sheetsOf(shape, images, SMALL_PIXELS);
  return Array.from({ length: sheets }, (_, i) => {
    const count = Math.min(most, images - i * most);
    return { file: `sheet-${i}.png`, first: i * most, count, columns: Math.min(count, fitting(width)) };
  });
}

async function drawSheet(dataset: ImageDataset, { first, count, columns }: Sheet): Promise<Uint8Array> {
  const { height, width, channels } = dataset.shape;
  const rows = Math.ceil(count / columns);
  const line = width * channels;
  const pixels = new Uint8Array(rows * columns * bytesPerImage(dataset.shape));
  const images = new Uint8Array(columns * bytesPerImage(dataset.shape));
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const tiles = Math.min(columns, count - from);
    await dataset.read(range(first + from, tiles), images);
    for (let tile = 0; tile < tiles; tile++) {
      for (let y = 0; y < height; y++) {
        const at = (tile * height + y) * line;
        pixels.set(images.subarray(at, at + line), ((row * height + y) * columns + tile) * line);
      }
    }
  }
  const raw = { width: columns * width, height: rows * height, channels: channels === 1 ? (1 as const) : (3 as const) };
  return sharp(pixels, { raw, limitInputPixels: false })
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png({ palette: false, compressionLevel: 9 })
    .toBuffer();
}
