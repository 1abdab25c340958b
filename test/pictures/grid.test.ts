import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { rasterize } from '../../pipeline/pictures/drawing.ts';
import {
  drawConditionalSamples,
  drawGrid,
  drawInterpolations,
  drawReconstructions,
  type ImageGrid,
  layoutOf,
} from '../../pipeline/pictures/grid.ts';
import { type Decoded, decode, isInk, mean, noise, pixelsWhere } from './support.ts';

/** Expects image `index` of `images` at a place, each of its pixels a square. */
function expectImage(
  picture: Decoded,
  { shape, images }: ImageGrid,
  index: number,
  place: { left: number; top: number; scale: number },
) {
  const { height, width, channels } = shape;
  for (let y = 0; y < height * place.scale; y++) {
    for (let x = 0; x < width * place.scale; x++) {
      const at = ((index * height + Math.floor(y / place.scale)) * width + Math.floor(x / place.scale)) * channels;
      const wanted = [...images.subarray(at, at + channels)];
      const seen = picture.at(place.left + x, place.top + y).slice(0, channels);
      if (seen.some((value, c) => value !== wanted[c])) expect(seen, `image ${index}, ${x}, ${y}`).toEqual(wanted);
    }
  }
}

describe.each([1, 3])('images of %i channels', (channels) => {
  const shape = { height: 5, width: 7, channels };
  const images = noise(7 * 5 * 7 * channels);

  test('are in rows with white gaps, the last row short', async () => {
    const grid = { shape, images, columns: 3, scale: 2 };
    const drawing = await drawGrid(grid);
    const picture = await decode(drawing.png);
    expect(await sharp(drawing.png).metadata()).toMatchObject({ width: 4 + 3 * 18, height: 4 + 3 * 14, channels });
    expect(drawing).toMatchObject({ width: picture.width, height: picture.height, channels });
    for (let i = 0; i < 7; i++)
      expectImage(picture, grid, i, { left: 4 + (i % 3) * 18, top: 4 + Math.floor(i / 3) * 14, scale: 2 });
    const inTile = (x: number, y: number) =>
      (x - 4) % 18 < 14 && x >= 4 && (y - 4) % 14 < 10 && y >= 4 && !(y >= 32 && x >= 22);
    const white = pixelsWhere(picture, (...rgb) => rgb.every((value) => value === 255));
    const seen = new Set(white.map(({ x, y }) => y * picture.width + x));
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++)
        if (!inTile(x, y)) expect(seen.has(y * picture.width + x), `${x}, ${y}`).toBe(true);
    }
  });

  test('are unchanged by labels, and in the SVG', async () => {
    const grid = {
      shape,
      images,
      columns: 3,
      scale: 4,
      columnLabels: ['a', 'b', 'c'],
      rowLabels: ['first <&>', 'second', 'third'],
    };
    const { lefts, tops, scale } = layoutOf(grid);
    const drawing = await drawGrid(grid);
    const svg = rasterize(drawing.svg);
    const pixels = svg.pixels;
    const fromSvg = {
      ...svg,
      data: pixels,
      channels: 4,
      at: (x: number, y: number) => [...pixels.subarray((y * svg.width + x) * 4, (y * svg.width + x) * 4 + 4)],
    };
    for (const picture of [await decode(drawing.png), fromSvg]) {
      expect([picture.width, picture.height]).toEqual([drawing.width, drawing.height]);
      for (let i = 0; i < 7; i++) {
        expectImage(picture, grid, i, { left: lefts[i % 3] ?? 0, top: tops[Math.floor(i / 3)] ?? 0, scale });
      }
    }
    expect(drawing.svg).toContain('>first &lt;&amp;&gt;</text>');
    expect(drawing.svg).toContain('image-rendering:pixelated');
  });
});

test('labels are centred over their columns and left of their rows', async () => {
  const grid = {
    shape: { height: 28, width: 28, channels: 1 },
    images: new Float32Array(6 * 784).fill(0.5),
    columns: 3,
    columnLabels: ['Bag', 'a class whose name is too long for it', 'Ankle boot'],
    rowLabels: ['original', 'reconstruction'],
  };
  const picture = await decode((await drawGrid(grid)).png);
  const { lefts, tops } = layoutOf(grid);
  for (const left of lefts) {
    const ink = pixelsWhere(picture, isInk, { left: left - 2, right: left + 114, bottom: tops[0] }).map(({ x }) => x);
    expect(ink.length).toBeGreaterThan(20);
    expect(Math.abs((Math.min(...ink) + Math.max(...ink)) / 2 - (left + 56))).toBeLessThan(3);
    expect(Math.min(...ink)).toBeGreaterThanOrEqual(left - 2);
    expect(Math.max(...ink)).toBeLessThanOrEqual(left + 114);
  }
  const gap = pixelsWhere(picture, isInk, { left: (lefts[0] ?? 0) + 114, right: lefts[1], bottom: tops[0] });
  expect(gap).toEqual([]);
  for (const top of tops) {
    const ink = pixelsWhere(picture, isInk, { right: lefts[0], top, bottom: top + 112 });
    expect(ink.length).toBeGreaterThan(50);
    expect(Math.min(...ink.map(({ x }) => x))).toBeGreaterThan(0);
    expect(Math.max(...ink.map(({ x }) => x))).toBeLessThan((lefts[0] ?? 0) - 4);
    expect(Math.abs(mean(ink.map(({ y }) => y)) - (top + 56))).toBeLessThan(4);
  }
});

test.each([
  [28, 8, 2, 4],
  [28, 10, 10, 4],
  [32, 8, 2, 4],
  [64, 8, 2, 2],
  [200, 8, 2, 1],
  [8, 8, 2, 14],
])('images of %i×… in %i × %i are enlarged %i times', (side, columns, rows, scale) => {
  const shape = { height: side, width: side, channels: 1 };
  expect(layoutOf({ shape, images: new Uint8Array(columns * rows * side * side), columns }).scale).toBe(scale);
});

test('floats in [0, 1] become bytes; others are clamped', async () => {
  const shape = { height: 1, width: 5, channels: 1 };
  const picture = await decode(
    (await drawGrid({ shape, images: Float32Array.of(-1, 0, 0.2, 1, 7), columns: 1, scale: 1 })).png,
  );
  expect(Array.from({ length: 5 }, (_, x) => picture.at(4 + x, 4)[0])).toEqual([0, 0, 51, 255, 255]);
});

test('reconstructions are below their originals, in double rows', async () => {
  const shape = { height: 28, width: 28, channels: 1 };
  const [originals, reconstructions] = [noise(10 * 784, 2), noise(10 * 784, 3)];
  const drawing = await drawReconstructions({
    shape,
    originals,
    reconstructions: Float32Array.from(reconstructions, (v) => v / 255),
  });
  const picture = await decode(drawing.png);
  const left = picture.width - 8 * 116;
  expect(picture.height).toBe(4 + 4 * 116);
  for (let i = 0; i < 10; i++) {
    const place = { left: left + (i % 8) * 116, top: 4 + 232 * Math.floor(i / 8), scale: 4 };
    expectImage(picture, { shape, images: originals, columns: 8 }, i, place);
    expectImage(picture, { shape, images: reconstructions, columns: 8 }, i, { ...place, top: place.top + 116 });
  }
  await expect(drawReconstructions({ shape, originals, reconstructions: originals.slice(784) })).rejects.toThrow(
    RangeError,
  );
  expect([...drawing.svg.matchAll(/>(original|reconstruction)<\/text>/g)]).toHaveLength(4);
});

test('samples have a column for each class, interpolations one for each step', async () => {
  const shape = { height: 8, width: 8, channels: 1 };
  const images = new Uint8Array(30 * 64);
  const textsOf = (svg: string) => [...svg.matchAll(/>([^<>]*)<\/text>/g)].map((match) => match[1]);
  expect(textsOf((await drawConditionalSamples({ shape, images, classes: ['cat', 'dog', 'eel'] })).svg)).toEqual([
    'cat',
    'dog',
    'eel',
  ]);
  expect(textsOf((await drawInterpolations({ shape, images, steps: 5 })).svg)).toEqual([
    '0 %',
    '25 %',
    '50 %',
    '75 %',
    '100 %',
  ]);
});

test('equal images give equal bytes', async () => {
  const grid = {
    shape: { height: 9, width: 6, channels: 3 },
    images: noise(8 * 162),
    columns: 4,
    rowLabels: ['x', 'y'],
  };
  const [first, second] = [await drawGrid(grid), await drawGrid(grid)];
  expect(second).toEqual(first);
});

test.each([
  { shape: { height: 2, width: 2, channels: 1 }, images: new Uint8Array(6), columns: 1 },
  { shape: { height: 2, width: 2, channels: 1 }, images: new Uint8Array(0), columns: 1 },
  { shape: { height: 2, width: 2, channels: 2 }, images: new Uint8Array(8), columns: 1 },
  { shape: { height: 2, width: 2, channels: 1 }, images: new Uint8Array(8), columns: 0 },
])('invalid grids are refused: %o', async (grid) => {
  await expect(drawGrid(grid)).rejects.toThrow(RangeError);
});
