import { readFileSync } from 'node:fs';
import { appendFile, cp, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PartName } from '../../pipeline/artifacts/image-index.ts';
import { clearImageCache, pruneImageCache, readersIn } from '../../pipeline/data/image-cache.ts';
import type {
  EncodedImage,
  ImageEntry,
  ImageSource,
  RawLabel,
  StoredImage,
  Values,
} from '../../pipeline/data/image-source.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { openPart } from '../../pipeline/data/parts.ts';
import { prepare } from '../../pipeline/data/prepare.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import { tiffBytes } from './images.ts';
import { expectFacts, inputErrorOf } from './support.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prepare-'));
});
afterAll(() => rm(folder, { recursive: true }));

let caches = 0;
const newCache = () => join(folder, `cache-${caches++}`);

type Image = StoredImage | EncodedImage | Error;

/** A source of given images; counts how often its entries were asked for. */
function sourceOf(
  images: readonly Image[],
  labels: readonly RawLabel[] = [],
  stamp = 'one',
): ImageSource & { passes: number } {
  return {
    name: 'set',
    count: images.length,
    passes: 0,
    stamp: async () => `${stamp} ${images.length}`,
    *entries(): Generator<ImageEntry> {
      this.passes++;
      for (const [i, image] of images.entries()) {
        const read = async () => {
          if (image instanceof Error) throw image;
          return image;
        };
        yield { id: `image-${i}`, label: labels[i], where: `set/image-${i}`, read };
      }
    },
    close: async () => {},
  };
}

const gray = (height: number, width: number, value: (i: number) => number = (i) => i): StoredImage => ({
  ...{ height, width, channels: 1, type: 'uint8' },
  values: Uint8Array.from({ length: height * width }, (_, i) => value(i)),
});
const rgb = (height: number, width: number, colour: readonly number[]): StoredImage => ({
  ...{ height, width, channels: 3, type: 'uint8' },
  values: Uint8Array.from({ length: height * width * 3 }, (_, i) => colour[i % 3] as number),
});

async function read(source: ImageSource, options: DataOptions = {}, part: PartName = 'all') {
  const prepared = await prepare('DATA', { [part]: source, notes: [] }, { cache: newCache(), ...options });
  const dataset = await openPart(prepared, part, options.classes);
  const { height, width, channels } = dataset.shape;
  const pixels = new Uint8Array(dataset.length * height * width * channels);
  await dataset.read(
    Uint32Array.from({ length: dataset.length }, (_, i) => i),
    pixels,
  );
  await dataset.close();
  return { ...prepared, dataset, pixels };
}

describe('fitting', () => {
  test('images of one size keep it', async () => {
    const { dataset, pixels } = await read(sourceOf([gray(2, 3), gray(2, 3, (i) => 200 + i)]));
    expect(dataset.shape).toEqual({ height: 2, width: 3, channels: 1 });
    expect([...pixels]).toEqual([0, 1, 2, 3, 4, 5, 200, 201, 202, 203, 204, 205]);
  });

  test('several sizes are refused with a suggestion', async () => {
    const error = await read(sourceOf([gray(40, 60), gray(50, 50), gray(40, 60)])).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect(String(error)).toMatch(/60x40 \(2\), 50x50 \(1\).*--size 32/);
    const set = { all: sourceOf([gray(40, 60), gray(50, 50)]), notes: [] };
    const refused = await inputErrorOf(prepare("Ann's photos", set, { cache: newCache() }));
    expectFacts(refused, "Ann's photos: ", "data 'Ann'\\''s photos' --size 48");
  });

  test.each(['cover', 'contain', 'stretch'] as const)('%s does what sharp does with the whole image', async (fit) => {
    const image = gray(30, 50, (i) => (i * 37) % 256);
    const { pixels } = await read(sourceOf([image]), { size: { height: 16, width: 20 }, fit, background: '#808080' });
    const raw = { height: 30, width: 50, channels: 1 } as const;
    const expected = await sharp(image.values as Uint8Array, { raw })
      .resize({ height: 16, width: 20, fit: fit === 'stretch' ? 'fill' : fit, background: '#808080' })
      .toColourspace('b-w')
      .raw()
      .toBuffer();
    expect([...pixels]).toEqual([...expected]);
  });

  test('contain fills the rest with the background', async () => {
    const { pixels } = await read(sourceOf([rgb(10, 20, [10, 20, 30])]), {
      ...{ size: { height: 20, width: 20 }, fit: 'contain', background: '#ff8000' },
    });
    expect([...pixels.subarray(0, 3)]).toEqual([255, 128, 0]);
    expect([...pixels.subarray(10 * 60, 10 * 60 + 3)]).toEqual([10, 20, 30]);
  });

  test('transparency goes onto the background: half of 100 on white is 178', async () => {
    const values = Uint8Array.of(100, 100, 100, 128, 7, 8, 9, 0);
    const { pixels, index } = await read(sourceOf([{ height: 1, width: 2, channels: 4, type: 'uint8', values }]), {
      channels: 'rgb',
    });
    expect([...pixels]).toEqual([177, 177, 177, 255, 255, 255]); // (100 · 128 + 255 · 127) / 255 = 177.2
    expect(index.transparent).toBe(1);
  });

  test.each<[string, Values, DataOptions?]>([
    ['int64', Float64Array.of(100, 100, 100, 128, 7, 8, 9, 0, 100, 100, 100, 255)],
    ['float32', Float32Array.of(100, 100, 100, 128, 7, 8, 9, 0, 255, 100, 100, 255)],
    ['float32', Float32Array.of(100, 100, 100, 128 / 255, 7, 8, 9, 0, 255, 100, 100, 1)],
    ['uint16', Uint16Array.of(1606, 1606, 1606, 2056, 112, 128, 144, 0, 1606, 1606, 1606, 4095)],
    ['uint16', Uint16Array.of(100, 100, 100, 32896, 7, 8, 9, 0, 100, 100, 100, 65535), { range: [0, 255] }],
    ['int64', Float64Array.of(100, 100, 100, 128, 7, 8, 9, 0, 100, 100, 100, 255), { range: [0, 255] }],
  ])('so do numbers of other types, %s: %s', async (type, values, options) => {
    const image: StoredImage = { height: 1, width: 3, channels: 4, type, values };
    const { pixels, index } = await read(sourceOf([image]), { channels: 'rgb', ...options });
    expect([...pixels.subarray(0, 8), pixels[8]]).toEqual([177, 177, 177, 255, 255, 255, expect.any(Number), 100, 100]);
    expect(index.transparent).toBe(1);
  });

  test('masks of 0 and 1 are opaque where alpha is 1', async () => {
    const values = Uint8Array.of(0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    const { pixels } = await read(sourceOf([{ height: 1, width: 3, channels: 4, type: 'uint8', values }]));
    expect([...pixels]).toEqual([0, 255, 255]);
  });

  test('one image in colour makes all RGB', async () => {
    const { dataset, pixels, index } = await read(
      sourceOf([gray(1, 1, () => 9), rgb(1, 1, [1, 2, 3]), gray(1, 1, () => 5)]),
    );
    expect(dataset.shape.channels).toBe(3);
    expect([...pixels]).toEqual([9, 9, 9, 1, 2, 3, 5, 5, 5]);
    expect(index.coloured).toBe(1);
  });

  test('RGB files without colour are gray', async () => {
    const { dataset, pixels } = await read(sourceOf([rgb(1, 2, [7, 7, 7]), rgb(1, 2, [9, 9, 9])]));
    expect(dataset.shape.channels).toBe(1);
    expect([...pixels]).toEqual([7, 7, 9, 9]);
  });

  test('gray is the luma', async () => {
    const { pixels } = await read(sourceOf([rgb(1, 1, [200, 100, 50])]), { channels: 'gray' });
    expect([...pixels]).toEqual([124]); // 0.299 · 200 + 0.587 · 100 + 0.114 · 50 = 124.2
  });
});

describe('numbers', () => {
  test('12 bits in 16 are scaled by the range of all images', async () => {
    const deep = (values: number[]): StoredImage => ({
      height: 1,
      width: 2,
      channels: 1,
      type: 'uint16',
      values: Uint16Array.from(values),
    });
    const { pixels, index } = await read(sourceOf([deep([0, 100]), deep([4095, 2048])]));
    expect([...pixels]).toEqual([0, 6, 255, 128]);
    expect(index.preprocessing.scalings).toMatchObject([{ type: 'uint16', from: [0, 4095] }]);
    expect(index.range.found).toMatchObject([{ type: 'uint16', min: 0, max: 4095, images: 2 }]);
  });

  test('an image of floats with NaN is unreadable, and decides nothing', async () => {
    const floats = (...values: number[]): StoredImage => ({
      ...{ height: 1, width: 2, channels: 1, type: 'float32' },
      values: Float32Array.from(values),
    });
    const { pixels, index } = await read(sourceOf([gray(1, 2, (i) => 9 * i), floats(Number.NaN, 1)]), {
      maxSkipped: 0.5,
    });
    expect([...pixels]).toEqual([0, 9]);
    expect(index.parts.all?.skipped).toMatchObject([{ file: 'set/image-1' }]);
    expect(await inputErrorOf(read(sourceOf([floats(1, Number.NaN), floats(0, Number.POSITIVE_INFINITY)])))).toContain(
      'set/image-0',
    );
  });

  test('masks of 0 and 1 become black and white', async () => {
    const { pixels, index } = await read(sourceOf([gray(1, 3, (i) => i % 2), gray(1, 3, () => 0)]));
    expect([...pixels]).toEqual([0, 255, 0, 0, 0, 0]);
    expect(index.preprocessing.scalings).toMatchObject([{ type: 'uint8', from: [0, 1] }]);
  });

  test('--range is used for numbers of every type', async () => {
    const floats: StoredImage = { height: 1, width: 2, channels: 1, type: 'float32', values: Float32Array.of(0, 16) };
    const { pixels } = await read(sourceOf([floats, gray(1, 2, (i) => 8 + 100 * i)]), { range: [0, 16] });
    expect([...pixels]).toEqual([0, 255, 128, 255]);
    const deep: StoredImage = { ...floats, type: 'uint16', values: Uint16Array.of(4, 16) };
    const mixed = await read(sourceOf([deep, floats, gray(1, 2, (i) => 16 * i)]), { range: [0, 16] });
    expect([...mixed.pixels]).toEqual([64, 255, 0, 255, 0, 255]);
  });

  test('the preprocessing of a model is done to other images', async () => {
    const floats = (values: number[]): StoredImage => ({
      height: 1,
      width: 2,
      channels: 1,
      type: 'float32',
      values: Float32Array.from(values),
    });
    const trained = await read(sourceOf([floats([-1, 1])]));
    const { preprocessing } = trained.index;
    const { pixels, dataset } = await read(sourceOf([floats([0, 1]), rgb(2, 4, [9, 9, 9])]), { preprocessing });
    expect(dataset.shape).toEqual({ height: 1, width: 2, channels: 1 });
    expect([...pixels]).toEqual([128, 255, 9, 9]);
  });

  test('nearly black, constant and nearly identical sets are warned of', async () => {
    const warned = async (images: StoredImage[]) => (await read(sourceOf(images))).index.warnings.join('\n');
    expect(await warned([gray(4, 4, (i) => i), gray(4, 4, (i) => 15 - i)])).toMatch(/nearly black.*--range/);
    expect(await warned([gray(4, 4, () => 77), gray(4, 4, () => 77)])).toMatch(/77 of 255.*--range/);
    expect(await warned([gray(4, 4, (i) => 16 * i), gray(4, 4, (i) => 16 * i + 1)])).toMatch(/identical/);
    expect(await warned([gray(4, 4, (i) => 16 * i), gray(4, 4, (i) => 240 - 16 * i)])).toBe('');
  });
});

describe('unreadable images', () => {
  const broken = new InputError('set/image-1: it is empty');
  const images = [gray(1, 1, () => 1), broken, gray(1, 1, () => 3)];

  test('are left out and listed; ids and labels stay', async () => {
    const { dataset, index, pixels } = await read(sourceOf(images, ['a', 'b', 'c']), { maxSkipped: 0.5 });
    expect([...pixels]).toEqual([1, 3]);
    expect([dataset.id(0), dataset.id(1)]).toEqual(['image-0', 'image-2']);
    expect(dataset.classes).toEqual(['a', 'b', 'c']);
    expect([...(dataset.labels ?? [])]).toEqual([0, 2]);
    expect(index.parts.all?.skipped).toEqual([{ file: 'set/image-1', reason: 'it is empty' }]);
  });

  test('are refused above the limit, and at all in strict mode', async () => {
    await expect(read(sourceOf(images))).rejects.toThrow(/1 of 3 .*--max-skipped/);
    await expect(read(sourceOf(images), { strict: true })).rejects.toThrow(/image-1.*--strict/);
    await expect(read(sourceOf([broken, broken]), { maxSkipped: 1 })).rejects.toThrow(InputError);
  });

  test('strict mode also refuses a set that is in the cache', async () => {
    const cache = newCache();
    await read(sourceOf(images), { maxSkipped: 0.5, cache });
    const refused = await inputErrorOf(read(sourceOf(images), { strict: true, cache }));
    expect(refused).toMatch(/--strict/);
    expect(refused).not.toMatch(/--max-skipped/);
  });
});

describe('cache', () => {
  test('is used again for the same files and options, and for the preprocessing that follows from them', async () => {
    const cache = newCache();
    const source = sourceOf([gray(4, 4), gray(4, 4, (i) => 9 * i)]);
    const first = await read(source, { cache });
    const passes = source.passes;
    const again = await read(source, { cache });
    const bySame = await read(source, { cache, preprocessing: first.index.preprocessing });
    expect(source.passes).toBe(passes);
    expect([again.folder, bySame.folder]).toEqual([first.folder, first.folder]);
    const notes = ['val/ has no images'];
    expect((await prepare('DATA', { all: source, notes }, { cache })).index.notes).toEqual(notes);
    await read(source, { cache, size: { height: 2, width: 2 } });
    expect(source.passes).toBeGreaterThan(passes);
  });

  test('is filled again when the files have changed or the cache is damaged', async () => {
    const cache = newCache();
    const { folder: made } = await read(sourceOf([gray(4, 4)]), { cache });
    const other = sourceOf([gray(4, 4, () => 50)], [], 'changed');
    expect((await read(other, { cache })).pixels[0]).toBe(50);
    const named = (...classes: string[]) => read({ ...sourceOf([gray(4, 4)], [0]), classes }, { cache });
    expect((await named('cat')).index.classes).toEqual(['cat']);
    expect((await named('dog')).index.classes).toEqual(['dog']);
    await truncate(join(made, 'all-000.u8'), 3);
    expect([...(await read(sourceOf([gray(4, 4)]), { cache })).pixels]).toEqual([...gray(4, 4).values]);
    await writeFile(join(made, 'index.json'), '{');
    expect([...(await read(sourceOf([gray(4, 4)]), { cache })).pixels]).toEqual([...gray(4, 4).values]);
  });

  test('is filled again by code that reads otherwise, of any format', async () => {
    const pipeline = fileURLToPath(new URL('../../pipeline/', import.meta.url));
    const copy = join(folder, 'pipeline');
    for (const room of ['data', 'io']) await cp(join(pipeline, room), join(copy, room), { recursive: true });
    expect(readersIn(copy)).toBe(readersIn(pipeline));
    const seen = new Set([readersIn(pipeline)]);
    for (const file of ['data/scale.ts', 'data/formats/zip.ts', 'data/warp.js', 'io/fortran.ts']) {
      await appendFile(join(copy, file), ' ');
      expect(seen.size).toBeLessThan(seen.add(readersIn(copy)).size);
    }
  });

  test('stays empty when reading is interrupted', async () => {
    const cache = newCache();
    const controller = new AbortController();
    const progress = (done: number) => done === 2 && controller.abort();
    const images = Array.from({ length: 40 }, () => gray(2, 2));
    await expect(read(sourceOf(images), { cache, signal: controller.signal, progress })).rejects.toThrow(Interrupted);
    expect(await readdir(cache).catch(() => [])).toEqual([]);
  });

  test('can be cleared, and only its own files are deleted', async () => {
    const cache = newCache();
    const { folder: made } = await read(sourceOf([gray(4, 4)]), { cache });
    await writeFile(join(cache, 'notes.txt'), 'mine');
    expect(await clearImageCache(cache)).toBeGreaterThanOrEqual(16);
    expect(await readdir(cache)).toEqual(['notes.txt']);
    await expect(stat(made)).rejects.toThrow();
  });

  test('is limited: sets that were used longest ago are deleted, and none of the last day', async () => {
    const cache = newCache();
    const days = (count: number) => new Date(Date.now() - count * 24 * 3600 * 1000);
    const sets = [gray(4, 4), gray(5, 5), gray(6, 6), gray(7, 7)].map((image) =>
      sourceOf([image], [], `${image.width}`),
    );
    const folders: string[] = [];
    for (const [i, source] of sets.entries()) {
      const { folder: made } = await read(source, { cache });
      await utimes(join(made, 'index.json'), days(9), days([5, 3, 4, 0.5][i] ?? 0));
      folders.push(made);
    }
    await read(sets[0] as (typeof sets)[0], { cache }); // used now
    await writeFile(join(cache, 'notes.txt'), 'mine');
    const kept = async () => (await Promise.all(folders.map((made) => stat(made).catch(() => null)))).map(Boolean);
    await pruneImageCache(cache, 2 ** 20);
    expect(await kept()).toEqual([true, true, true, true]);
    await pruneImageCache(cache, 0);
    expect(await kept()).toEqual([true, false, false, true]);
    expect(await readdir(cache)).toContain('notes.txt');
  });
});

test('labels that are measures are not used, with a warning', async () => {
  const { dataset, index } = await read(sourceOf([gray(2, 2), gray(2, 2), gray(2, 2)], [1, 2.5, 3]));
  expect([dataset.labels, dataset.classes]).toEqual([undefined, undefined]);
  expect(index.warnings.join()).toMatch(/2\.5 .*unlabelled/);
});

test('animations, and stacks that are not divided, come with a warning', async () => {
  const raw = { width: 2, height: 6, channels: 3, pageHeight: 2 } as const;
  const animation = await sharp(Buffer.alloc(36, 9).fill(200, 12), { raw }).gif().toBuffer();
  const stack = (bits: number, numbers: Uint8Array | Float64Array) => {
    const format = { width: 2, height: 2, bits, sampleFormat: bits > 8 ? 3 : 1, tags: {} };
    const page = { ...format, data: Buffer.from(numbers.buffer as ArrayBuffer) };
    return tiffBytes([page, page]);
  };
  const stacks = [stack(8, Uint8Array.of(5, 6, 7, 8)), stack(64, Float64Array.of(0, 1, 0, 1))];
  const { index, pixels } = await read(sourceOf([animation, ...stacks].map((bytes) => ({ bytes }))));
  expect(index.warnings.join()).toMatch(/frames or pages: 3;/);
  expect([...pixels]).toEqual([9, 9, 9, 9, 5, 6, 7, 8, 0, 255, 0, 255]);
});

test('stacks whose pages are channels come with a warning', async () => {
  for (const name of ['imagej', 'ome']) {
    const bytes = readFileSync(fileURLToPath(new URL(`fixtures/tifffile-${name}.tif`, import.meta.url)));
    const { index } = await read(sourceOf([{ bytes, page: 0 }, ...[1, 2, 3].map((page) => ({ bytes, page }))]));
    expect(index.warnings.filter((warning) => /of several channels.*: 1;/.test(warning))).toHaveLength(1);
  }
});

test('plain pixels are read where they are', async () => {
  const path = join(folder, 'plain.raw');
  await writeFile(path, Uint8Array.of(99, 1, 2, 3, 4, 5, 6, 7, 8));
  const plain = { path, offset: 1, shape: { height: 2, width: 2, channels: 1 }, count: 2, labels: [5, 7] };
  const { pixels, dataset, index } = await read({ ...sourceOf([]), plain });
  expect([...pixels]).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(index.parts.all?.files).toEqual([{ path, offset: 1, images: 2 }]);
  expect(dataset.classes).toEqual(['5', '7']);
});
