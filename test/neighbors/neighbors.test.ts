import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp from 'sharp';
import { expect, test, vi } from 'vitest';
import type { Report } from '../../pipeline/artifacts/report.ts';
import { bytesPerImage, defineDataset } from '../../pipeline/data/dataset.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { pauses, type StageState } from '../../pipeline/io/stages.ts';
import { pairsOf } from '../../pipeline/neighbors/copies.ts';
import type { DuplicatesResult } from '../../pipeline/neighbors/duplicates.ts';
import { findLeakage } from '../../pipeline/neighbors/leakage.ts';
import type { NeighborsResult } from '../../pipeline/neighbors/neighbors.ts';
import { findNeighbors } from '../../pipeline/neighbors/neighbors.ts';
import { autocorrelations, similarity, thumbnailsOf } from '../../pipeline/neighbors/similarity.ts';
import { digits } from '../analyse/support.ts';
import { call, callJson } from '../cli/call.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { tinyData } from '../encode/support.ts';
import { exportTiny, tiny, tinyLatent } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('exported'));
const raw = { height: tiny.height, width: tiny.width, channels: 1 as const };
const shape = { height: 28, width: 28, channels: 1 };

/** The pixels of an image of the test. */
const imageOf = (i: number) =>
  Uint8Array.from({ length: tiny.pixels }, (_, at) => (i * 97 * (at + 3) + at * at * 41) % 256);

/** Writes images as PNG files. */
async function write(folder: string, files: Readonly<Record<string, Uint8Array>>): Promise<string> {
  for (const [name, pixels] of Object.entries(files)) {
    const path = scratch(`${folder}/${name}.png`);
    mkdirSync(dirname(path), { recursive: true });
    await sharp(pixels, { raw }).toColourspace('b-w').png().toFile(path);
  }
  return scratch(folder);
}

const cwd = scratch('');

test('the nearest images by hand, as JSON, table and sheet', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`${i % 2 ? 'odd' : 'even'}/${i}`, imageOf(i)]),
  );
  const data = await write('set', files);
  const query = `${await write('query', { q: imageOf(20) })}/q.png`;
  const sheet = scratch('sheet.png');
  const args = ['neighbors', exported, '--query', query, '--data', data, '--k', '4', '--sheet', sheet, '--quiet'];
  const { queries, images } = await callJson<NeighborsResult>(args, { cwd });
  const distanceTo = (image: Uint8Array) => {
    const [a, b] = [tinyLatent(image), tinyLatent(imageOf(20))];
    return Math.hypot(...a.map((value, d) => value - (b[d] ?? 0)));
  };
  const expected = Object.entries(files)
    .map(([name, image]) => ({ id: `${name}.png`, distance: distanceTo(image) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 4);
  expect(images).toBe(12);
  expect(queries.map(({ query }) => query)).toEqual([query]);
  const found = queries[0]?.neighbors ?? [];
  expect(found.map(({ id }) => id.replace(/^(train|test)\//, ''))).toEqual(expected.map(({ id }) => id));
  expect(found.map((one) => one.class)).toEqual(expected.map(({ id }) => dirname(id)));
  found.forEach(({ distance }, i) => {
    expect(distance).toBeCloseTo(expected[i]?.distance ?? Number.NaN, 4);
  });
  const { width = 0, height = 0 } = await sharp(readFileSync(sheet)).metadata();
  expect(width).toBeGreaterThan(5 * (height / 2)); // five images in a row
  const { stdout } = await call(args, { cwd });
  expect(stdout.split('\n').filter((line) => line.includes(query))).toHaveLength(4);
});

test('equal images are found within and across the parts of the data', async () => {
  const data = await write('parts', {
    'train/a': imageOf(1),
    'train/b': imageOf(2),
    'train/c': imageOf(1),
    'test/d': imageOf(2),
    'test/e': imageOf(5),
  });
  const args = ['duplicates', exported, '--data', data, '--similarity', '1', '--sheet', 'pairs.png', '--quiet'];
  const { pairs, ...counts } = await callJson<DuplicatesResult>(args, { cwd });
  expect(counts).toEqual({ images: 5, exact: 2, near: 0, across: 1, sheet: 'pairs.png' });
  expect((await sharp(scratch('pairs.png')).metadata()).format).toBe('png');
  expect(pairs.map(({ first, second, kind, across }) => [first, second, kind, across])).toEqual([
    ['train/a.png', 'train/c.png', 'exact', false],
    ['train/b.png', 'test/d.png', 'exact', true],
  ]);
});

test('test images that are copies of training images are told by evaluate', async () => {
  const brighter = (i: number) => imageOf(i).map((value) => 0.8 * value + 40);
  const data = await write('leaky', {
    ...Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`train/${i}`, imageOf(i)])),
    ...{
      'test/0': imageOf(3),
      'test/1': imageOf(20),
      'test/2': imageOf(3),
      'test/3': brighter(5),
      'test/4': imageOf(21),
    },
  });
  const { report } = await callJson<{ report: Report }>(
    ['evaluate', exported, '--data', data, '--out', 'told', '--quiet'],
    { cwd },
  );
  expect(report.leakage).toEqual({ exact: 2, near: 1 });
  expect(report.notes.filter((note) => /5 test images, 2 equal .* 1 nearly/.test(note))).toHaveLength(1);
  const clean = await write(
    'clean',
    Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${i < 9 ? 'train' : 'test'}/${i}`, imageOf(i)])),
  );
  const { report: other } = await callJson<{ report: Report }>(
    ['evaluate', exported, '--data', clean, '--out', 'told', '--quiet'],
    { cwd },
  );
  expect(other.leakage).toEqual({ exact: 0, near: 0 });
  expect(other.notes.join()).not.toMatch(/equal a training image/);
});

test('an encoder is enough', async () => {
  const folder = await exportTiny(scratch('encoder-only'));
  rmSync(scratch('encoder-only/decoder.onnx'));
  const data = await write('enough', Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${i}`, imageOf(i)])));
  const ends = async (...args: string[]) => (await call([...args, '--quiet'], { cwd })).code;
  expect(await ends('neighbors', folder, '--query', `${data}/0.png`, '--data', data, '--k', '2')).toBe(0);
  expect(await ends('duplicates', folder, '--data', data)).toBe(0);
  expect(await ends('cluster', folder, '--data', data, '--k', '2', '--method', 'kmeans', '--out', 'of-encoder')).toBe(
    0,
  );
  expect(await ends('encode', folder, '--data', data, '--no-error', '--out', 'latents.parquet')).toBe(0);
  expect(await ends('encode', folder, '--data', data, '--out', 'errors.parquet')).toBe(2);
});

test('a sheet of many queries shows the first of them', async () => {
  const count = 130;
  const data = await write(
    'queries',
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${i}`, imageOf(i)])),
  );
  const args = ['neighbors', exported, '--query', data, '--data', data, '--k', '1', '--sheet', 'many.png', '--quiet'];
  const { queries, drawn } = await callJson<NeighborsResult>(args, { cwd });
  expect([queries.length, drawn]).toEqual([count, 100]);
});

test('a search can be stopped', async () => {
  const data = await write('many', Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`${i}`, imageOf(i)])));
  let time = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 1000)); // all pauses are due
  const stop = new AbortController();
  const progress = ({ name, share }: StageState) =>
    void (name === 'neighbors' && share > 0 && share < 1 && stop.abort());
  const found = findNeighbors({ exported, query: [data], data, k: 2, device: 'cpu', signal: stop.signal, progress });
  await expect(found)
    .rejects.toBeInstanceOf(Interrupted)
    .finally(() => clock.mockRestore());
});

test('correlating images with themselves can be stopped', async () => {
  const thumbnails = thumbnailsOf(new Uint8Array(3 * 784), shape);
  let done = 0;
  let time = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 1000)); // all pauses are due
  const stop = pauses((share) => {
    done = share;
    throw new Interrupted('stopped');
  });
  await expect(autocorrelations(thumbnails, stop))
    .rejects.toBeInstanceOf(Interrupted)
    .finally(() => clock.mockRestore());
  expect(done).toBeCloseTo(1 / 3);
});

test('each pair is compared once, wherever one of its images is near the other', async () => {
  const count = 40; // more than the candidates of an image
  const pixels = Uint8Array.from({ length: count * 784 }, (_, at) => (at * at * 41 + Math.floor(at / 784)) % 251);
  for (let i = 0; i < count; i += 4) pixels.copyWithin((i + 3) * 784, i * 784, (i + 1) * 784);
  for (let i = 3; i < count; i += 4) pixels[i * 784] = 251; // a copy but for a pixel
  const thumbnails = thumbnailsOf(pixels, shape);
  const latents = Float32Array.from({ length: count }, (_, i) => 1.3 ** i); // few are near, and not each to the other
  const digests = Array.from({ length: count }, (_, i) => String(i));
  const pairs = await pairsOf({ digests, thumbnails, latents, size: 1, least: 0.99 }, () => {});
  expect(pairs.map(({ a, b }) => [a, b])).toEqual(Array.from({ length: 10 }, (_, i) => [4 * i, 4 * i + 3]));
});

test('that there are no pairs for a sheet is told', async () => {
  const data = await write('different', { a: imageOf(1), b: imageOf(2) });
  const { code, stdout } = await call(['duplicates', exported, '--data', data, '--sheet', 'no.png', '--quiet'], {
    cwd,
  });
  expect([code, stdout.includes('no.png'), existsSync(scratch('no.png'))]).toEqual([0, true, false]);
});

test('copies among large images are found without holding many of them', async () => {
  const large = { height: 1024, width: 1024, channels: 3 };
  let most = 0;
  const images = (salt: number) =>
    defineDataset({
      ...{ name: 'large', shape: large, length: 22, labels: undefined, classes: undefined, id: String },
      async read(indices, target) {
        most = Math.max(most, target.length);
        for (let i = 0; i < indices.length; i++)
          target.fill(salt + 3 * (indices[i] ?? 0), i * bytesPerImage(large), (i + 1) * bytesPerImage(large));
      },
      close: async () => {},
    });
  const latents = Float32Array.from({ length: 22 }, (_, i) => i);
  const part = (salt: number) => ({ images: images(salt), latents });
  expect(await findLeakage(part(0), part(1), 1, () => {})).toMatchObject({ exact: 0 });
  expect(most).toBeLessThanOrEqual(2 ** 26);
});

test('bad input', async () => {
  const one = await write('one', { a: imageOf(1), b: imageOf(2) });
  const query = `${one}/a.png`;
  const ends = async (...args: string[]) => (await call([...args, '--quiet'], { cwd })).code;
  expect(await ends('neighbors', exported, '--query', query, '--data', one, '--k', '3')).toBe(2);
  expect(await ends('neighbors', exported, '--query', `${one}/none.png`, '--data', one)).toBe(2);
  const asked = findNeighbors({ exported, query: [`${one}/none.png`], data: one, k: 1, device: 'cpu' });
  await expect(asked).rejects.toThrow(/^--query /);
  expect(await ends('neighbors', exported, '--query', query, '--data', one, '--sheet', 'sheet.jpg')).toBe(2);
  expect(await ends('duplicates', exported, '--data', one, '--sheet', 'sheet.jpg')).toBe(2);
  expect(existsSync(scratch('sheet.jpg'))).toBe(false);
  expect(await ends('duplicates', exported, '--data', query)).toBe(2);
  expect(await ends('duplicates', exported, '--data', one, '--similarity', '2')).toBe(2);
});

test('more neighbours than fit into memory are refused', async () => {
  const data = tinyData(scratch('many'), 2500);
  const asked = findNeighbors({ exported, query: [data], data, k: 2500, device: 'cpu' });
  expectFacts(await inputErrorOf(asked), '--k 2500', '2,500 queries', '2000');
});

test('copies of digits that were re-encoded or shifted are similar, other digits are not', async () => {
  const count = 60;
  const { rows } = await digits(count);
  const copies: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const image = rows.subarray(i * 784, (i + 1) * 784);
    const jpeg = await sharp(image, { raw: shape as typeof raw })
      .jpeg({ quality: 60 })
      .toBuffer();
    const encoded = await sharp(jpeg).toColourspace('b-w').raw().toBuffer();
    const shifted = image.map((_, at) => (at % 28 > 1 && at >= 28 ? (image[at - 28 - 2] ?? 0) : 0));
    copies.push(i % 2 ? encoded : shifted);
  }
  const thumbnails = thumbnailsOf(Buffer.concat([rows, ...copies]), shape);
  for (let a = 0; a < count; a++) {
    expect(similarity(thumbnails, a, count + a)).toBeGreaterThan(0.99);
    for (let b = 0; b < count; b++) if (a !== b) expect(similarity(thumbnails, a, count + b)).toBeLessThan(0.99);
  }
});

test('images are no copies because a shift leaves the same background of both', () => {
  const with1 = (...places: number[]) => Uint8Array.from({ length: 784 }, (_, at) => (places.includes(at) ? 255 : 0));
  const corners = [with1(0), with1(783), with1(27), with1()];
  const thumbnails = thumbnailsOf(Buffer.concat([...corners, with1(400), with1(428)]), shape);
  for (let a = 0; a < 4; a++)
    for (let b = 0; b < 4; b++) expect([a, b, similarity(thumbnails, a, b) >= 0.99]).toEqual([a, b, a === b]);
  expect(similarity(thumbnails, 4, 5)).toBeCloseTo(1, 6);
});

test('details too fine to be compared do not make images equal', () => {
  const side = 128; // compared at a quarter of it
  const draw = (value: (x: number, y: number) => number) =>
    Uint8Array.from({ length: side * side }, (_, at) => value(at % side, Math.floor(at / side)));
  const stripes = draw((x) => (x % 2 ? 200 : 50));
  const lines = draw((_, y) => (y % 4 > 1 ? 200 : 50));
  const gray = draw(() => 125);
  const images = [stripes, lines, gray, gray, draw(() => 127)];
  const thumbnails = thumbnailsOf(Buffer.concat(images), { height: side, width: side, channels: 1 });
  const similar = images.map((_, b) =>
    images.flatMap((_, a) => (a < b && similarity(thumbnails, a, b) >= 0.99 ? [a] : [])),
  );
  expect(similar).toEqual([[], [], [], [2], []]);
});

test('images that differ in colour alone are no copies, re-encoded ones are', async () => {
  const side = 40;
  const [red, blue] = [
    [200, 20, 30],
    [30, 20, 200],
  ];
  const disc = (inside: readonly number[], outside: readonly number[]) =>
    Buffer.from(
      Array.from({ length: side * side }, (_, at) =>
        Math.hypot((at % side) - 20, Math.floor(at / side) - 20) < 12 ? inside : outside,
      ).flat(),
    );
  const images = [red, blue].flatMap((colour = []) => [disc(colour, [255, 255, 255]), disc(colour, colour)]);
  const jpeg = async (image: Buffer) => {
    const file = sharp(image, { raw: { width: side, height: side, channels: 3 } }).jpeg({ quality: 60 });
    return sharp(await file.toBuffer())
      .raw()
      .toBuffer();
  };
  const copies = await Promise.all(images.map(jpeg));
  const thumbnails = thumbnailsOf(Buffer.concat([...images, ...copies]), { height: side, width: side, channels: 3 });
  images.forEach((_, a) => {
    images.forEach((_, b) => {
      expect([a, b, similarity(thumbnails, a, 4 + b) >= 0.99]).toEqual([a, b, a === b]);
    });
  });
});
