import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type SampleOptions, sample } from '../../pipeline/generate/sample.ts';
import { Interrupted } from '../../pipeline/io/errors.ts';
import { layoutOf } from '../../pipeline/pictures/grid.ts';
import { call, callJson } from '../cli/call.ts';
import { inputErrorOf, scratchFolder } from '../data/support.ts';
import { exportTiny, tiny } from '../encode/tiny-model.ts';
import { exportSampled, grayOf, latentsIn, tinyBytes, tinyMixture } from './support.ts';

const scratch = scratchFolder();
const plain = await exportSampled(scratch('plain'));
const CLASSES = ['cat', 'dog, wet', '0'];
const conditional = await exportSampled(scratch('conditional'), {
  conditional: { encoder: false, decoder: true },
  classes: CLASSES,
  variational: true,
});
mkdirSync(scratch('out'));

let outputs = 0;
const sampling = async (options: Partial<SampleOptions> = {}) => {
  const out = scratch(`out/${outputs++}`);
  const result = await sample({ exported: plain, out, seed: 0, device: 'cpu', threads: 2, ...options });
  return { ...result, folder: out };
};

/** The image at a row and column of a folder's grid, its enlarged pixels made small again. */
async function inGrid(folder: string, columns: number, count: number, labels: boolean) {
  const { width, height, gray } = await grayOf(join(folder, 'grid.png'));
  const layout = layoutOf({
    shape: tiny,
    images: new Uint8Array(count * tiny.pixels),
    columns,
    ...(labels && { columnLabels: [''] }),
  });
  expect({ width, height }).toEqual({ width: layout.width, height: layout.height });
  return (row: number, column: number) =>
    Array.from({ length: tiny.pixels }, (_, i) => {
      const [left, top] = [layout.lefts[column] ?? 0, layout.tops[row] ?? 0];
      const x = left + (i % tiny.width) * layout.scale + (layout.scale >> 1);
      return gray[(top + Math.floor(i / tiny.width) * layout.scale + (layout.scale >> 1)) * width + x];
    });
}

const contents = (folder: string) => readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'hex')]);

test('images and grid are the decoded latents of latents.csv', async () => {
  const { folder, ...result } = await sampling({ n: 70 });
  expect(result).toMatchObject({ images: 70, sampler: 'mixture', seed: 0, classes: null });
  const latents = latentsIn(folder);
  expect(latents.map(({ image }) => image)).toEqual(
    Array.from({ length: 70 }, (_, i) => `00${String(i).padStart(2, '0')}.png`),
  );
  expect(readdirSync(folder).sort()).toEqual(
    [...latents.map(({ image }) => image), 'SHA256SUMS', 'latents.csv', 'grid.png'].sort(),
  );
  const at = await inGrid(folder, 9, 70, false);
  for (const [i, { image, latent }] of latents.entries()) {
    const { width, height, gray } = await grayOf(join(folder, image));
    expect({ width, height, gray }).toEqual({ width: tiny.width, height: tiny.height, gray: tinyBytes(latent) });
    expect(at(Math.floor(i / 9), i % 9)).toEqual(gray);
  }
  expect(latents.some(({ latent }) => (latent[0] ?? 0) > 2) && latents.some(({ latent }) => (latent[0] ?? 0) < 2)).toBe(
    true,
  );
});

test('fewer images replace more, but none of a user', async () => {
  const { folder: out } = await sampling({ n: 12 });
  await sampling({ n: 3, out });
  expect(readdirSync(out).filter((name) => /^\d/.test(name))).toEqual(['0000.png', '0001.png', '0002.png']);
  writeFileSync(join(out, '0007.png'), 'mine');
  await inputErrorOf(sampling({ n: 3, out }));
  expect(readFileSync(join(out, '0007.png'), 'utf8')).toBe('mine');
});

test('the same seed gives the same folder, another seed another', async () => {
  const [a, b, c] = [
    await sampling({ n: 12, seed: 7 }),
    await sampling({ n: 12, seed: 7, threads: 1 }),
    await sampling({ n: 12, seed: 8 }),
  ];
  expect(contents(b.folder)).toEqual(contents(a.folder));
  expect(latentsIn(c.folder)[0]).not.toEqual(latentsIn(a.folder)[0]);
});

test('all classes: a column for each, the same latent along a row', async () => {
  const { folder, classes } = await sampling({ exported: conditional, n: 8 });
  expect(classes).toEqual(CLASSES);
  const lines = readFileSync(join(folder, 'latents.csv'), 'utf8').split('\n');
  expect(lines[2]).toMatch(/^0001\.png,"dog, wet",/);
  const latents = lines.slice(1, 9).map((line) => line.split(',').slice(-2).map(Number));
  expect(latents[3]).not.toEqual(latents[0]);
  const at = await inGrid(folder, 3, 8, true);
  for (const [i, latent] of latents.entries()) {
    expect(latent).toEqual(latents[i - (i % 3)]);
    const { gray } = await grayOf(join(folder, `000${i}.png`));
    expect(gray).toEqual(tinyBytes(latent, i % 3));
    expect(at(Math.floor(i / 3), i % 3)).toEqual(gray);
  }
  expect((await sampling({ exported: conditional })).images).toBe(30);
  expect(contents((await sampling({ exported: conditional, n: 8, class: 'all' })).folder)).toEqual(contents(folder));
});

test('one class, by its name or its index', async () => {
  for (const [asked, label] of [
    ['dog, wet', 1],
    ['0', 2],
    ['1', 1],
  ] as const) {
    const { folder, classes } = await sampling({ exported: conditional, n: 4, class: asked });
    expect(classes).toEqual([CLASSES[label]]);
    const latent = (readFileSync(join(folder, 'latents.csv'), 'utf8').split('\n')[4] ?? '')
      .split(',')
      .slice(-2)
      .map(Number);
    expect((await grayOf(join(folder, '0003.png'))).gray).toEqual(tinyBytes(latent, label));
  }
});

test('a conditional model whose classes have no names takes an index', async () => {
  const unnamed = await exportSampled(scratch('unnamed'), { conditional: { encoder: false, decoder: true } });
  expect((await sampling({ exported: unnamed, n: 1, class: '4' })).classes).toEqual(['4']);
  expect(await inputErrorOf(sampling({ exported: unnamed }))).toContain('does not list its classes');
});

test('the grid shows the first of very many images', async () => {
  const seen: number[] = [];
  const { folder } = await sampling({ n: 1300, progress: (done) => seen.push(done) });
  const at = await inGrid(folder, 37, 27 * 37, false);
  const last = latentsIn(folder)[27 * 37 - 1];
  expect(at(26, 36)).toEqual(tinyBytes(last?.latent ?? []));
  expect(seen.at(-1)).toBe(1300);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});

test('unsuitable models and options are refused in one line, and nothing is written', async () => {
  const before = readdirSync(scratch('out'));
  const refused = (options: Partial<SampleOptions>) => inputErrorOf(sampling(options));
  expect(await refused({ exported: conditional, class: 'cow' })).toBe(
    '--class cow: tiny has no such class; expected all, cat, dog, wet, 0 or an index up to 2',
  );
  expect(await refused({ exported: conditional, class: '3' })).toContain('--class 3: tiny has no such class');
  expect(await refused({ class: 'cat' })).toBe('--class cat: the decoder of tiny takes no class; leave --class out');
  expect(await refused({ sampler: 'prior' })).toMatch(/^--sampler prior: tiny .*use --sampler mixture$/);
  expect(await refused({ exported: await exportTiny(scratch('old')) })).toContain('its card has no mixture');
  const damaged = await exportSampled(scratch('damaged'));
  writeFileSync(join(damaged, 'decoder.onnx'), readFileSync(join(damaged, 'encoder.onnx')));
  expect(await refused({ exported: damaged })).toContain('decoder.onnx: its SHA-256 is not the one in card.json');
  const broken = await exportSampled(scratch('broken'), {
    mixture: {
      ...tinyMixture,
      weights: [1],
      means: [[3e38, 3e38]],
      factors: [[3e38, 3e38, 3e38]],
    },
  });
  expect(await refused({ exported: broken })).toContain('NaN');
  const controller = new AbortController();
  const progress = () => controller.abort();
  await expect(sampling({ n: 5000, progress, signal: controller.signal })).rejects.toThrow(Interrupted);
  expect(readdirSync(scratch('out'))).toEqual(before);
});

test('a folder with other files is left unchanged', async () => {
  const out = scratch('mine');
  mkdirSync(out);
  writeFileSync(join(out, 'notes.txt'), 'keep');
  expect(await inputErrorOf(sampling({ n: 2, out }))).toContain('there is notes.txt in it');
  expect(readdirSync(out)).toEqual(['notes.txt']);
  rmSync(join(out, 'notes.txt'));
  await sampling({ n: 2, out });
  await sampling({ n: 3, out });
  expect(readdirSync(out).length).toBe(6);
});

test('the command prints its result, or one line when it is misused', async () => {
  const [cwd, exported] = [scratch('.'), conditional];
  const result = await callJson<{ images: number }>(
    ['sample', exported, '--n', '6', '--class', 'cat', '--seed', '-3', '--out', 'cats'],
    { cwd },
  );
  expect(result).toMatchObject({ out: 'cats', images: 6, sampler: 'prior', seed: -3, classes: ['cat'] });
  expect(readdirSync(scratch('cats')).length).toBe(9);
  const { code, stdout, stderr } = await call(['sample', exported, '--class', 'cow', '--out', 'nothing'], { cwd });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^convae: --class cow: tiny has no such class[^\n]+\n$/);
});
