import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { cifarSource, isCifar } from '../../pipeline/data/formats/cifar.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import { entriesOf, patternOf, storedOf } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
const record = (image: number, ...labels: number[]) => [...labels, ...patternOf(image, 3072)];

function write(folder: string, files: Readonly<Record<string, string | readonly number[]>>): string {
  mkdirSync(path(folder), { recursive: true });
  for (const [name, contents] of Object.entries(files)) {
    writeFileSync(path(`${folder}/${name}`), typeof contents === 'string' ? contents : Uint8Array.from(contents));
  }
  return path(folder);
}

/** Channels last of planes. */
const expected = (image: number) => {
  const planes = patternOf(image, 3072);
  return Array.from({ length: 3072 }, (_, i) => planes[(i % 3) * 1024 + Math.floor(i / 3)]);
};

test('CIFAR-10: batches in natural order, names of the classes', async () => {
  const folder = write('ten', {
    'data_batch_2.bin': record(2, 9),
    'data_batch_10.bin': record(3, 1),
    'data_batch_1.bin': [...record(0, 6), ...record(1, 0)],
    'test_batch.bin': record(4, 3),
    'batches.meta.txt': 'airplane\nautomobile\n\n',
    'readme.html': '',
  });
  const before = openFiles();
  expect(await isCifar(folder)).toBe(true);
  const { train, test: held } = await cifarSource(folder);
  expect([train?.count, held?.count, train?.classes]).toEqual([4, 1, ['airplane', 'automobile']]);
  const entries = await entriesOf(train);
  expect(entries.map(({ id, label }) => [id, label])).toEqual([
    ['0', 6],
    ['1', 0],
    ['2', 9],
    ['3', 1],
  ]);
  expect(entries[1]?.where).toBe(`${folder}/data_batch_1.bin: image 1`);
  expect(await storedOf(entries[1])).toEqual([32, 32, 3, 'uint8', expected(1)]);
  expect(openFiles()).toBe(before);
});

test('CIFAR-100: the fine label; one file alone', async () => {
  const folder = write('hundred', {
    'train.bin': record(1, 11, 49),
    'test.bin': record(2, 15, 33),
    'fine_label_names.txt': 'a\nb\n',
  });
  const { train, notes } = await cifarSource(folder);
  const [entry] = await entriesOf(train);
  expect([entry?.label, train?.classes, notes.length]).toEqual([49, ['a', 'b'], 1]);
  expect((await storedOf(entry)).at(4)).toEqual(expected(1));
  const { all } = await cifarSource(`${folder}/test.bin`);
  expect((await entriesOf(all)).map(({ label }) => label)).toEqual([33]);
});

test("refused: Python's version, a file that is cut short; a folder of folders is none", async () => {
  const python = write('python', { data_batch_1: '', test_batch: '', 'batches.meta': '' });
  expect(await isCifar(python)).toBe(true);
  expectFacts(await inputErrorOf(cifarSource(python)), python, 'cifar-10-binary.tar.gz');
  const cut = write('cut', { 'test_batch.bin': record(0, 1).slice(1) });
  expectFacts(await inputErrorOf(cifarSource(cut)), 'test_batch.bin', '3072', '3073');
  for (const folder of ['train', 'test', 'meta']) mkdirSync(path(`folders/${folder}`), { recursive: true });
  expect(await isCifar(path('folders'))).toBe(false);
});

describe('STL-10', () => {
  const images = (...numbers: number[]) => numbers.flatMap((image) => patternOf(image, 27648));
  const files = {
    'train_X.bin': images(0, 1),
    'train_y.bin': [10, 1],
    'test_X.bin': images(2),
    'test_y.bin': [2],
    'class_names.txt': `${Array.from('abcdefghij').join('\n')}\n`,
    'fold_indices.txt': '0 1\n',
  };

  test('planes column by column; labels from 1 on; unlabelled images are trained on', async () => {
    const folder = write('stl', { ...files, 'unlabeled_X.bin': images(3) });
    const before = openFiles();
    const { train, test: held, notes } = await locateData(folder);
    expect([train?.count, held?.count, train?.classes?.length, notes.length]).toEqual([3, 1, 10, 1]);
    const entries = await entriesOf(train);
    expect(entries.map(({ id, label }) => [id, label])).toEqual([
      ['0', 9],
      ['1', 0],
      ['2', undefined],
    ]);
    expect((await entriesOf(held)).map(({ id, label }) => [id, label])).toEqual([['0', 1]]);
    const stored = patternOf(3, 27648);
    const upright = Array.from({ length: 27648 }, (_, i) => {
      const [row, column, channel] = [Math.floor(i / 288), Math.floor(i / 3) % 96, i % 3];
      return stored[channel * 9216 + column * 96 + row];
    });
    expect(await storedOf(entries[2])).toEqual([96, 96, 3, 'uint8', upright]);
    await train?.close();
    await held?.close();
    expect(openFiles()).toBe(before);
  });

  test('a part alone, without names; the folder around it; damaged files', async () => {
    const { 'class_names.txt': _, ...unnamed } = files;
    const folder = write('stl-unnamed', unnamed);
    const { all } = await locateData(`${folder}/train_X.bin`);
    expect((await entriesOf(all)).map(({ label }) => label)).toEqual([10, 1]);
    write('around/stl10_binary', files);
    expectFacts(await inputErrorOf(locateData(path('around'))), `--data ${path('around/stl10_binary')}`);
    const cut = write('stl-cut', { 'train_X.bin': images(0).slice(1) });
    expectFacts(await inputErrorOf(locateData(cut)), `${cut}/train_X.bin`, '27647', '27648');
    const fewer = write('stl-fewer', { ...files, 'train_y.bin': [1] });
    expectFacts(await inputErrorOf(locateData(fewer)), 'train_y.bin', '1 label', '2 images');
  });
});
