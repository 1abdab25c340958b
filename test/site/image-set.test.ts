import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { ImageShape } from '../../pipeline/data/dataset.ts';
import { defineDataset } from '../../pipeline/data/dataset.ts';
import { type Sheet, setFolder, sheetsOf, writeSet } from '../../pipeline/site/image-set.ts';
import { scratchFolder } from '../data/support.ts';
import { readJson, readNpy } from './support.ts';

const scratch = scratchFolder();

/** Images of which every pixel differs from its neighbours, and every image from the others. */
function imagesOf(shape: ImageShape, length: number, id: (index: number) => string = String) {
  const bytes = shape.height * shape.width * shape.channels;
  const pixels = Uint8Array.from({ length: length * bytes }, (_, i) => (i * 101 + (i >> 8) * 7) % 256);
  const dataset = defineDataset({
    name: 'made',
    shape,
    length,
    labels: Int32Array.from({ length }, (_, i) => i % 3),
    classes: undefined,
    id,
    async read(indices, target) {
      Array.from(indices).forEach((index, i) => {
        target.set(pixels.subarray(index * bytes, (index + 1) * bytes), i * bytes);
      });
    },
    async close() {},
  });
  return { dataset, pixels, bytes };
}

/** Types of a PNG's chunks, its bit depth and colour type. */
function partsOf(png: Buffer): { chunks: string[]; depth: number; colours: number } {
  const chunks: string[] = [];
  for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at))
    chunks.push(png.toString('latin1', at + 4, at + 8));
  return { chunks: [...new Set(chunks)], depth: png.readUInt8(24), colours: png.readUInt8(25) };
}

/** The images of a sheet, cut out at the positions that the format defines. */
async function cutOut(folder: string, { file, count, columns }: Sheet, { height, width, channels }: ImageShape) {
  const png = readFileSync(join(folder, file));
  // No chunk that makes a browser change colours.
  expect(partsOf(png)).toEqual({ chunks: ['IHDR', 'pHYs', 'IDAT', 'IEND'], depth: 8, colours: channels === 1 ? 0 : 2 });
  const { data, info } = await sharp(png)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect(info).toMatchObject({ channels, width: columns * width, height: Math.ceil(count / columns) * height });
  const pixels: number[] = [];
  for (let i = 0; i < count; i++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        for (let c = 0; c < channels; c++) {
          const [row, column] = [Math.floor(i / columns) * height + y, (i % columns) * width + x];
          pixels.push(data[(row * info.width + column) * channels + c] as number);
        }
  return Uint8Array.from(pixels);
}

test.each([
  ['gray', { height: 4, width: 3, channels: 1 }, 230, 1],
  ['RGB', { height: 3, width: 5, channels: 3 }, 101, 1],
  ['a sheet that is not full in its only row', { height: 4, width: 4, channels: 3 }, 7, 1],
  ['large', { height: 1200, width: 2, channels: 1 }, 640, 3],
] as const)('sheets contain the exact pixels, in order: %s', async (name, shape, length, sheetCount) => {
  const { dataset, pixels, bytes } = imagesOf(shape, length);
  const folder = scratch(name);
  const shares: number[] = [];
  const about = {
    name: 'made',
    split: 'test',
    classes: ['a', 'b', 'c'],
    tick: (share: number) => shares.push(share),
  } as const;
  await writeSet(folder, dataset, about);
  const set = readJson<{ sheets: Sheet[] }>(join(folder, 'set.json'));
  expect(set).toEqual({
    ...{
      format: 1,
      name: 'made',
      split: 'test',
      images: length,
      ...shape,
      classes: ['a', 'b', 'c'],
      colours: ['#dc51b0', '#017662', '#8525e9'],
    },
    ...{ labels: 'labels.npy', ids: null, sheets: expect.any(Array) },
  });
  expect(set.sheets).toHaveLength(sheetCount);
  let next = 0;
  for (const sheet of set.sheets) {
    expect(sheet.bytes).toBe(statSync(join(folder, sheet.file)).size);
    expect(sheet.first).toBe(next);
    expect(Math.max(sheet.columns, sheet.count / sheet.columns)).toBeLessThanOrEqual(100);
    const found = await cutOut(folder, sheet, shape);
    expect(Buffer.compare(found, pixels.subarray(next * bytes, (next + sheet.count) * bytes))).toBe(0);
    next += sheet.count;
  }
  expect(next).toBe(length);
  expect(shares.at(-1)).toBe(1);
  expect(readNpy(join(folder, 'labels.npy'))).toEqual({
    shape: [length],
    dtype: 'i4',
    numbers: Array.from({ length }, (_, i) => i % 3),
  });
  expect(readdirSync(folder).sort()).toEqual(['labels.npy', 'set.json', ...set.sheets.map(({ file }) => file)].sort());
});

test('writes ids unless they are row numbers, and labels if the data has them', async () => {
  const shape = { height: 1, width: 1, channels: 1 };
  const { dataset } = imagesOf(shape, 5, (index) => `photos/${index}.png`);
  const about = { name: 'photos', split: 'all', classes: null, tick: () => {} } as const;
  await writeSet(scratch('ids'), { ...dataset, labels: undefined }, about);
  expect(readJson(scratch('ids/set.json'))).toMatchObject({
    ids: 'ids.json',
    labels: null,
    classes: null,
    colours: null,
  });
  expect(readJson(scratch('ids/ids.json'))).toEqual([0, 1, 2, 3, 4].map((i) => `photos/${i}.png`));
  expect(existsSync(scratch('ids/labels.npy'))).toBe(false);
});

test('70,000 digits fill seven sheets of 100 by 100, and 500,000 many small ones', () => {
  const shape = { height: 28, width: 28, channels: 1 };
  expect(sheetsOf(shape, 70_000).map(({ first, count, columns }) => [first, count, columns])).toEqual(
    [0, 1, 2, 3, 4, 5, 6].map((i) => [i * 10_000, 10_000, 100]),
  );
  const small = sheetsOf(shape, 500_000);
  expect(small.reduce((sum, { count }) => sum + count, 0)).toBe(500_000);
  expect(small.map(({ first }) => first)).toEqual(small.map((_, i) => i * 36 * 36));
  expect(small[0]).toMatchObject({ count: 36 * 36, columns: 36 });
  expect(setFolder(`sha256:${'0123456789abcdef'.repeat(4)}`)).toBe('sets/0123456789ab');
});
