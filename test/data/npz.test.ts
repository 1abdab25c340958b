import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { npzFile, openNpz } from '../../pipeline/data/npz.ts';
import { type Member, npyBytes, zipBytes, zipCentral, zipEnd, zipLocal } from './formats.ts';
import { expectFacts, inputErrorOf, openFiles, peerPython, pixelsOf, scratchFolder } from './support.ts';

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
const labels = (name: string, ...values: number[]): Member => ({
  name: `${name}.npy`,
  data: npyBytes('|u1', [values.length], Uint8Array.from(values)),
});

// numpy 2.4.6: x = (arange(60) * 4).astype(uint8).reshape(3, 4, 5), y = array([2, 0, 1], '>i2');
// savez[_compressed](file, x_train=x, y_train=y, x_test=x[::-1][:2], y_test=y[::-1][:2].astype(int64)[:, None])
test.each(['stored', 'deflated'])("numpy's own file, %s", async (kind) => {
  const file = fileURLToPath(new URL(`fixtures/numpy-${kind}.npz`, import.meta.url));
  expect(await npzFile(file)).toHaveProperty('train');
  const [train, testing] = [await openNpz(file, 'train'), await openNpz(file, 'test')];
  expect([train.shape, testing.shape]).toEqual(Array(2).fill({ height: 4, width: 5, channels: 1 }));
  expect([train.length, testing.length]).toEqual([3, 2]);
  expect([[...(train.labels ?? [])], [...(testing.labels ?? [])]]).toEqual([
    [2, 0, 1],
    [1, 0],
  ]);
  expect(await pixelsOf(train)).toEqual(pixels);
  expect(await pixelsOf(testing)).toEqual(Uint8Array.from([...pixels.slice(40), ...pixels.slice(20, 40)]));
  await Promise.all([train.close(), testing.close()]);
});

test.each([
  ['images', 'labels'],
  ['x', 'y'],
  ['data', 'y'],
  ['arr_0', 'arr_1'],
  ['x_train', 'y_train'],
  ['train_images', 'train_labels'],
])('arrays named %s and %s', async (imageName, labelName) => {
  const file = write(zipBytes([labels('other', 1), labels(labelName, 2, 0, 1), images(imageName, true)]));
  expect(await npzFile(file)).toHaveProperty('all');
  const dataset = await openNpz(file);
  expect([...(dataset.labels ?? [])]).toEqual([2, 0, 1]);
  expect(await pixelsOf(dataset)).toEqual(pixels);
  await dataset.close();
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
      const dataset = await openNpz(write(zipBytes(members, { zip64, comment })));
      expect(await pixelsOf(dataset)).toEqual(values);
      expect([...(dataset.labels ?? [])]).toEqual([5, 6, 7]);
      await dataset.close();
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
        expect(await inputErrorOf(openNpz(file))).toContain(file);
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
      const opening = openNpz(write(bytes), 'train');
      const dataset = await opening.catch(() => undefined);
      if (!dataset) await inputErrorOf(opening);
      else expect(await pixelsOf(dataset)).toEqual(pixels); // the CRC-32 lets nothing else through
      await dataset?.close();
    }),
    { numRuns: 200 },
  );
  expect(openFiles()).toBe(before);
});

describe('bad input ends with one line that names', () => {
  const x = images('x');
  const wanted = 'images, x, data, x_train, train_images, arr_0';
  test.each<[string, Buffer, ...string[]]>([
    ['no zip archive', Buffer.from('hello'), 'end record', 'zip'],
    ['nothing inside', zipBytes([]), wanted, 'nothing'],
    ['other names', zipBytes([labels('a', 1), labels('b', 1)]), wanted, 'a.npy, b.npy'],
    ['counts differ', zipBytes([x, labels('y', 1, 2)]), ':y.npy: ', '2 labels', ':x.npy', '3 images'],
    ['wrong CRC-32', zipBytes([{ ...x, deflate: true, crc: 1 }]), 'x.npy', 'CRC-32'],
    ['longer than listed', zipBytes([{ ...x, deflate: true, size: 60 }]), 'x.npy', '60 bytes'],
    ['shorter than listed', zipBytes([{ ...x, deflate: true, size: 600 }]), 'x.npy', 'size'],
    ['two sizes', zipBytes([{ ...x, size: 600 }]), 'x.npy', 'two sizes'],
    ['encrypted', zipBytes([{ ...x, flags: 1 }]), ':x.npy: ', 'encrypted'],
    ['bzip2', zipBytes([{ ...x, method: 12 }]), ':x.npy: ', '12', 'deflated'],
    ['not npy', zipBytes([{ name: 'x.npy', data: Buffer.from('text') }]), ':x.npy: ', '\\x93NUMPY'],
    [
      'floats',
      zipBytes([{ name: 'x.npy', data: npyBytes('<f8', [1, 1, 1], new Uint8Array(8)) }]),
      ':x.npy: ',
      'float64',
      '255',
      '[0, 1]',
      'uint8',
    ],
  ])('%s', async (_, bytes, ...facts) => {
    const file = write(bytes);
    const message = await inputErrorOf(openNpz(file));
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
  const dataset = await openNpz(file);
  expect([dataset.length, dataset.labels?.at(-1)]).toEqual([count, 9]);
  const last = new Uint8Array(2 * bytes);
  await dataset.read([count - 1, 0], last);
  expect([...last.subarray(bytes - 3, bytes + 1)]).toEqual([1, 2, 3, 0]);
  await dataset.close();
});

test.skipIf(!peerPython)(
  'files of numpy and zipfile are read (skipped unless CONVAE_PEER_PYTHON names a Python)',
  async () => {
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
    const printed = execFileSync(peerPython as string, ['-c', program, stored, deflated, commented], {
      encoding: 'utf8',
    });
    for (const file of [stored, deflated, commented]) {
      const dataset = await openNpz(file);
      expect((await pixelsOf(dataset)).join(' ')).toBe(printed.trim());
      expect([...(dataset.labels ?? [])]).toEqual(Array.from({ length: 50 }, (_, i) => i % 7));
      await dataset.close();
    }
  },
);
