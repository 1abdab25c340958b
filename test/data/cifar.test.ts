import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cifarSource, isCifar } from '../../pipeline/data/formats/cifar.ts';
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
