import sharp from 'sharp';
import { expect, test } from 'vitest';
import { animate } from '../../pipeline/pictures/animation.ts';
import { drawGrid } from '../../pipeline/pictures/grid.ts';
import { decode, isInk, noise, pixelsWhere } from './support.ts';

const frames = await Promise.all(
  [1, 2, 3].map(async (epoch) => {
    const shape = { height: 28, width: 28, channels: 1 };
    return {
      png: (await drawGrid({ shape, images: noise(2 * 784, epoch), columns: 2 })).png,
      caption: `epoch ${epoch}`,
    };
  }),
);

test('an animation shows each picture with its caption', async () => {
  const { data, width, height } = await animate(frames);
  const { pages, delay, loop, pageHeight, ...metadata } = await sharp(data, { animated: true }).metadata();
  expect({ format: metadata.format, pages, delay, loop, width: metadata.width, pageHeight }).toEqual({
    format: 'webp',
    pages: 3,
    delay: [400, 400, 2000],
    loop: 0,
    width,
    pageHeight: height,
  });
  const captions = new Set<string>();
  for (const [i, frame] of frames.entries()) {
    const page = await decode(data, i);
    const picture = await decode(frame.png);
    const above = height - picture.height;
    let worst = 0;
    for (let y = 0; y < picture.height; y++) {
      for (let x = 0; x < picture.width; x++) {
        const [gray = 0] = picture.at(x, y);
        for (const value of page.at(x, above + y).slice(0, 3)) worst = Math.max(worst, Math.abs(value - gray));
      }
    }
    expect(worst).toBe(0);
    const ink = pixelsWhere(page, isInk, { bottom: 22 });
    expect(ink.length).toBeGreaterThan(50);
    captions.add(JSON.stringify(ink));
    const dark = pixelsWhere(page, (red) => red < 150, { top: 25, bottom: 28 });
    const length = Math.max(...dark.map(({ x }) => x)) + 1 - 4;
    expect(Math.abs(length - ((i + 1) / 3) * (width - 8))).toBeLessThanOrEqual(1);
  }
  expect(captions.size).toBe(3);
});

test('a single picture is an animation of one page', async () => {
  const { data, width, height } = await animate(frames.slice(0, 1));
  const metadata = await sharp(data, { animated: true }).metadata();
  expect(metadata).toMatchObject({ format: 'webp', width, height });
  const [page, picture] = [await decode(data), await decode(frames[0]?.png ?? new Uint8Array())];
  const above = height - picture.height;
  for (let x = 0; x < picture.width; x++) expect(page.at(x, above + 14)[0]).toBe(picture.at(x, 14)[0]);
});

test('equal pictures give equal bytes', async () => {
  expect(await animate(frames)).toEqual(await animate(frames));
});

test('colour pictures keep their colours', async () => {
  const shape = { height: 16, width: 16, channels: 3 };
  const grids = [1, 2].map((seed) => drawGrid({ shape, images: noise(768, seed), columns: 1, scale: 2 }));
  const pngs = (await Promise.all(grids)).map(({ png }) => png);
  const { data, height, width } = await animate(pngs.map((png) => ({ png, caption: '' })));
  for (const [i, png] of pngs.entries()) {
    const [page, picture] = [await decode(data, i), await decode(png)];
    expect(page.width).toBe(width);
    expect(page.at(10, height - picture.height + 9).slice(0, 3)).toEqual(picture.at(10, 9));
  }
});

test('no pictures, or pictures of different sizes, are refused', async () => {
  await expect(animate([])).rejects.toThrow(RangeError);
  const small = await drawGrid({
    shape: { height: 4, width: 4, channels: 1 },
    images: noise(16),
    columns: 1,
    scale: 1,
  });
  await expect(animate([...frames, { png: small.png, caption: '' }])).rejects.toThrow('236×120 and 12×12');
});
