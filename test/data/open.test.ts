import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { ImageDataset } from '../../pipeline/data/dataset.ts';
import { absoluteSpec, shortSpec } from '../../pipeline/data/formats.ts';
import { openSplit, openSplits } from '../../pipeline/data/open.ts';
import { idxBytes, npyBytes, zipBytes } from './formats.ts';
import { expectFacts, inputErrorOf, openFiles, pixelsOf, scratchFolder, trainAndTest } from './support.ts';

const path = scratchFolder();
const save = (file: string, bytes: Uint8Array): string => {
  mkdirSync(dirname(path(file)), { recursive: true });
  writeFileSync(path(file), bytes);
  return path(file);
};
const idsOf = (dataset: ImageDataset) => Array.from({ length: dataset.length }, (_, i) => dataset.id(i));
/** `count` images of 2×2 whose pixels are their number. */
const numbered = (count: number, from = 0) =>
  Uint8Array.from({ length: 4 * count }, (_, i) => from + Math.floor(i / 4));
const numbersOf = async (dataset: ImageDataset) => [...(await pixelsOf(dataset))].filter((_, i) => i % 4 === 0);
const png = async (file: string, level: number, size = 2) =>
  save(
    file,
    await sharp({ create: { width: size, height: size, channels: 3, background: { r: level, g: level, b: level } } })
      .toColourspace('b-w')
      .png()
      .toBuffer(),
  );

test('mnist: two parts, and all of it', async () => {
  const { name, train, test: testing } = await trainAndTest('mnist');
  expect([name, train.length, testing.length]).toEqual(['mnist', 60000, 10000]);
  await Promise.all([train.close(), testing.close()]);
  const all = await openSplit('mnist', 'all');
  expect([all.length, all.id(0), all.id(59999), all.id(60000), all.id(69999)]).toEqual([
    70000,
    'train/0',
    'train/59999',
    'test/0',
    'test/9999',
  ]);
  expect([59999, 60000].map((i) => all.labels?.[i])).toEqual([8, 7]);
  // numpy: sha256(b'convae images 28x28x1 70000 labels\n' + labels.astype('<i4').tobytes() + pixels.tobytes())
  expect(await all.fingerprint()).toBe('sha256:e11698c4f4c5a511699e62da43bc5bbbb09b76ad6eacad88af0b37610e683d91');
  await all.close();
  const one = await openSplit('mnist', 'test');
  expect([one.name, one.length, one.id(0)]).toEqual(['mnist/test', 10000, '0']);
  await one.close();
});

describe('a data set in one piece', () => {
  const file = save('full.npy', npyBytes('|u1', [200, 2, 2], numbered(200)));
  const labels = save(
    'full-labels.npy',
    npyBytes(
      '|u1',
      [200],
      Uint8Array.from({ length: 200 }, (_, i) => i % 7),
    ),
  );

  test('has a tenth held out, always the same, in order', async () => {
    const { train, test: testing } = await trainAndTest(`${file},${labels}`);
    const [inTrain, inTest] = [await numbersOf(train), await numbersOf(testing)];
    expect([train.length, testing.length]).toEqual([180, 20]);
    expect([...inTrain, ...inTest].sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(inTrain).toEqual(inTrain.toSorted((a, b) => a - b));
    expect(idsOf(testing)).toEqual(inTest.map(String));
    expect([...(testing.labels ?? [])]).toEqual(inTest.map((i) => i % 7));
    expect([...(train.labels ?? [])]).toEqual(inTrain.map((i) => i % 7));
    await train.close();
    expect(await numbersOf(testing)).toEqual(inTest); // the file they share is open until both are closed
    await testing.close();

    const again = await openSplit(file, 'test');
    expect(await numbersOf(again)).toEqual(inTest);
    await again.close();
    // The rule must never change: it decides the test sets of users' own data. FNV-1a of '0/<id>', then MurmurHash3's
    // finaliser, the 20 lowest of 200, computed in Python.
    expect(inTest).toEqual([1, 16, 29, 30, 32, 40, 54, 55, 90, 100, 108, 112, 125, 130, 140, 141, 171, 175, 177, 187]);
  });

  test.each([2, 4, 14, 16])('of %i images has a tenth held out, at least one', async (length) => {
    const { train, test: testing } = await trainAndTest(
      save(`${length}.npy`, npyBytes('|u1', [length, 2, 2], numbered(length))),
    );
    const held = Math.max(1, Math.round(length / 10));
    expect([train.length, testing.length]).toEqual([length - held, held]);
    await Promise.all([train.close(), testing.close()]);
  });

  test('in full is in its own order', async () => {
    const all = await openSplit(`${file},${labels}`, 'all');
    expect(await numbersOf(all)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect([all.name, all.id(17)]).toEqual([`${file},${labels}`, '17']);
    await all.close();
  });

  test.each([undefined, 0.1])(
    'of one image is not split, nor two divided further (validation share %s)',
    async (valSplit) => {
      const open = openFiles();
      const single = save('single.npy', npyBytes('|u1', [1, 2, 2], numbered(1)));
      const { train, val, test: testing } = await openSplits(single, { valSplit });
      expect([train.length, val, testing]).toEqual([1, undefined, undefined]);
      const image = await openSplit(single, undefined, { valSplit });
      expect(await numbersOf(image)).toEqual([0]);
      expectFacts(await inputErrorOf(openSplit(single, 'test', { valSplit })), `${single}: `, 'no test part');
      const two = await openSplits(save('two.npy', npyBytes('|u1', [2, 2, 2], numbered(2))), { valSplit });
      expect([two.train.length, two.val, two.test?.length]).toEqual([1, undefined, 1]);
      await Promise.all([train, image, two.train, two.test].map((part) => part?.close()));
      expect(openFiles()).toBe(open);
    },
  );

  test('may have a comma in its name', async () => {
    const comma = save('a,b.npy', npyBytes('|u1', [3, 2, 2], numbered(3)));
    const all = await openSplit(comma, 'all');
    expect([all.length, all.labels]).toEqual([3, undefined]);
    await all.close();
  });
});

describe('a data set in two parts', () => {
  test.each([
    ['train-images-idx3-ubyte', 't10k-images-idx3-ubyte', 'labels-idx1-ubyte', false],
    ['train-images-idx3-ubyte.gz', 't10k-images-idx3-ubyte.gz', 'labels-idx1-ubyte.gz', true],
    ['train-images.idx3-ubyte', 't10k-images.idx3-ubyte', 'labels.idx1-ubyte', false],
  ])('a folder with %s', async (trainFile, testFile, labelFile, gzip) => {
    const packed = (bytes: Buffer) => (gzip ? gzipSync(bytes) : bytes);
    const folder = `idx-${labelFile}`;
    save(`${folder}/${trainFile}`, packed(idxBytes([5, 2, 2], numbered(5))));
    save(`${folder}/${testFile}`, packed(idxBytes([3, 2, 2], numbered(3, 5))));
    save(`${folder}/train-${labelFile}`, packed(idxBytes([5], Uint8Array.of(4, 3, 2, 1, 0))));
    save(`${folder}/t10k-${labelFile}`, packed(idxBytes([3], Uint8Array.of(1, 2, 3))));
    const all = await openSplit(path(folder), 'all');
    expect(await numbersOf(all)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...(all.labels ?? [])]).toEqual([4, 3, 2, 1, 0, 1, 2, 3]);
    const mixed = new Uint8Array(16);
    await all.read([7, 0, 5, 4], mixed);
    expect([...mixed].filter((_, i) => i % 4 === 0)).toEqual([7, 0, 5, 4]);
    await all.close();
  });

  test('a folder with train and test: the classes are those of both', async () => {
    await png('splits/train/b/1.png', 1);
    await png('splits/train/c/2.png', 2);
    await png('splits/test/a/3.png', 3);
    await png('splits/test/c/4.png', 4);
    const { train, test: testing } = await trainAndTest(path('splits'));
    expect([train.classes, testing.classes]).toEqual(Array(2).fill(['a', 'b', 'c']));
    expect([[...(train.labels ?? [])], [...(testing.labels ?? [])]]).toEqual([
      [1, 2],
      [0, 2],
    ]);
    expect([idsOf(train), idsOf(testing)]).toEqual([
      ['b/1.png', 'c/2.png'],
      ['a/3.png', 'c/4.png'],
    ]);
    const all = await openSplit(path('splits'), 'all');
    expect(idsOf(all)).toEqual(['train/b/1.png', 'train/c/2.png', 'test/a/3.png', 'test/c/4.png']);
    expect(await numbersOf(all)).toEqual([1, 2, 3, 4]);
    await Promise.all([train, testing, all].map((set) => set.close()));
  });

  test('npz with x_train and x_test', async () => {
    const member = (name: string, count: number, from: number) => ({
      name: `${name}.npy`,
      data: npyBytes('|u1', [count, 2, 2], numbered(count, from)),
      deflate: true,
    });
    const file = save('keras.npz', zipBytes([member('x_test', 2, 10), member('x_train', 3, 0)]));
    const all = await openSplit(file, 'all');
    expect(await numbersOf(all)).toEqual([0, 1, 2, 10, 11]);
    expect(all.labels).toBeUndefined();
    await all.close();
  });

  test('parts that do not fit each other', async () => {
    save('sizes/train-images-idx3-ubyte', idxBytes([2, 2, 2], numbered(2)));
    save('sizes/t10k-images-idx3-ubyte', idxBytes([1, 4, 2], numbered(2)));
    const sizes = await inputErrorOf(openSplits(path('sizes')));
    expectFacts(sizes, `${path('sizes')}: `, '2x2 (2)', '2x4 (1)', '--size ');
  });

  test('labels in one part only', async () => {
    await png('half/train/a/1.png', 1);
    await png('half/test/2.png', 2);
    const { train, test: testing } = await trainAndTest(path('half'));
    expect([train.classes, [...(train.labels ?? [])], testing.labels]).toEqual([['a'], [0], undefined]);
    const all = await openSplit(path('half'), 'all');
    expect([...(all.labels ?? [])]).toEqual([0, -1]);
    for (const part of [train, testing, all]) await part.close();
  });
});

describe('anything else ends with one line that names', () => {
  const file = save('some.npy', npyBytes('|u1', [3, 2, 2], numbered(3)));
  const npz = save('l.npz', zipBytes([]));
  const image = save('picture.png', Buffer.from('\x89PNG', 'latin1'));
  test.each<[string, string, ...string[]]>([
    ['an unknown name', 'mnits', '--data mnits: ', "'mnits'", 'mnist', 'convae data --help'],
    ['an address', 'https://example.org/a.zip', '--data https://example.org/a.zip: ', 'download it first'],
    ['an empty name', '', '--data : ', "''", 'mnist', 'convae data --help'],
    ['missing labels', `${file},none.npy`, `--data ${file},none.npy: `, "'none.npy'", 'mnist', 'convae data --help'],
    [
      'labels of a folder',
      `${path('')},${file}`,
      `--data ${path('')},${file}: `,
      'a folder',
      'subfolders',
      `'${file}'`,
    ],
    ['labels of an npz', `${npz},${file}`, `--data ${npz},${file}: `, 'an npz file', 'an array in it', `'${file}'`],
    ['a damaged image', image, `${image}: `, 'cannot be decoded'],
    ['a device', '/dev/null', '/dev/null: ', 'pipe or a device', 'file'],
  ])('%s', async (_, spec, ...facts) => {
    expectFacts(await inputErrorOf(openSplits(spec)), ...facts);
  });
});

test('the same images are read at the same time', async () => {
  const file = save('twice.npy', npyBytes('|u1', [30, 2, 2], numbered(30)));
  const sets = await Promise.all(Array.from({ length: 4 }, () => openSplit(file, 'all', { cache: path('shared') })));
  for (const set of sets) {
    expect(await numbersOf(set)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    await set.close();
  }
});

test.each([
  [
    'an array',
    'stamped.npy',
    async (file: string, level: number) => save(file, npyBytes('|u1', [4, 2, 2], new Uint8Array(16).fill(level))),
  ],
  ['a folder', 'stamped', async (file: string, level: number) => png(`${file}/1.png`, level)],
])(
  '%s of the same size and time, but other pixels, is read again; another spelling of its path is the same',
  async (_, name, write) => {
    const level = async (spec: string) => {
      const set = await openSplit(spec, 'all', { cache: path(`${name}-cache`) });
      const [pixel] = await pixelsOf(set);
      await set.close();
      return pixel;
    };
    const folders = () => readdirSync(path(`${name}-cache`)).filter((entry) => !entry.includes('.'));
    for (const grey of [7, 8]) {
      utimesSync(await write(name, grey), 499162500, 499162500); // as npm unpacks files
      expect(await level(path(name))).toBe(grey);
      const found = folders();
      expect(await level(relative('', path(name)))).toBe(grey);
      expect(folders()).toEqual(found);
    }
  },
);

test('nothing stays open', async () => {
  const file = save('leak.npy', npyBytes('|u1', [30, 2, 2], numbered(30)));
  await (await openSplit(file, 'all')).close();
  const before = openFiles();
  for (const split of ['train', 'test', 'all'] as const) {
    for (const spec of [file, 'mnist']) {
      const dataset = await openSplit(spec, split);
      await dataset.close();
      await dataset.close();
    }
  }
  const { train, test: testing } = await trainAndTest(file);
  await Promise.all([train.close(), testing.close()]);
  expect(openFiles()).toBeLessThanOrEqual(before);
});

test('a recorded value means the same in any folder, and is relative where that is shorter', () => {
  const here = process.cwd();
  for (const [typed, absolute, short] of [
    ['mnist', 'mnist', 'mnist'],
    ['./mnist', join(here, 'mnist'), './mnist'],
    ['a.npy,b/c.npy', `${join(here, 'a.npy')},${join(here, 'b/c.npy')}`, 'a.npy,b/c.npy'],
    ['.', here, '.'],
    ['/a', '/a', '/a'],
    ['photos/', join(here, 'photos'), 'photos'],
  ] as const) {
    expect([absoluteSpec(typed), shortSpec(absolute)]).toEqual([absolute, short]);
    expect(shortSpec(typed)).toBe(typed); // of an earlier version
  }
});
