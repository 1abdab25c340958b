import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decode, pagesOf, readHeader } from '../../pipeline/data/decode.ts';
import type { StoredImage, Values } from '../../pipeline/data/image-source.ts';
import { bmpBytes, pngBytes, type Tags, tiffBytes } from './images.ts';
import { expectFacts, inputErrorOf } from './support.ts';

/** Asserts what an image is, that its header says so too, and its numbers. */
async function expectImage(
  bytes: Uint8Array,
  [width, height, channels, type]: readonly [number, number, number, string],
  values: ArrayLike<number>,
  page?: number,
  more: Partial<StoredImage> = {},
) {
  const image = await decode({ bytes, page }, 'x');
  const facts = { width, height, channels, type, ...more };
  expect(image).toMatchObject(facts);
  expect(await readHeader({ bytes, page }, 'x')).toEqual(facts);
  expect([...image.values]).toEqual(Array.from(values));
  expect(image.values.constructor.name.toLowerCase()).toBe(`${type}array`);
}

const gray = [0, 1, 128, 200, 254, 255];
const rgb = Array.from({ length: 18 }, (_, i) => (i * 47) % 256);
const wide = [0, 1, 255, 4095, 40000, 65535];

describe('png', () => {
  const be = (values: readonly number[]) => values.flatMap((value) => [value >> 8, value & 255]);
  const chunk = (type: string, ...data: number[]) => ({ type, data: Uint8Array.from(data) });
  test.each<[string, Buffer, [number, number, number, string], number[]]>([
    ['gray', pngBytes(3, 2, 8, 0, gray), [3, 2, 1, 'uint8'], gray],
    ['RGB', pngBytes(3, 2, 8, 2, rgb), [3, 2, 3, 'uint8'], rgb],
    ['gray and alpha', pngBytes(3, 1, 8, 4, gray), [3, 1, 2, 'uint8'], gray],
    ['RGB and alpha', pngBytes(2, 2, 8, 6, rgb.slice(0, 16)), [2, 2, 4, 'uint8'], rgb.slice(0, 16)],
    ['16-bit gray', pngBytes(3, 2, 16, 0, be(wide)), [3, 2, 1, 'uint16'], wide],
    ['16-bit RGB', pngBytes(2, 1, 16, 2, be(wide)), [2, 1, 3, 'uint16'], wide],
    ['16-bit gray and alpha', pngBytes(3, 1, 16, 4, be(wide)), [3, 1, 2, 'uint16'], wide],
    ['16-bit RGB and alpha', pngBytes(1, 1, 16, 6, be(wide.slice(1, 5))), [1, 1, 4, 'uint16'], wide.slice(1, 5)],
    ['bilevel', pngBytes(3, 2, 1, 0, [0b10100000, 0b01000000]), [3, 2, 1, 'uint8'], [255, 0, 255, 0, 255, 0]],
    ['2-bit gray', pngBytes(4, 1, 2, 0, [0b00011011]), [4, 1, 1, 'uint8'], [0, 85, 170, 255]],
    [
      'a palette with transparency',
      pngBytes(2, 1, 8, 3, [1, 0], [chunk('PLTE', 1, 2, 3, 40, 50, 60), chunk('tRNS', 0)]),
      [2, 1, 4, 'uint8'],
      [40, 50, 60, 255, 1, 2, 3, 0],
    ],
    [
      'a palette',
      pngBytes(2, 1, 8, 3, [1, 0], [chunk('PLTE', 1, 2, 3, 40, 50, 60)]),
      [2, 1, 3, 'uint8'],
      [40, 50, 60, 1, 2, 3],
    ],
    [
      'a gray that is transparent',
      pngBytes(2, 1, 8, 0, [7, 9], [chunk('tRNS', 0, 9)]),
      [2, 1, 2, 'uint8'],
      [7, 255, 9, 0],
    ],
  ])('%s', (_, bytes, facts, values) => expectImage(bytes, facts, values));

  test('16-bit RGB with the profile of sRGB keeps its numbers', async () => {
    const profile = (
      await sharp(pngBytes(1, 1, 8, 2, [1, 2, 3]))
        .withIccProfile('srgb')
        .png()
        .toBuffer()
        .then((png) => sharp(png).metadata())
    ).icc;
    const data = Buffer.concat([Buffer.from('a\0\0', 'latin1'), deflateSync(profile as Buffer)]);
    await expectImage(pngBytes(2, 1, 16, 2, be(wide), [{ type: 'iCCP', data }]), [2, 1, 3, 'uint16'], wide);
  });
});

describe('tiff', () => {
  const le = (values: Values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const floats = [-1.5, 0, 0.25, 1, 3.5, 1e6];
  const one = (type: 1 | 2 | 3, bits: number, values: Values, tags: Tags = {}, width = 3, height = 2) =>
    tiffBytes([{ width, height, bits, sampleFormat: type, data: le(values), tags }]);
  const rgbTags = { 262: 2, 277: 3 };
  test.each<[string, Buffer, [number, number, number, string], number[]]>([
    ['uint8', one(1, 8, Uint8Array.from(gray)), [3, 2, 1, 'uint8'], gray],
    [
      'white is zero',
      one(1, 8, Uint8Array.from(gray), { 262: 0 }),
      [3, 2, 1, 'uint8'],
      gray.map((value) => 255 - value),
    ],
    ['uint16', one(1, 16, Uint16Array.from(wide)), [3, 2, 1, 'uint16'], wide],
    ['12 bits in 16', one(1, 16, Uint16Array.of(0, 5, 4095, 9, 8, 7)), [3, 2, 1, 'uint16'], [0, 5, 4095, 9, 8, 7]],
    ['int16', one(2, 16, Int16Array.of(-32768, -1, 0, 1, 5, 32767)), [3, 2, 1, 'int16'], [-32768, -1, 0, 1, 5, 32767]],
    ['int32', one(2, 32, Int32Array.of(-70000, -1, 0, 1, 5, 70000)), [3, 2, 1, 'int32'], [-70000, -1, 0, 1, 5, 70000]],
    ['uint32', one(1, 32, Uint32Array.of(0, 1, 2, 3, 4, 4294967295)), [3, 2, 1, 'uint32'], [0, 1, 2, 3, 4, 4294967295]],
    ['float32', one(3, 32, Float32Array.from(floats)), [3, 2, 1, 'float32'], floats],
    [
      'float64',
      one(3, 64, Float64Array.from([0.1, ...floats.slice(1)])),
      [3, 2, 1, 'float64'],
      [0.1, ...floats.slice(1)],
    ],
    // Half-precision: sign, 5 bits of exponent (bias 15), 10 of fraction.
    [
      'float16',
      one(3, 16, Uint16Array.of(0xbe00, 0, 0x3400, 0x3c00, 0x4300, 0x7bff)),
      [3, 2, 1, 'float32'],
      [-1.5, 0, 0.25, 1, 3.5, 65504],
    ],
    ['16-bit RGB', one(1, 16, Uint16Array.from(wide), rgbTags, 2, 1), [2, 1, 3, 'uint16'], wide],
    ['float RGB', one(3, 32, Float32Array.from(floats), rgbTags, 2, 1), [2, 1, 3, 'float32'], floats],
    ['gray and alpha', one(1, 8, Uint8Array.from(gray), { 277: 2, 338: 2 }, 3, 1), [3, 1, 2, 'uint8'], gray],
    // imagecodecs' zstd_encode(bytes([0, 50, 100, 150, 200, 250]))
    [
      'ZSTD',
      one(1, 8, Buffer.from('KLUv/SAGMQAAADJklsj6', 'base64'), { 259: 50000 }),
      [3, 2, 1, 'uint8'],
      [0, 50, 100, 150, 200, 250],
    ],
    ['bilevel', one(1, 1, Uint8Array.of(0b10100000, 0b01000000)), [3, 2, 1, 'uint8'], [255, 0, 255, 0, 255, 0]],
  ])('%s', (_, bytes, facts, values) => expectImage(bytes, facts, values));

  test('doubles, beside many others at the same time', async () => {
    const bytes = one(3, 64, Float64Array.of(0, 1, 2, 3, 4, 5));
    const other = await sharp(Buffer.alloc(300), { raw: { width: 10, height: 10, channels: 3 } })
      .png()
      .toBuffer();
    for (let i = 0; i < 50; i++) {
      const images = Array.from({ length: 20 }, (_, k) => decode({ bytes: k % 2 ? other : bytes }, `image ${k}`));
      expect((await Promise.all(images))[0]?.type).toBe('float64');
    }
  });

  test('pages', async () => {
    const page = (value: number) => ({
      width: 2,
      height: 1,
      bits: 16,
      sampleFormat: 1,
      data: le(Uint16Array.of(value, value + 1)),
      tags: {},
    });
    const stack = tiffBytes([page(1), page(300), page(60000)]);
    expect(Array.from(await pagesOf({ bytes: stack }))).toEqual([0, 1, 2]);
    for (const [i, value] of [1, 300, 60000].entries())
      await expectImage(stack, [2, 1, 1, 'uint16'], [value, value + 1], i);
    const doubles = { ...page(0), bits: 64, sampleFormat: 3, data: le(Float64Array.of(0.5, 2)) };
    const floatStack = tiffBytes([doubles, doubles]);
    expect(Array.from(await pagesOf({ bytes: floatStack }))).toEqual([0, 1]);
    await expectImage(floatStack, [2, 1, 1, 'float64'], [0.5, 2], 1);
    // NewSubfileType: 1 a smaller version of a page, 4 a mask of it.
    const pyramid = tiffBytes([page(1), ...[1, 4, 0].map((kind) => ({ ...page(2), tags: { 254: kind } }))]);
    expect(Array.from(await pagesOf({ bytes: pyramid }))).toEqual([0, 3]);
  });

  test.each<[string, Tags, number]>([
    ['two channels of which none is alpha', { 277: 2 }, 2],
    ['three gray channels', { 277: 3 }, 3],
    ['five channels', { 277: 5, 262: 2 }, 5],
    ['red, green, blue and infrared', { 277: 4, 262: 2, 338: 0 }, 4],
  ])('%s are refused', async (_, tags, channels) => {
    const bytes = one(1, 8, new Uint8Array(channels * 2), tags, 2, 1);
    for (const work of [readHeader, decode])
      expectFacts(await inputErrorOf(work({ bytes }, 'a.tif')), 'a.tif: ', `${channels} channels`);
  });

  test.each<[string, 1 | 3, number, Tags]>([
    ['doubles of which 0 is white', 3, 64, { 262: 0 }],
    ['YCbCr without compression', 1, 8, { 262: 6, 277: 3 }],
  ])('%s are refused', async (_, format, bits, tags) => {
    const bytes = one(format, bits, new Uint8Array(48), tags, 2, 1);
    expect(await inputErrorOf(decode({ bytes }, 'a.tif'))).toMatch(/^a\.tif: /);
  });
});

describe('colour becomes sRGB', () => {
  const flat = () => sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 200, g: 100, b: 50 } } });
  test.each<[string, () => Promise<Buffer>, number]>([
    ['jpg', () => flat().jpeg({ quality: 95 }).toBuffer(), 3],
    [
      'CMYK jpg with its profile',
      () => flat().toColourspace('cmyk').withIccProfile('cmyk').jpeg({ quality: 95 }).toBuffer(),
      30,
    ],
    ['Lab tiff', () => flat().toColourspace('lab').tiff({ compression: 'none' }).toBuffer(), 2],
    ['png in Display P3', () => flat().withIccProfile('p3').png().toBuffer(), 2],
    ['avif', () => flat().avif({ quality: 90 }).toBuffer(), 6],
    ['avif of 10 bits', () => flat().avif({ quality: 90, bitdepth: 10 }).toBuffer(), 6],
    ['lossy webp', () => flat().webp({ quality: 95 }).toBuffer(), 6],
  ])('%s', async (_, encode, tolerance) => {
    const bytes = await encode();
    const { values, ...facts } = await decode({ bytes }, 'x');
    expect(facts).toEqual({ width: 16, height: 16, channels: 3, type: 'uint8' });
    expect(await readHeader({ bytes }, 'x')).toEqual(facts);
    const differences = Array.from(values, (value, i) => Math.abs(value - ([200, 100, 50][i % 3] as number)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(tolerance);
  });

  test('CMYK without a profile', async () => {
    const pixel = Buffer.from([200, 10, 30, 40]);
    const bytes = tiffBytes([{ width: 1, height: 1, bits: 8, sampleFormat: 1, data: pixel, tags: { 262: 5, 277: 4 } }]);
    const { values, ...facts } = await decode({ bytes }, 'x');
    expect(facts).toEqual({ width: 1, height: 1, channels: 3, type: 'uint8' });
    expect([...values]).toEqual([46, 207, 190]); // Pillow's convert('RGB'); (255 − 200)(255 − 40) / 255 = 46.4
    const data = new Uint8Array(Uint16Array.from(pixel, (ink) => ink * 257).buffer);
    const wide = tiffBytes([{ width: 1, height: 1, bits: 16, sampleFormat: 1, data, tags: { 262: 5, 277: 4 } }]);
    await expectImage(wide, [1, 1, 3, 'uint8'], [46, 207, 190]);
  });

  test('of an animated PNG, the first frame', async () => {
    const control = { type: 'acTL', data: Uint8Array.of(0, 0, 0, 2, 0, 0, 0, 0) };
    await expectImage(pngBytes(1, 1, 8, 0, [7], [control]), [1, 1, 1, 'uint8'], [7], undefined, { frames: 2 });
  });

  test('of an animated GIF, the first frame', async () => {
    const frames = Buffer.from([...Array(48).fill([255, 0, 0]).flat(), ...Array(48).fill([0, 0, 255]).flat()]);
    const bytes = await sharp(frames, { raw: { width: 8, height: 12, channels: 3, pageHeight: 6 } })
      .gif()
      .toBuffer();
    expect(Array.from(await pagesOf({ bytes }))).toEqual([0]);
    await expectImage(bytes, [8, 6, 4, 'uint8'], Array(48).fill([255, 0, 0, 255]).flat(), undefined, { frames: 2 });
  });
});

test('images stand upright, in all eight orientations', async () => {
  const stored = [1, 2, 3, 4, 5, 6]; // two rows of three
  const upright = [
    [3, 2, [1, 2, 3, 4, 5, 6]],
    [3, 2, [3, 2, 1, 6, 5, 4]],
    [3, 2, [6, 5, 4, 3, 2, 1]],
    [3, 2, [4, 5, 6, 1, 2, 3]],
    [2, 3, [1, 4, 2, 5, 3, 6]],
    [2, 3, [4, 1, 5, 2, 6, 3]],
    [2, 3, [6, 3, 5, 2, 4, 1]],
    [2, 3, [3, 6, 2, 5, 1, 4]],
  ] as const;
  for (const [i, [width, height, values]] of upright.entries()) {
    const orientation = i + 1;
    const data = new Uint8Array(Uint16Array.from(stored).buffer);
    const tiff = tiffBytes([{ width: 3, height: 2, bits: 16, sampleFormat: 1, data, tags: { 274: orientation } }]);
    await expectImage(tiff, [width, height, 1, 'uint16'], values);
    const exif = Buffer.concat([
      tiff.subarray(0, 8),
      Buffer.from([1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]),
    ]);
    const png = pngBytes(3, 2, 8, 0, stored, [{ type: 'eXIf', data: exif }]);
    await expectImage(png, [width, height, 1, 'uint8'], values);
  }
});

describe('bmp', () => {
  const palette = Uint8Array.from({ length: 64 }, (_, i) => (i % 4 === 3 ? 0 : (i * 29) % 256));
  /** Red, green, blue of these indices: bmp stores blue first. */
  const colours = (...indices: number[]) =>
    indices.flatMap((i) => [2, 1, 0].map((byte) => palette[4 * i + byte] as number));
  const rgbFacts = (width: number, height: number) => [width, height, 3, 'uint8'] as [number, number, number, string];
  test.each<[string, Buffer, [number, number, number, string], number[]]>([
    ['24 bits, padded rows', bmpBytes(1, 2, 24, 0, [3, 2, 1, 0, 6, 5, 4, 0]), rgbFacts(1, 2), [4, 5, 6, 1, 2, 3]],
    ['24 bits, top down', bmpBytes(1, -2, 24, 0, [3, 2, 1, 0, 6, 5, 4, 0]), rgbFacts(1, 2), [1, 2, 3, 4, 5, 6]],
    ['32 bits without alpha', bmpBytes(1, 1, 32, 0, [3, 2, 1, 9]), rgbFacts(1, 1), [1, 2, 3]],
    [
      '32 bits with alpha',
      bmpBytes(1, 1, 32, 6, [3, 2, 1, 9], { masks: [0xff0000, 0xff00, 0xff, 0xff000000] }),
      [1, 1, 4, 'uint8'],
      [1, 2, 3, 9],
    ],
    [
      '16 bits',
      bmpBytes(2, 1, 16, 0, [0b00011111, 0b01111100, 0b10000100, 0b00000000]),
      rgbFacts(2, 1),
      [255, 0, 255, 0, 33, 33],
    ],
    [
      '16 bits, 5-6-5',
      bmpBytes(2, 1, 16, 3, [0xe0, 0x07, 0x00, 0xf8], { masks: [0xf800, 0x7e0, 0x1f] }),
      rgbFacts(2, 1),
      [0, 255, 0, 255, 0, 0],
    ],
    [
      '4 bits, odd width',
      bmpBytes(3, 2, 4, 0, [0x12, 0x30, 0, 0, 0x45, 0x60, 0, 0], { palette }),
      rgbFacts(3, 2),
      colours(4, 5, 6, 1, 2, 3),
    ],
    ['8 bits', bmpBytes(3, 1, 8, 0, [1, 15, 2, 0], { palette }), rgbFacts(3, 1), colours(1, 15, 2)],
    [
      '8 bits of gray',
      bmpBytes(2, 1, 8, 0, [1, 0, 0, 0], { palette: Uint8Array.of(9, 9, 9, 0, 77, 77, 77, 0) }),
      [2, 1, 1, 'uint8'],
      [77, 9],
    ],
    [
      '1 bit',
      bmpBytes(3, 1, 1, 0, [0b10100000, 0, 0, 0], { palette: Uint8Array.of(0, 0, 0, 0, 255, 255, 255, 0) }),
      [3, 1, 1, 'uint8'],
      [255, 0, 255],
    ],
    [
      'RLE8: runs, literals, a skip and a short row',
      bmpBytes(5, 3, 8, 1, [5, 10, 0, 0, 0, 3, 1, 2, 3, 0, 2, 7, 0, 0, 0, 2, 2, 0, 3, 9, 0, 1], { palette }),
      rgbFacts(5, 3),
      colours(0, 0, 9, 9, 9, 1, 2, 3, 7, 7, 10, 10, 10, 10, 10),
    ],
    [
      'RLE4',
      bmpBytes(5, 3, 4, 2, [5, 0xa3, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 0, 0, 3, 0x77, 0, 1], { palette }),
      rgbFacts(5, 3),
      colours(7, 7, 7, 0, 0, 1, 2, 3, 4, 5, 10, 3, 10, 3, 10),
    ],
  ])('%s', (_, bytes, facts, values) => expectImage(bytes, facts, values));
});

test.each<[string, string, number[], [number, number, number, string], number[]]>([
  ['pbm text', 'P1\n# a comment\n3 2\n101\n0 1 0\n', [], [3, 2, 1, 'uint8'], [0, 255, 0, 255, 0, 255]],
  ['pgm text', 'P2 2 1 15 0 15', [], [2, 1, 1, 'uint8'], [0, 255]],
  ['ppm text', 'P3\n2 1 # size\n255\n1 2 3\n4 5 6', [], [2, 1, 3, 'uint8'], [1, 2, 3, 4, 5, 6]],
  [
    'pbm',
    'P4 10 2\n',
    [0b10000000, 0b01000000, 0, 0b11000000],
    [10, 2, 1, 'uint8'],
    [0, ...Array(8).fill(255), 0, ...Array(8).fill(255), 0, 0],
  ],
  ['pgm', 'P5\n3 1\n255\n', [10, 32, 255], [3, 1, 1, 'uint8'], [10, 32, 255]],
  ['pgm of 4 bits', 'P5 3 1 15\n', [0, 7, 15], [3, 1, 1, 'uint8'], [0, 119, 255]],
  ['pgm of 16 bits', 'P5 2 1 65535\n', [1, 2, 255, 255], [2, 1, 1, 'uint16'], [258, 65535]],
  ['ppm', 'P6 1 2 255\n', [1, 2, 3, 4, 5, 6], [1, 2, 3, 'uint8'], [1, 2, 3, 4, 5, 6]],
])('%s', (_, head, data, facts, values) =>
  expectImage(Buffer.concat([Buffer.from(head), Buffer.from(data)]), facts, values),
);

describe('bad input ends with one line that names', () => {
  const refusal = (bytes: Uint8Array) => inputErrorOf(decode({ bytes }, 'dir/a.jpg'));
  test.each<[string, string, ...string[]]>([
    ['an HTML page', '\n<!DOCTYPE html><html>', 'HTML page'],
    ['a drawing', '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', 'SVG'],
    ['a pointer', 'version https://git-lfs.github.com/spec/v1\noid', 'Git LFS'],
    ['text', 'not an image', 'text'],
    ['an empty file', '', 'empty'],
    ['other bytes', 'PK\x03\x04\x00', '50 4b 03 04'],
    ['a bomb', 'P5 100000 100000 255\n', '100000×100000', '67108864'],
    ['a bitmap of no size', 'P5 0 5 255\n', '0×5'],
    ['a netpbm that is cut', 'P5 2 2 255\nabc', 'truncated'],
    ['a value above the largest', 'P2 1 1 15 16', '16', '15'],
  ])('%s', async (_, text, ...facts) => {
    expectFacts(await refusal(Buffer.from(text, 'latin1')), 'dir/a.jpg: it cannot be decoded (', ...facts);
  });

  const noise = sharp(
    Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24),
    { raw: { width: 64, height: 64, channels: 3 } },
  );
  test.each<[string, () => Promise<Buffer> | Buffer]>([
    ['png', () => noise.clone().png().toBuffer()],
    ['jpg', () => noise.clone().jpeg().toBuffer()],
    ['webp', () => noise.clone().webp().toBuffer()],
    ['gif', () => noise.clone().gif().toBuffer()],
    ['tiff', () => noise.clone().tiff({ compression: 'lzw' }).toBuffer()],
    ['bmp', () => bmpBytes(20, 20, 24, 0, Array(1200).fill(7))],
  ])('a truncated %s', async (_, encode) => {
    const complete = await encode();
    for (const part of [0.1, 0.5, 0.9]) await refusal(complete.subarray(0, Math.floor(part * complete.length)));
  });

  test('a PNG with a changed byte in its pixels', async () => {
    const bytes = await noise.clone().png().toBuffer();
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0xff;
    expect(await refusal(bytes)).toContain('cannot be decoded');
  });

  test('a bomb of a PNG', async () => {
    expectFacts(await refusal(pngBytes(60000, 60000, 8, 0, [])), 'dir/a.jpg', '60000×60000');
  });
});
