import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { type EncodeOptions, encode } from '../../pipeline/encode/encode.ts';
import { parquetWriter } from '../../pipeline/encode/parquet.ts';
import { EnvironmentError, Interrupted } from '../../pipeline/io/errors.ts';
import { inputErrorOf, openFiles, scratchFolder } from '../data/support.ts';
import { tinyData } from './support.ts';
import { encoderWeights, exportTiny, tiny, writeTinyCard } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const data = tinyData(scratch('data'), 40);

mkdirSync(scratch('out'));
const outputs = () => readdirSync(scratch('out'));

const encoding = (options: Partial<EncodeOptions>) =>
  encode({ exported, data, split: 'all', out: scratch('out/x.parquet'), device: 'cpu', threads: 2, ...options });

test('unknown file formats, and errors in npy', async () => {
  expect(await inputErrorOf(encoding({ out: scratch('out/x.csv') }))).toContain('name a .parquet or an .npy file');
  expect(await inputErrorOf(encoding({ out: scratch('out/x.npy'), error: true }))).toContain(
    'an npy file holds latents only; choose a .parquet file for errors',
  );
});

test('a model whose latents are not finite', async () => {
  const broken = await exportTiny(scratch('nan'), { encoder: encoderWeights.with(3, Number.NaN) });
  expect(await inputErrorOf(encoding({ exported: broken }))).toContain(
    'the latent of image 0 is not finite; the model is unusable',
  );
  expect(outputs()).toEqual([]);
});

test('a model that is not the card’s, or no model', async () => {
  const other = await exportTiny(scratch('other'));
  writeFileSync(join(other, 'encoder.onnx'), readFileSync(join(other, 'decoder.onnx')));
  expect(await inputErrorOf(encoding({ exported: other }))).toContain('encoder.onnx: its SHA-256 is not the one');
  writeFileSync(join(other, 'encoder.onnx'), 'no model');
  await writeTinyCard(other);
  expect(await inputErrorOf(encoding({ exported: other }))).toContain('encoder.onnx: it is no ONNX file');
  expect(outputs()).toEqual([]);
});

test('a corrupt image near the end of a folder: no file is left', async () => {
  const folder = scratch('images');
  mkdirSync(folder);
  const raw = { height: tiny.height, width: tiny.width, channels: 1 as const };
  for (let i = 0; i < 60; i++) {
    const file = join(folder, `${String(i).padStart(2, '0')}.png`);
    await sharp(Buffer.alloc(tiny.pixels, i), { raw }).toColourspace('b-w').png().toFile(file);
  }
  const out = scratch('out/images.parquet');
  await encoding({ data: folder, out, batchSize: 4 });
  const before = readFileSync(out);
  const broken = readFileSync(join(folder, '57.png'));
  writeFileSync(join(folder, '57.png'), broken.subarray(0, broken.length - 25));
  expect(await inputErrorOf(encoding({ data: folder, out, batchSize: 4 }))).toContain('57.png');
  expect(readFileSync(out).equals(before)).toBe(true);
  expect(outputs()).toEqual(['images.parquet']);
});

test('an interruption: neither the output nor an open file is left', async () => {
  const out = scratch('out/interrupted.parquet');
  const many = tinyData(scratch('many'), 20_000);
  const run = async (): Promise<void> => {
    const controller = new AbortController();
    const done: number[] = [];
    const progress = (count: number) => {
      done.push(count);
      if (count >= 5000) controller.abort();
    };
    await expect(encoding({ data: many, out, progress, signal: controller.signal })).rejects.toThrow(Interrupted);
    expect(done.at(-1)).toBeLessThan(20_000);
  };
  await run();
  const open = openFiles();
  await run();
  expect(openFiles()).toBe(open);
  expect(outputs()).not.toContain('interrupted.parquet');
  expect(outputs().filter((name) => name.startsWith('.'))).toEqual([]);
});

const mounted = scratch('mounted');
mkdirSync(mounted);

function mount(options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', mounted], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const unmount = () => execFileSync('umount', [mounted]);
const canMount = mount('size=64k');
if (canMount) unmount();

test.runIf(canMount)('a disk that is full before the end', async () => {
  mount('size=64k');
  try {
    for (const name of ['x.parquet', 'x.npy']) {
      const many = tinyData(scratch('too-many'), 50_000);
      const failure = await encoding({ data: many, out: join(mounted, name) }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EnvironmentError);
      expect(failure).toHaveProperty('message', expect.stringMatching(/x\.(parquet|npy): the disk is full/));
      expect(readdirSync(mounted)).toEqual([]);
    }
  } finally {
    unmount();
  }
});

test('latents for images, though four numbers could be pixels', async () => {
  const four = scratch('latents/four.parquet');
  mkdirSync(scratch('latents'));
  const writer = parquetWriter(four, { size: 4, errors: false, labelled: 'none', classes: undefined, about: {} });
  await writer.write({ count: 1, ids: ['0'], latents: Float32Array.of(0, 0.5, 1, 0.25), errors: undefined });
  await writer.finish();
  for (const data of [four, scratch('latents')]) {
    expect(await inputErrorOf(encoding({ data }))).toContain('it holds latents');
  }
});
