import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { scratchFolder } from '../data/support.ts';
import { exportTiny } from '../encode/tiny-model.ts';
import { call } from './call.ts';

/*
 * An output that cannot be written is refused before the work: the data, or the run, of these commands do not exist, and yet it is
 * the output that they name.
 */

const scratch = scratchFolder();
beforeAll(async () => {
  writeFileSync(scratch('file'), '');
  mkdirSync(scratch('folder/own'), { recursive: true });
  writeFileSync(scratch('folder/own/cat.jpg'), '');
  symlinkSync('loop', scratch('loop'));
  await exportTiny(scratch('model'));
});

/** Each command that writes, without the path; then the kind of its output. */
const commands = [
  [['data', 'none', '--sheet'], '.png'],
  [['train', 'cae', '--data', 'none', '--run'], ''],
  [['export', 'none', '--out'], ''],
  [['encode', 'model', '--data', 'none', '--out'], '.parquet'],
  [['encode', 'model', '--data', 'none', '--out'], '.npy'],
  [['encode', 'model', '--data', 'none', '--shards', '2', '--out'], ''],
  [['evaluate', 'model', '--data', 'none', '--out'], ''],
  [['evaluate', 'model', '--data', 'none', '--pictures-only', '--out'], ''],
  [['cluster', 'model', '--data', 'none', '--out'], ''],
  [['outliers', 'model', '--data', 'none', '--out'], ''],
  [['neighbors', 'model', '--data', 'none', '--query', 'none', '--sheet'], '.png'],
  [['duplicates', 'model', '--data', 'none', '--sheet'], '.png'],
  [['sample', 'none', '--out'], ''],
  [['reconstruct', 'model', '--data', 'none', '--out'], ''],
  [['site', 'model', '--data', 'none', '--out'], ''],
] as const;

test.each(commands)('%j refuses an output that cannot be written', async (args, extension) => {
  const folder = scratch('.');
  mkdirSync(join(folder, `taken${extension}`), { recursive: true });
  const wrong = [
    `file/out${extension}`,
    `/proc/out${extension}`,
    `loop/out${extension}`,
    `${'x'.repeat(300)}${extension}`,
    ...(extension ? [`taken${extension}`] : ['file', 'folder/own', 'new/grid.png', 'model.ONNX']),
  ].filter((path) => !/own|new|ONNX/.test(path) || !(args[0] === 'train' || args[4] === '--shards'));
  for (const path of wrong) {
    const { code, stderr } = await call([...args, path], { cwd: folder });
    expect([path, code, stderr]).toEqual([path, 2, expect.stringContaining(path.slice(0, 100))]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  }
  const { code, stderr } = await call([...args, `new/deep/out${extension}`], { cwd: folder });
  expect([code, stderr]).toEqual([2, expect.stringMatching(/none/)]);
  expect(existsSync(join(folder, 'new'))).toBe(false);
  expect(readdirSync(join(folder, 'folder/own'))).toEqual(['cat.jpg']);
});

/** Each command that writes pictures, with the data that the model names, without the path; then the kind of its output. */
const drawing = [
  ...commands.filter(([[name]]) => name !== 'encode' && name !== 'export' && name !== 'sample'),
  [['evaluate', 'model', '--out'], ''],
  [['evaluate', 'model', '--pictures-only', '--out'], ''],
  [['gallery', '--data', 'none', '--out'], ''],
  [['gallery', '--data', 'none', '--runs'], ''],
  [['neighbors', 'model', '--data', 'mnist', '--query', 'none', '--sheet'], '.png'],
  [['sample', 'model', '--out'], ''],
  [['site', 'model', '--out'], ''],
] as const;

test.each(drawing)('%j writes no pictures among the images', async (args, extension) => {
  const folder = scratch('among');
  const images = join(folder, 'by hand'); // the data that the tiny model names
  mkdirSync(images, { recursive: true });
  writeFileSync(join(images, 'cat.jpg'), '');
  cpSync(scratch('model'), join(folder, 'model'), { recursive: true });
  for (const path of [`by hand/out${extension}`, `by hand/new/deep/out${extension}`]) {
    const { code, stderr } = await call([...args.map((arg) => (arg === 'none' ? 'by hand' : arg)), path], {
      cwd: folder,
    });
    expect([path, code, stderr]).toEqual([path, 2, expect.stringContaining(`cannot write ${path}`)]);
    expect(readdirSync(images)).toEqual(['cat.jpg']);
  }
});
