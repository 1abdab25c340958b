import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { isIdxFolder, locateIdxFolder } from '../../pipeline/data/formats/idx-folder.ts';
import { idxBytes, npyBytes, zipBytes } from './formats.ts';
import { contentsOf } from './sources.ts';
import { expectFacts, inputErrorOf, scratchFolder } from './support.ts';

const path = scratchFolder();
const save = (file: string, bytes: Uint8Array): void => {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), file.endsWith('.gz') ? gzipSync(bytes) : bytes);
};
/** Images of 2×2 whose pixels are their number. */
const numbered = (count: number, from = 0) =>
  Uint8Array.from({ length: 4 * count }, (_, i) => from + Math.floor(i / 4));
const read = async (folder: string) => {
  const { train, val, test: testing, all, notes } = await locateIdxFolder(path(folder));
  const found = await Promise.all([train, val, testing, all].map((source) => source && contentsOf(source)));
  const numbers = found.map((each) => each?.values.filter((_, i) => i % 4 === 0));
  return { numbers, labels: found.map((each) => each?.labels), found, notes };
};

describe('the usual names', () => {
  test.each([
    ['plain', 'train-images-idx3-ubyte', 't10k-images-idx3-ubyte', 'labels-idx1-ubyte'],
    ['gzipped', 'train-images-idx3-ubyte.gz', 't10k-images-idx3-ubyte.gz', 'labels-idx1-ubyte.gz'],
    ['dots', 'train-images.idx3-ubyte', 't10k-images.idx3-ubyte', 'labels.idx1-ubyte'],
    ['MNIST/raw', 'train-images-idx3-ubyte', 't10k-images-idx3-ubyte', 'labels-idx1-ubyte'],
    ['root/FashionMNIST/raw', 'train-images-idx3-ubyte', 't10k-images-idx3-ubyte', 'labels-idx1-ubyte'],
  ])('%s with %s', async (folder, trainFile, testFile, labelFile) => {
    save(`${folder}/${trainFile}`, idxBytes([5, 2, 2], numbered(5)));
    save(`${folder}/${testFile}`, idxBytes([3, 2, 2], numbered(3, 5)));
    save(`${folder}/train-${labelFile}`, idxBytes([5], Uint8Array.of(4, 3, 2, 1, 0)));
    save(`${folder}/t10k-${labelFile}`, idxBytes([3], Uint8Array.of(1, 2, 3)));
    const roots = folder.endsWith('/raw') ? [folder, dirname(folder)] : [folder];
    for (const root of folder.startsWith('root') ? [...roots, 'root'] : roots) {
      expect(await isIdxFolder(path(root))).toBe(true);
      const { numbers, labels } = await read(root);
      expect(numbers).toEqual([[0, 1, 2, 3, 4], undefined, [5, 6, 7], undefined]);
      expect(labels).toEqual([[4, 3, 2, 1, 0], undefined, [1, 2, 3], undefined]);
    }
  });

  test('of one part, without labels', async () => {
    save('one/t10k-images-idx3-ubyte', idxBytes([2, 2, 2], numbered(2)));
    const { numbers, labels } = await read('one');
    expect(numbers).toEqual([undefined, undefined, undefined, [0, 1]]);
    expect(labels[3]).toEqual([undefined, undefined]);
  });

  test('EMNIST: upright, labels from 1', async () => {
    for (const part of ['train', 'test']) {
      save(`EMNIST/raw/emnist-letters-${part}-images-idx3-ubyte.gz`, idxBytes([1, 2, 2], Uint8Array.of(1, 2, 3, 4)));
      save(`EMNIST/raw/emnist-letters-${part}-labels-idx1-ubyte.gz`, idxBytes([1], Uint8Array.of(26)));
    }
    const { found, notes } = await read('EMNIST');
    expect(found[0]?.values).toEqual([1, 3, 2, 4]);
    expect([found[0]?.labels, found[2]?.labels]).toEqual([[26], [26]]);
    expectFacts(notes.join(), 'column by column');
  });

  test('QMNIST: the first column of its labels', async () => {
    save('QMNIST/raw/qmnist-train-images-idx3-ubyte', idxBytes([2, 2, 2], numbered(2)));
    const rows = Buffer.from(Int32Array.of(7, 4, 100, 0, 0, 0, 0, 0, 3, 4, 101, 1, 0, 0, 0, 0).buffer).swap32();
    save('QMNIST/raw/qmnist-train-labels-idx2-int', idxBytes([2, 8], rows, 12));
    expect((await read('QMNIST')).labels[3]).toEqual([7, 3]);
  });

  test('KMNIST as npz', async () => {
    const npz = (shape: number[], bytes: Uint8Array) =>
      zipBytes([{ name: 'arr_0.npy', data: npyBytes('|u1', shape, bytes), deflate: true }]);
    for (const [part, from] of [
      ['train', 0],
      ['test', 2],
    ] as const) {
      save(`kmnist/k49-${part}-imgs.npz`, npz([2, 2, 2], numbered(2, from)));
      save(`kmnist/k49-${part}-labels.npz`, npz([2], Uint8Array.of(48, from)));
    }
    const { numbers, labels } = await read('kmnist');
    expect([numbers[0], numbers[2]]).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect([labels[0], labels[2]]).toEqual([
      [48, 0],
      [48, 2],
    ]);
  });
});

test('several sets are refused with their names and what to pass', async () => {
  for (const set of ['emnist-digits', 'emnist-letters']) {
    save(`several/${set}-train-images-idx3-ubyte`, idxBytes([2, 2, 2], numbered(2)));
  }
  const message = await inputErrorOf(locateIdxFolder(path('several')));
  const example = path('several/emnist-digits-train-images-idx3-ubyte');
  expectFacts(message, `${path('several')}: `, 'emnist-digits, emnist-letters', `--data ${example}`);
});

test('other folders are none', async () => {
  save('photos/train/cat/1.png', new Uint8Array(1));
  save('photos/train-labels-idx1-ubyte', new Uint8Array(1));
  expect([await isIdxFolder(path('photos')), await isIdxFolder(path('nowhere'))]).toEqual([false, false]);
});
