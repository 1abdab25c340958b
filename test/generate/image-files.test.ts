import { readFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { fileNames, toBytes, writeImages } from '../../pipeline/generate/image-files.ts';
import { scratchFolder } from '../data/support.ts';
import { decode, noise } from '../pictures/support.ts';

const scratch = scratchFolder();

test('pixels are rounded, and clipped to [0, 1]', () => {
  expect(toBytes(Float32Array.of(0, 1, 0.5, 100.4 / 255, 100.6 / 255, -3, 7))).toEqual(
    Uint8Array.of(0, 255, 128, 100, 101, 0, 255),
  );
  expect(() => toBytes(Float32Array.of(0, Number.NaN))).toThrow('NaN');
});

test.each([1, 3])('images of %i channels, in their folders', async (channels) => {
  const folder = scratch(`channels-${channels}`);
  await mkdir(folder);
  const shape = { height: 4, width: 5, channels };
  const images = noise(3 * 20 * channels);
  const names = ['0.png', 'a/b/1.png', 'a/b/2.png'];
  await writeImages(folder, shape, images, names);
  expect((await readdir(folder)).sort()).toEqual(['0.png', 'a']);
  for (const [i, name] of names.entries()) {
    const file = readFileSync(join(folder, name));
    const { width, height, at } = await decode(file);
    expect({ width, height }).toEqual({ width: 5, height: 4 });
    expect((await sharp(file).metadata()).channels).toBe(channels);
    const pixel = 20 * i + 13; // the fourth of the third row
    expect(at(3, 2).slice(0, channels)).toEqual([...images.subarray(pixel * channels, (pixel + 1) * channels)]);
  }
});

test('no name leads out of the folder', () => {
  expect(fileNames(['../x.png', '/etc/y.jpg', 'a/../../z.png', 'a//b.png', '..'], [])).toEqual([
    'x.png',
    'etc/y.png',
    'a/z.png',
    'a/b.png',
    '4.png',
  ]);
});

test('what file systems do not take is replaced or cut', () => {
  const long = 'ä'.repeat(300);
  const names = fileNames(['a\0b.png', 'c\u001b[31m/d.png', `${long}.png`, `${long}/e.png`, `${long}.jpg`], []);
  expect(names.slice(0, 2)).toEqual(['a_b.png', 'c_[31m/d.png']);
  for (const part of names.flatMap((name) => name.split('/'))) expect(Buffer.byteLength(part)).toBeLessThan(256);
  expect(new Set(names).size).toBe(names.length);
});

test('file names are ids with another extension, all different', () => {
  expect(fileNames(['0', '1'], ['grid.png'])).toEqual(['0.png', '1.png']);
  expect(fileNames(['a/x.jpg', 'b/x.JPEG', 'b/y.v2.png', 'b/no.ext'], [])).toEqual([
    'a/x.png',
    'b/x.png',
    'b/y.v2.png',
    'b/no.ext.png',
  ]);
  expect(fileNames(['\u00e9.png', 'e\u0301.png'], [])).toEqual(['\u00e9.png', 'e\u0301.png.png']); // Macs take them for one
  expect(fileNames(['grid.gif', 'x.png', 'X.jpg', 'X.jpg.png', 'sub/grid.png'], ['grid.png'])).toEqual([
    'grid.gif.png',
    'x.png',
    'X.jpg.png',
    'X.jpg.png.png',
    'sub/grid.png',
  ]);
});
