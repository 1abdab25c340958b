import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { locateNpz } from '../../pipeline/data/formats/npz.ts';
import type { DataSource } from '../../pipeline/data/image-source.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { type Member, npyBytes, zipBytes, zipCentral, zipEnd, zipLocal } from './formats.ts';
import { contentsOf, python } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
let files = 0;
const write = (bytes: Uint8Array): string => {
  const file = path(`file-${files++}.npz`);
  writeFileSync(file, bytes);
  return file;
};

const pixels = Uint8Array.from({ length: 3 * 4 * 5 }, (_, i) => i * 4);
const images = (name: string, deflate = false): Member => ({
  name: `${name}.npy`,
  data: npyBytes('|u1', [3, 4, 5], pixels),
  deflate,
});
/** All parts of a file. */
const read = async (file: string, options?: DataOptions) => {
  const { notes, ...sources } = await locateNpz(file, options);
  const read: Partial<Record<keyof Omit<DataSource, 'notes'>, Awaited<ReturnType<typeof contentsOf>>>> = {};
  for (const part of ['train', 'val', 'test', 'all'] as const) {
    if (sources[part]) read[part] = await contentsOf(sources[part]);
  }
  return { ...read, notes, parts: Object.keys(read) };
};
const labels = (name: string, ...values: number[]): Member => ({
  name: `${name}.npy`,
  data: npyBytes('|u1', [values.length], Uint8Array.from(values)),
});

// numpy 2.4.6: x = (arange(60) * 4).astype(uint8).reshape(3, 4, 5), y = array([2, 0, 1], '>i2');
// savez[_compressed](file, x_train=x, y_train=y, x_test=x[::-1][:2], y_test=y[::-1][:2].astype(int64)[:, None])
test.each(['stored', 'deflated'])("numpy's own file, %s", async (kind) => {
  const file = fileURLToPath(new URL(`fixtures/numpy-${kind}.npz`, import.meta.url));
  const { train, test: testing, parts, notes } = await read(file);
  expect(parts).toEqual(['train', 'test']);
  expect(notes.filter((note) => note.includes('not used'))).toEqual([]);
  expect([train?.labels, testing?.labels]).toEqual([
    [2, 0, 1],
    [1, 0],
  ]);
  expect(train?.images[0]).toMatchObject({ height: 4, width: 5, channels: 1, type: 'uint8' });
  expect(train?.values).toEqual([...pixels]);
  expect(testing?.values).toEqual([...pixels.slice(40), ...pixels.slice(20, 40)]);
  const { train: source } = await locateNpz(file);
  expect([source?.name, source?.count]).toEqual([`${file}/train`, 3]);
  const { plain } = source ?? {};
  expect(plain !== undefined).toBe(kind === 'stored');
  if (plain) expect(readFileSync(file).subarray(plain.offset, plain.offset + 60)).toEqual(Buffer.from(pixels));
});

test.each([
  ['images', 'labels'],
  ['imgs', 'target'],
  ['x', 'y'],
  ['X', 'Y'],
  ['data', 'y'],
  ['pixels', 'targets'],
  ['arr_0', 'arr_1'],
  ['x_train', 'y_train'],
  ['X_train', 'Y_train'],
  ['Xtrain', 'ytrain'],
  ['train_images', 'train_labels'],
  ['test-data', 'test-label'],
  ['faces', 'label'],
])('arrays named %s and %s', async (imageName, labelName) => {
  const file = write(zipBytes([labels('other', 1), labels(labelName, 2, 0, 1), images(imageName, true)]));
  const { all, parts, notes } = await read(file);
  expect(parts).toEqual(['all']);
  expect(all?.labels).toEqual([2, 0, 1]);
  expect(all?.values).toEqual([...pixels]);
  expectFacts(notes.join(), imageName, 'not used: other');
});

test('parts for training, validation and tests', async () => {
  const members = ['train', 'val', 'test'].flatMap((part, i) => [
    images(`${part}_images`),
    labels(`${part}_labels`, i, i, 3),
  ]);
  const { train, val, test: testing, notes } = await read(write(zipBytes(members)));
  expect([train?.labels, val?.labels, testing?.labels]).toEqual([
    [0, 0, 3],
    [1, 1, 3],
    [2, 2, 3],
  ]);
  expect(notes.filter((note) => note.includes('not used'))).toEqual([]);
  const validated = await read(write(zipBytes([images('X_train'), images('X_valid')])));
  expect(validated.parts).toEqual(['train', 'val']);
});

test('of several arrays the better name is used, and the others are noted', async () => {
  const flat = { name: 'data.npy', data: npyBytes('|u1', [3, 16], new Uint8Array(48)) };
  const { all, notes } = await read(write(zipBytes([flat, labels('target', 0, 1, 2), images('images')])));
  expect(all?.images[0]).toMatchObject({ height: 4, width: 5 });
  expectFacts(notes.join(), 'images, target', 'not used: data');
  const twins = await read(write(zipBytes([images('X'), images('x')])));
  expectFacts(twins.notes.join(), 'used: X;', 'not used: x');
  const unnamed = await read(write(zipBytes([images('arr_0'), images('arr_1')])));
  expect(unnamed.all?.labels).toEqual([undefined, undefined, undefined]);
  expectFacts(unnamed.notes.join(), 'not used: arr_1');
});

test('labels that cannot be classes are noted', async () => {
  const several = { name: 'y.npy', data: npyBytes('|u1', [3, 2], Uint8Array.of(0, 1, 1, 1, 0, 0)) };
  const measured = { name: 'y.npy', data: npyBytes('<f4', [3], new Uint8Array(Float32Array.of(0, 0.5, 1).buffer)) };
  for (const member of [several, measured]) {
    const { all, notes } = await read(write(zipBytes([images('x'), member])));
    expect(all?.labels).toEqual([undefined, undefined, undefined]);
    expectFacts(notes.join('; '), 'y (3', 'not used as labels', 'image 1', 'not used: y');
  }
});

test('any members are read as written, zip64 or not, with and without a comment', async () => {
  const archives = fc.record({
    values: fc.uint8Array({ minLength: 12, maxLength: 12 }),
    deflate: fc.boolean(),
    zip64: fc.boolean(),
    comment: fc.constantFrom('', 'a comment', 'PK\x05\x06 in a comment that looks like an end record'),
  });
  await fc.assert(
    fc.asyncProperty(archives, async ({ values, deflate, zip64, comment }) => {
      const members = [
        labels('labels', 5, 6, 7),
        { name: 'images.npy', data: npyBytes('|u1', [3, 2, 2], values), deflate },
      ];
      const { all } = await read(write(zipBytes(members, { zip64, comment })));
      expect(all?.values).toEqual([...values]);
      expect(all?.labels).toEqual([5, 6, 7]);
    }),
    { numRuns: 40 },
  );
});

test('a file truncated anywhere is refused, and nothing stays open', async () => {
  const before = openFiles();
  const archives = [true, false].flatMap((deflate) =>
    [true, false].map((zip64) => zipBytes([images('x', deflate), labels('y', 0, 1, 2)], { zip64 })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...archives),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      async (complete, part) => {
        const file = write(complete.subarray(0, Math.floor(part * complete.length)));
        expect(await inputErrorOf(read(file))).toContain(file);
      },
    ),
    { numRuns: 100 },
  );
  expect(openFiles()).toBe(before);
});

test('for any changed byte, opening succeeds or ends with an InputError', async () => {
  const before = openFiles();
  const valid = readFileSync(fileURLToPath(new URL('fixtures/numpy-deflated.npz', import.meta.url)));
  await fc.assert(
    fc.asyncProperty(fc.nat(valid.length - 1), fc.nat(255), async (at, byte) => {
      const bytes = Buffer.from(valid);
      bytes[at] = byte;
      const reading = read(write(bytes));
      const found = await reading.catch(() => undefined);
      const { train, all = train } = found ?? {};
      if (!all) await inputErrorOf(reading);
      // The CRC-32 lets no other contents through; another name may make other arrays the images.
      else expect([[...pixels], [...pixels.slice(40), ...pixels.slice(20, 40)]]).toContainEqual(all.values);
    }),
    { numRuns: 200 },
  );
  expect(openFiles()).toBe(before);
});

describe('bad input ends with one line that names', () => {
  const x = images('x');
  test.each<[string, Buffer, ...string[]]>([
    ['no zip archive', Buffer.from('hello'), 'end record', 'zip'],
    ['nothing inside', zipBytes([]), 'x_train', 'nothing'],
    ['only labels', zipBytes([labels('a', 1), labels('y', 1)]), 'x_train', 'a (1 uint8), y (1 uint8)'],
    ['two that may be images', zipBytes([images('a'), images('b')]), 'x_train', 'a (3×4×5 uint8), b (3×4×5 uint8)'],
    ['no training images', zipBytes([images('x_val'), images('x_test')]), 'val', 'test', 'training'],
    ['counts differ', zipBytes([x, labels('y', 1, 2)]), ':y.npy: ', '2 labels', ':x.npy', '3 images'],
    ['wrong CRC-32', zipBytes([{ ...x, deflate: true, crc: 1 }]), 'x.npy', 'CRC-32'],
    [
      'longer than listed',
      zipBytes([{ ...x, data: Buffer.concat([x.data, x.data]), deflate: true, size: 188 }]),
      'x.npy',
      '188 bytes',
    ],
    [
      'shorter than listed',
      zipBytes([{ ...x, data: x.data.subarray(0, 180), deflate: true, size: 188 }]),
      'x.npy',
      'size',
    ],
    ['of another size than its header', zipBytes([{ ...x, deflate: true, size: 600 }]), 'x.npy', '600', '188'],
    ['two sizes', zipBytes([{ ...x, size: 600 }]), 'x.npy', 'two sizes'],
    ['encrypted', zipBytes([{ ...x, flags: 1 }]), ':x.npy: ', 'encrypted'],
    ['bzip2', zipBytes([{ ...x, method: 12 }]), ':x.npy: ', '12', 'deflated'],
    ['not npy', zipBytes([{ name: 'x.npy', data: Buffer.from('text') }]), ':x.npy: ', '\\x93NUMPY'],
  ])('%s', async (_, bytes, ...facts) => {
    const file = write(bytes);
    const message = await inputErrorOf(read(file));
    expect(message.slice(0, file.length + 1)).toBe(`${file}:`);
    expectFacts(message, ...facts);
  });
});

test('members of more than 4 GiB, and beyond 4 GiB, are read in place', async () => {
  const [count, bytes] = [5_500_000, 784]; // 4.3 GB, most of them holes in the file
  const header = npyBytes('|u1', [count, 28, 28], new Uint8Array());
  const size = header.length + count * bytes;
  const small = labels('labels', 0);
  const labelData = npyBytes('|u1', [count], new Uint8Array(count));
  labelData[labelData.length - 1] = 9;
  const members = [
    { name: 'images.npy', head: header, size, tail: Buffer.from([1, 2, 3]) },
    { name: small.name, head: labelData, size: labelData.length, tail: Buffer.alloc(0) },
  ];
  const file = path('large.npz');
  const handle = await open(file, 'w');
  let at = 0;
  const central: Buffer[] = [];
  for (const { name, head, size: bytesOf, tail } of members) {
    const local = zipLocal(name, 0, 0, 0xffffffff, 0xffffffff);
    central.push(zipCentral({ name, method: 0, crc: 0, compressed: bytesOf, size: bytesOf, offset: at, zip64: true }));
    await handle.write(local, 0, local.length, at);
    await handle.write(head, 0, head.length, at + local.length);
    if (tail.length > 0) await handle.write(tail, 0, tail.length, at + local.length + bytesOf - tail.length);
    at += local.length + bytesOf;
  }
  const end = zipEnd(central, at, true);
  await handle.write(end, 0, end.length, at);
  await handle.close();
  const { all } = await locateNpz(file);
  const { plain } = all ?? {};
  expect([all?.count, plain?.count, plain?.labels?.at(-1)]).toEqual([count, count, 9]);
  const large = await open(file);
  const last = new Uint8Array(4);
  await large.read(last, 0, 4, (plain?.offset ?? 0) + count * bytes - 4);
  await large.close();
  expect([...last]).toEqual([0, 1, 2, 3]);
  await all?.close();
});

test.skipIf(!python)('files of numpy and zipfile are read (skipped without python3 and numpy)', async () => {
  const [stored, deflated, commented] = [path('a.npz'), path('b.npz'), path('c.npz')];
  const program = `
import numpy as np, sys, zipfile, io
x = np.random.default_rng(1).integers(0, 256, (50, 9, 8), dtype=np.uint8); y = np.arange(50) % 7
np.savez(sys.argv[1], images=x, labels=y.astype('uint16'))
np.savez_compressed(sys.argv[2], x, y)
with zipfile.ZipFile(sys.argv[3], 'w', zipfile.ZIP_DEFLATED) as z:
    z.comment = b'made by zipfile'
    for name, array in (('x', x), ('y', y)):
        b = io.BytesIO(); np.save(b, array); z.writestr(name + '.npy', b.getvalue())
print(*x.ravel())`;
  const printed = execFileSync(python as string, ['-c', program, stored, deflated, commented], {
    encoding: 'utf8',
  });
  for (const file of [stored, deflated, commented]) {
    const { all } = await read(file);
    expect(all?.values.join(' ')).toBe(printed.trim());
    expect(all?.labels).toEqual(Array.from({ length: 50 }, (_, i) => i % 7));
  }
});

test.each([
  [3, 16, 1],
  [3, 1, 16],
  [3, 16, 1, 1],
  [3, 1, 1, 16],
])('rows of pixels with axes of 1: %j', async (...shape) => {
  const rows = pixels.subarray(0, 48);
  const { all } = await read(write(zipBytes([{ name: 'x.npy', data: npyBytes('|u1', shape, rows) }])));
  expect(all?.images).toHaveLength(3);
  expect(all?.images[0]).toMatchObject({ height: 4, width: 4, channels: 1 });
  expect(all?.values).toEqual([...rows]);
});

describe('labels that are asked for', () => {
  const file = () =>
    write(
      zipBytes([
        ...['x_train', 'x_test'].map((name) => images(name)),
        labels('y_train', 0, 1, 0),
        labels('fine_train', 7, 8, 9),
        labels('fine_test', 9, 7, 8),
        labels('ages', 1, 2, 3),
      ]),
    );

  test.each(['fine', 'fine_test', 'Fine_Train'])('%s: an array of each part', async (label) => {
    const { train, test: held, notes } = await read(file(), { label });
    expect([train?.labels, held?.labels]).toEqual([
      [7, 8, 9],
      [9, 7, 8],
    ]);
    expectFacts(notes.join(), 'y_train, ages', '--label ');
    expect((await locateNpz(file(), { knownLabel: label })).label).toBe(label);
  });

  test('where an array is there for one part, others have none', async () => {
    const { train, test: held } = await read(file(), { label: 'y' });
    expect([train?.labels, held?.labels]).toEqual([[0, 1, 0], Array(3).fill(undefined)]);
    const other = await read(file(), { knownLabel: 'nothing' });
    expect(other.train?.labels).toEqual([0, 1, 0]);
  });

  test('of a set in one piece, by default another one', async () => {
    const whole = write(zipBytes([images('images'), labels('sex', 4, 5, 4), labels('labels', 0, 1, 2)]));
    expect((await read(whole)).all?.labels).toEqual([0, 1, 2]);
    expect((await read(whole, { label: 'sex' })).all?.labels).toEqual([4, 5, 4]);
    expectFacts(await inputErrorOf(read(whole, { label: 'age' })), '--label age', whole, 'sex, labels');
  });
});
