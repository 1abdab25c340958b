import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { listFolder, openFolder } from '../../pipeline/data/folder.ts';
import { expectFacts, inputErrorOf, openFiles, pixelsOf, scratchFolder } from './support.ts';

const path = scratchFolder();

interface Picture {
  readonly width?: number;
  readonly height?: number;
  readonly channels?: 1 | 2 | 3 | 4;
  readonly seed?: number;
}

/** Pixels of no particular pattern, the same each time. */
const noise = ({ width = 8, height = 6, channels = 1, seed = 0 }: Picture): Uint8Array =>
  Uint8Array.from({ length: width * height * channels }, (_, i) => Math.imul(i + 1 + seed * 7919, 2654435761) >>> 24);

function encoder(picture: Picture) {
  const { width = 8, height = 6, channels = 1 } = picture;
  const image = sharp(noise(picture), { raw: { width, height, channels } });
  return channels <= 2 ? image.toColourspace('b-w') : image;
}

async function save(file: string, bytes: Uint8Array | Promise<Uint8Array>): Promise<void> {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), await bytes);
}

const png = (file: string, picture: Picture = {}) => save(file, encoder(picture).png().toBuffer());
const open = async (folder: string) => openFolder(await listFolder(path(folder)));

test('subfolders are classes, ids are paths, and they are sorted by UTF-16 code units', async () => {
  const files = ['b/2.png', 'a/deep/er/1.png', 'a/10.png', 'B/ä.png', 'a/9.PNG', 'ä/1.png'];
  for (const [seed, file] of files.entries()) await png(`classes/${file}`, { seed });
  for (const file of [
    '.hidden/1.png',
    'a/.hidden.png',
    '__MACOSX/1.png',
    'readme.txt',
    'b/labels.csv',
    'empty/x.txt',
  ]) {
    await save(`classes/${file}`, Buffer.from('no image'));
  }
  const dataset = await open('classes');
  const sorted = ['B/ä.png', 'a/10.png', 'a/9.PNG', 'a/deep/er/1.png', 'b/2.png', 'ä/1.png'];
  expect(sorted.map((_, i) => dataset.id(i))).toEqual(sorted);
  expect(dataset.length).toBe(6);
  expect(dataset.classes).toEqual(['B', 'a', 'b', 'ä']);
  expect([...(dataset.labels ?? [])]).toEqual([0, 1, 1, 1, 2, 3]);
  expect(dataset.shape).toEqual({ height: 6, width: 8, channels: 1 });
  const expected = sorted.flatMap((file) => [...noise({ seed: files.indexOf(file) })]);
  expect([...(await pixelsOf(dataset))]).toEqual(expected);
  const some = new Uint8Array(2 * 48);
  await dataset.read([4, 0], some);
  expect([...some]).toEqual([...noise({ seed: 0 }), ...noise({ seed: 3 })]);
  await dataset.close();
});

test('a flat folder has no labels; links are followed, even circular ones', async () => {
  await png('flat/1.png', { seed: 1 });
  await png('elsewhere/x.png', { seed: 2 });
  symlinkSync(path('elsewhere/x.png'), path('flat/2.png'));
  const flat = await open('flat');
  expect([flat.length, flat.labels, flat.classes]).toEqual([2, undefined, undefined]);
  expect([...(await pixelsOf(flat))]).toEqual([...noise({ seed: 1 }), ...noise({ seed: 2 })]);

  await png('circle/class/1.png', { seed: 1 });
  symlinkSync(path('elsewhere'), path('circle/linked'));
  symlinkSync(path('circle'), path('circle/class/round'));
  const circle = await open('circle');
  expect([0, 1].map(circle.id)).toEqual(['class/1.png', 'linked/x.png']);
  expect(circle.length).toBe(2);
});

describe('formats', () => {
  const lossless: [string, Picture, () => Promise<Uint8Array>][] = [
    ['gray.png', { channels: 1 }, () => encoder({ channels: 1 }).png().toBuffer()],
    ['interlaced.png', { channels: 1 }, () => encoder({ channels: 1 }).png({ progressive: true }).toBuffer()],
    ['colour.png', { channels: 3 }, () => encoder({ channels: 3 }).png().toBuffer()],
    ['gray.tiff', { channels: 1 }, () => encoder({ channels: 1 }).tiff({ compression: 'lzw' }).toBuffer()],
    ['colour.tif', { channels: 3 }, () => encoder({ channels: 3 }).tiff({ compression: 'deflate' }).toBuffer()],
    ['colour.webp', { channels: 3 }, () => encoder({ channels: 3 }).webp({ lossless: true }).toBuffer()],
  ];
  test.each(lossless)('%s comes out as it went in', async (file, picture, encode) => {
    await save(`lossless-${file}/${file}`, encode());
    const dataset = await open(`lossless-${file}`);
    expect(dataset.shape).toEqual({ height: 6, width: 8, channels: picture.channels });
    expect(await pixelsOf(dataset)).toEqual(noise(picture));
  });

  test.each(['jpg', 'JPEG', 'avif'])('%s comes out nearly', async (ending) => {
    const flat = sharp({ create: { width: 16, height: 16, channels: 3, background: { r: 200, g: 100, b: 50 } } });
    await save(
      `lossy-${ending}/a.${ending}`,
      (ending === 'avif' ? flat.avif() : flat.jpeg({ quality: 95 })).toBuffer(),
    );
    const pixels = await pixelsOf(await open(`lossy-${ending}`));
    expect(pixels.length).toBe(16 * 16 * 3);
    const differences = Array.from(pixels, (value, i) => Math.abs(value - ([200, 100, 50][i % 3] as number)));
    expect(Math.max(...differences)).toBeLessThan(6);
  });

  test('of an animated GIF, the first frame', async () => {
    const frames = Buffer.from([...Array(48).fill([255, 0, 0]).flat(), ...Array(48).fill([0, 0, 255]).flat()]);
    const gif = sharp(frames, { raw: { width: 8, height: 12, channels: 3, pageHeight: 6 } }).gif();
    await save('gif/a.gif', gif.toBuffer());
    expect((await sharp(readFileSync(path('gif/a.gif'))).metadata()).pages).toBe(2);
    const dataset = await open('gif');
    expect(dataset.shape).toEqual({ height: 6, width: 8, channels: 3 });
    expect([...(await pixelsOf(dataset))]).toEqual(Array(48).fill([255, 0, 0]).flat());
  });

  test('16 bits are cut to 8, and transparent parts lie on black', async () => {
    const wide = sharp(
      Uint16Array.from(noise({}), (value) => value * 257),
      { raw: { width: 8, height: 6, channels: 1 } },
    );
    await save('wide/a.png', wide.toColourspace('grey16').png().toBuffer());
    expect((await sharp(readFileSync(path('wide/a.png'))).metadata()).depth).toBe('ushort');
    const dataset = await open('wide');
    expect(dataset.shape.channels).toBe(1);
    expect(await pixelsOf(dataset)).toEqual(noise({}));

    const rgba = Buffer.from([255, 255, 255, 0, 255, 255, 255, 255, 10, 20, 30, 0, 10, 20, 30, 255]);
    await save(
      'alpha/a.png',
      sharp(rgba, { raw: { width: 4, height: 1, channels: 4 } })
        .png()
        .toBuffer(),
    );
    expect([...(await pixelsOf(await open('alpha')))]).toEqual([0, 0, 0, 255, 255, 255, 0, 0, 0, 10, 20, 30]);
  });

  test('photographs stand upright', async () => {
    const white = {
      left: 0,
      top: 0,
      input: { create: { width: 16, height: 8, channels: 3 as const, background: '#fff' } },
    };
    const image = sharp({ create: { width: 16, height: 32, channels: 3, background: '#000' } }).composite([white]);
    await save('upright/a.jpg', image.withMetadata({ orientation: 6 }).jpeg().toBuffer());
    const dataset = await open('upright');
    expect(dataset.shape).toEqual({ height: 16, width: 32, channels: 3 });
    const pixels = await pixelsOf(dataset);
    // Orientation 6: the top of what is stored is the right-hand side of what is seen.
    expect([pixels[0], pixels[31 * 3]].map((value) => Math.round((value as number) / 255))).toEqual([0, 1]);
  });

  test('gray images fit among coloured ones, and gray ones that are stored as colour among gray', async () => {
    await png('colour-first/1.png', { channels: 3 });
    await png('colour-first/2.png', { channels: 1, seed: 5 });
    const gray = noise({ seed: 5 });
    const [, second] = [noise({ channels: 3 }), Uint8Array.from([...gray].flatMap((value) => [value, value, value]))];
    expect((await pixelsOf(await open('colour-first'))).subarray(144)).toEqual(second);

    await png('gray-first/1.png', { channels: 1 });
    await save(
      'gray-first/2.png',
      sharp(second, { raw: { width: 8, height: 6, channels: 3 } })
        .png()
        .toBuffer(),
    );
    expect((await sharp(readFileSync(path('gray-first/2.png'))).metadata()).channels).toBe(3);
    expect((await pixelsOf(await open('gray-first'))).subarray(48)).toEqual(gray);
  });
});

describe('bad input ends with one line that names', () => {
  const good = 'bad/good.png';
  beforeAll(() => png(good));
  /** A folder of one good image and one that is not. */
  const withBad = async (file: string, bytes: Uint8Array | Promise<Uint8Array>) => {
    const folder = `bad-${file}`;
    await save(`${folder}/0.png`, readFileSync(path(good)));
    await save(`${folder}/${file}`, bytes);
    return { dataset: await open(folder), bad: path(join(folder, file)), first: path(join(folder, '0.png')) };
  };

  test('another size', async () => {
    const { dataset, bad, first } = await withBad('size.png', encoder({ width: 9, height: 5 }).png().toBuffer());
    expectFacts(await inputErrorOf(pixelsOf(dataset)), `${bad}: `, '9×5', 'width×height', '8×6', first);
  });

  test('colour among gray', async () => {
    const { dataset, bad, first } = await withBad('colour.png', encoder({ channels: 3 }).png().toBuffer());
    expectFacts(await inputErrorOf(pixelsOf(dataset)), `${bad}: `, 'coloured', first, 'gray');
  });

  const encoded = {
    png: () => encoder({ width: 64, height: 64 }).png().toBuffer(),
    jpg: () => encoder({ width: 64, height: 64 }).jpeg().toBuffer(),
    webp: () => encoder({ width: 64, height: 64, channels: 3 }).webp().toBuffer(),
    gif: () => encoder({ width: 64, height: 64, channels: 3 }).gif().toBuffer(),
    tiff: () => encoder({ width: 64, height: 64 }).tiff({ compression: 'lzw' }).toBuffer(),
  };
  test.each(Object.entries(encoded))('a truncated %s', async (ending, encode) => {
    const complete = await encode();
    for (const part of [0.1, 0.5, 0.9]) {
      const { dataset, bad } = await withBad(`cut.${ending}`, complete.subarray(0, Math.floor(part * complete.length)));
      expectFacts(await inputErrorOf(pixelsOf(dataset)), `${bad}: `, 'cannot be decoded');
    }
  });

  test('a PNG with a changed byte in its pixels', async () => {
    const bytes = await encoded.png();
    bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] as number) ^ 0xff;
    const { dataset, bad } = await withBad('changed.png', bytes);
    expect(await inputErrorOf(pixelsOf(dataset))).toContain(`${bad}: it cannot be decoded (`);
  });

  test('text with an image ending, an empty file, a link to nowhere', async () => {
    const text = await withBad('text.png', Buffer.from('not an image'));
    expect(await inputErrorOf(pixelsOf(text.dataset))).toContain(`${text.bad}: it cannot be decoded (`);
    const empty = await withBad('empty.png', Buffer.alloc(0));
    expectFacts(await inputErrorOf(pixelsOf(empty.dataset)), `${empty.bad}: `, 'empty');
    await png('bad-link/0.png');
    symlinkSync(path('nowhere.png'), path('bad-link/link.png'));
    const link = path('bad-link/link.png');
    expectFacts(await inputErrorOf(pixelsOf(await open('bad-link'))), link, 'no such file');
  });

  test('the first image is the bad one', async () => {
    await save('bad-first/0.png', Buffer.from('not an image'));
    expect(await inputErrorOf(open('bad-first'))).toContain(`${path('bad-first/0.png')}: it cannot be decoded (`);
  });

  test('no images, no folder, images next to class folders', async () => {
    mkdirSync(path('none/at/all'), { recursive: true });
    const none = await inputErrorOf(open('none'));
    expectFacts(none, `${path('none')}: `, 'no images', 'png, jpg, webp, gif, tiff or avif');
    expectFacts(await inputErrorOf(open('missing')), path('missing'), 'no such file or folder');
    await png('mixed/1.png');
    await png('mixed/class/1.png');
    expectFacts(await inputErrorOf(open('mixed')), `${path('mixed')}: `, '(1.png)', 'subfolders (class/1.png)');
  });
});

test('nothing stays open', async () => {
  const before = openFiles();
  for (let i = 0; i < 100; i++) await png(`many/${i}.png`, { seed: i });
  await pixelsOf(await open('many'));
  expect(openFiles()).toBeLessThanOrEqual(before + 1);
});
