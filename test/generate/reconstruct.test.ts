import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { spreadRows } from '../../pipeline/data/rows.ts';
import { type ReconstructOptions, reconstruct } from '../../pipeline/generate/reconstruct.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { layoutOf } from '../../pipeline/pictures/grid.ts';
import { call, callJson } from '../cli/call.ts';
import { inputErrorOf, openFiles, scratchFolder } from '../data/support.ts';
import { imageOf, labelOf, tinyData, tinyImages } from '../encode/support.ts';
import { exportTiny, tiny, tinyLatent } from '../encode/tiny-model.ts';
import { grayOf, tinyBytes } from './support.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('plain'));
const both = { conditional: { encoder: true, decoder: true }, classes: ['0', '1', '2', '3', '4'] };
const conditional = await exportTiny(scratch('conditional'), both);
const images = tinyImages(300);
mkdirSync(scratch('out'));

let outputs = 0;
const reconstructing = async (options: Partial<ReconstructOptions>) => {
  const folder = scratch(`out/${outputs++}`);
  const data = options.data ?? tinyData(scratch(`data${outputs}`), 300);
  const result = await reconstruct({
    exported,
    split: 'all',
    out: folder,
    device: 'cpu',
    threads: 2,
    ...options,
    data,
  });
  return { ...result, folder };
};

/** Some of the first images as files in subfolders. */
async function imageFolder(name: string, files: readonly string[]): Promise<string> {
  for (const [i, file] of files.entries()) {
    const path = join(scratch(name), file);
    mkdirSync(dirname(path), { recursive: true });
    const raw = { height: tiny.height, width: tiny.width, channels: 1 as const };
    const image = sharp(imageOf(images, i), { raw }).toColourspace('b-w');
    await (file.endsWith('.webp') ? image.webp({ lossless: true }) : image.png()).toFile(path);
  }
  return scratch(name);
}

const expected = (i: number) => tinyBytes(tinyLatent(imageOf(images, i)));
const listed = (folder: string) => (readdirSync(folder, { recursive: true }) as string[]).sort();

test('a file for each image, under its id, holds its reconstruction', async () => {
  const files = ['x/1.png', 'x/2.webp', 'y/1.png', 'y/deep/1.png', 'y/z.png'];
  const data = await imageFolder('photos', files);
  const { folder, images: count } = await reconstructing({ data });
  expect(count).toBe(5);
  expect(listed(folder).filter((name) => name.endsWith('.png'))).toEqual(
    ['grid.png', ...files.map((file) => file.replace('webp', 'png'))].sort(),
  );
  for (const [i, file] of files.entries()) {
    const { gray } = await grayOf(join(folder, file.replace('webp', 'png')));
    if (file.endsWith('.png')) expect(gray).toEqual(expected(i));
  }
});

test('N images are evenly spread, and the grid shows originals above reconstructions', async () => {
  const { folder, images: count } = await reconstructing({ n: 20 });
  expect(count).toBe(20);
  const names = listed(folder).filter((name) => /^\d+\.png$/.test(name));
  expect(listed(folder)).toEqual([...names, 'SHA256SUMS', 'grid.png'].sort());
  const chosen = names.map((name) => Number.parseInt(name, 10)).sort((a, b) => a - b);
  expect(chosen.map((i) => Math.floor(i / 15))).toEqual([...Array(20).keys()]);
  expect(new Set(chosen.map((i) => i % 5)).size).toBe(5); // also of classes that take turns
  for (const i of chosen) expect((await grayOf(join(folder, `${i}.png`))).gray).toEqual(expected(i));

  const { width, height, gray } = await grayOf(join(folder, 'grid.png'));
  const rowLabels = ['original', 'reconstruction', 'original', 'reconstruction'];
  const layout = layoutOf({ shape: tiny, images: new Uint8Array(32 * tiny.pixels), columns: 8, rowLabels });
  expect({ width, height }).toEqual({ width: layout.width, height: layout.height });
  const at = (row: number, column: number) =>
    Array.from({ length: tiny.pixels }, (_, i) => {
      const x = (layout.lefts[column] ?? 0) + (i % tiny.width) * layout.scale + 1;
      return gray[((layout.tops[row] ?? 0) + Math.floor(i / tiny.width) * layout.scale + 1) * width + x];
    });
  for (let k = 0; k < 16; k++) {
    const image = chosen[spreadRows(20, 16)[k] ?? 0] ?? 0;
    const row = 2 * Math.floor(k / 8);
    expect(at(row, k % 8)).toEqual([...imageOf(images, image)]);
    expect(at(row + 1, k % 8)).toEqual(expected(image));
  }
});

test('more images than there are: all are used, and this is said', async () => {
  const notes: string[] = [];
  const { images: count } = await reconstructing({ n: 1000, note: (line) => notes.push(line) });
  expect(count).toBe(300);
  expect(notes).toEqual([expect.stringMatching(/--n 1000: .*300/)]);
});

test('a conditional model takes the classes from the data', async () => {
  const seen: [number, number][] = [];
  const { folder } = await reconstructing({ exported: conditional, progress: (...state) => seen.push(state) });
  for (const i of [0, 1, 64, 150, 299]) {
    const { gray } = await grayOf(join(folder, `${i}.png`));
    expect(gray).toEqual(tinyBytes(tinyLatent(imageOf(images, i), labelOf(i)), labelOf(i)));
  }
  expect(seen.at(-1)).toEqual([300, 300]);
  expect(seen.length).toBeGreaterThan(1);
});

test('unsuitable data are refused, an interruption stops; no folder is left', async () => {
  const refused = (options: Partial<ReconstructOptions>) => inputErrorOf(reconstructing(options));
  const unlabelled = tinyData(scratch('unlabelled'), 20, { labels: false });
  expect(await refused({ exported: conditional, data: unlabelled })).toContain('it has no labels');
  const few = await exportTiny(scratch('few'), { ...both, classes: ['0', '1'] });
  expect(await refused({ exported: few })).toContain('its classes 2, 3, 4 are not among');
  const damaged = await exportTiny(scratch('damaged'));
  writeFileSync(join(damaged, 'encoder.onnx'), readFileSync(join(damaged, 'decoder.onnx')));
  expect(await refused({ exported: damaged })).toContain('encoder.onnx: its SHA-256 is not the one in card.json');
  const controller = new AbortController();
  const stopped = { signal: controller.signal, progress: () => controller.abort() };
  const before = openFiles();
  await expect(reconstructing(stopped)).rejects.toThrow(Interrupted);
  expect(openFiles()).toBe(before);
  expect(readdirSync(scratch('out')).filter((name) => !/^[0-3]$/.test(name))).toEqual([]);
});

test('the command, on the test images only', async () => {
  const data = tinyData(scratch('more'), 300);
  const result = await callJson<{ images: number }>(['reconstruct', exported, '--data', data, '--out', 'r'], {
    cwd: scratch('.'),
  });
  expect(result).toMatchObject({ images: 30, out: 'r' });
  expect(readdirSync(scratch('r')).length).toBe(32);
});

test('--quiet prints warnings all the same', async () => {
  const args = ['reconstruct', exported, '--data', tinyData(scratch('few'), 20), '--out', 'f', '--n', '30', '--quiet'];
  const { code, stderr } = await call(args, { cwd: scratch('.') });
  expect([code, stderr]).toEqual([0, expect.stringContaining('--n 30')]);
});

test('reconstructions are not written among the images', async () => {
  const data = await imageFolder('album', ['x/1.png', 'y/1.png']);
  const before = listed(data);
  symlinkSync(data, scratch('link'));
  for (const out of ['album/r', 'album/x/deep/r', 'link/r']) {
    expect(await inputErrorOf(reconstructing({ data, out: scratch(out) }))).toContain(scratch(out));
  }
  expect(listed(data)).toEqual(before);
  await reconstructing({ data, out: scratch('album-2') });
  await reconstructing({ data, out: scratch('album/.hidden') });
  expect(readdirSync(data).sort()).toEqual(['.hidden', 'x', 'y']);
});

test('fewer images replace more of the same command; the output of another is refused before the work', async () => {
  const { folder: out } = await reconstructing({ n: 12 });
  await reconstructing({ n: 3, out });
  expect(readdirSync(out).length).toBe(5);
  const progress = () => expect.fail('nothing is to be encoded');
  expect(await inputErrorOf(reconstructing({ n: 3, out: exported, progress }))).toContain(exported);
  const numbered = await imageFolder('numbered', ['0.png', '1.png', 'notes.png']);
  expect(await inputErrorOf(reconstructing({ n: 3, out: numbered, progress }))).toContain(numbered);
  writeFileSync(join(numbered, 'grid.png'), 'mine'); // no list tells whose these are
  expect(await inputErrorOf(reconstructing({ n: 3, out: numbered, progress }))).toContain(numbered);
  expect(readdirSync(exported)).toContain('encoder.onnx');
});

test("a folder with a user's files is not replaced, whatever their names; an earlier output is", async () => {
  const files = ['1.png', '2.png'];
  const data = await imageFolder('originals', files);
  for (const name of ['edited', 'shelf/originals']) {
    const out = scratch(name);
    mkdirSync(out, { recursive: true });
    for (const file of files) writeFileSync(join(out, file), 'mine');
  }
  await inputErrorOf(reconstructing({ data, out: scratch('edited') }));
  expect(files.map((file) => readFileSync(join(scratch('edited'), file), 'utf8'))).toEqual(['mine', 'mine']);

  const nested = await imageFolder('nested', ['originals/1.png', 'others/1.png']);
  const out = scratch('shelf');
  await inputErrorOf(reconstructing({ data: nested, out }));
  expect(readFileSync(join(out, 'originals/1.png'), 'utf8')).toBe('mine');

  const { folder } = await reconstructing({ data: nested });
  await reconstructing({ data: nested, out: folder });
  writeFileSync(join(folder, 'others/notes.txt'), 'mine');
  await inputErrorOf(reconstructing({ data: nested, out: folder }));
  expect(readFileSync(join(folder, 'others/notes.txt'), 'utf8')).toBe('mine');
});
