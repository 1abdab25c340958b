import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openArrays } from '../../pipeline/data/array-files.ts';
import { idxBytes, npyBytes } from './formats.ts';
import { expectFacts, inputErrorOf, openFiles, peerPython, pixelsOf, scratchFolder } from './support.ts';

const path = scratchFolder();
let files = 0;
const write = (bytes: Uint8Array): string => {
  const file = path(`file-${files++}.npy`);
  writeFileSync(file, bytes);
  return file;
};

const side = fc.integer({ min: 1, max: 6 });
const shapes = fc.oneof(fc.tuple(side, side, side), fc.tuple(side, side, side, fc.constantFrom(1, 3))) as fc.Arbitrary<
  number[]
>;
const arrays = shapes.chain((shape) => {
  const length = shape.reduce((a, b) => a * b);
  return fc.record({
    shape: fc.constant(shape),
    pixels: fc.uint8Array({ minLength: length, maxLength: length }),
    version: fc.constantFrom(1, 2, 3),
    gzip: fc.boolean(),
  });
});

test('any images are read as written, in every version of the format, gzipped or not', async () => {
  await fc.assert(
    fc.asyncProperty(arrays, async ({ shape, pixels, version, gzip }) => {
      const bytes = npyBytes('|u1', shape, pixels, { version });
      const dataset = await openArrays({ images: write(gzip ? gzipSync(bytes) : bytes) });
      const [length, height, width, channels = 1] = shape;
      expect([dataset.length, dataset.labels]).toEqual([length, undefined]);
      expect(dataset.shape).toEqual({ height, width, channels });
      expect(await pixelsOf(dataset)).toEqual(pixels);
      await dataset.close();
    }),
    { numRuns: 60 },
  );
});

test('a file truncated anywhere is refused, and nothing stays open', async () => {
  const before = openFiles();
  await fc.assert(
    fc.asyncProperty(arrays, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (array, part) => {
      const complete = npyBytes('|u1', array.shape, array.pixels, array);
      const bytes = array.gzip ? gzipSync(complete) : complete;
      const file = write(bytes.subarray(0, Math.floor(part * bytes.length)));
      expect(await inputErrorOf(openArrays({ images: file }))).toContain(file);
    }),
    { numRuns: 100 },
  );
  expect(openFiles()).toBe(before);
});

test('for any change in a header, opening succeeds or ends with an InputError', async () => {
  const valid = npyBytes('|u1', [2, 3, 3], new Uint8Array(18));
  await fc.assert(
    fc.asyncProperty(fc.nat(100), fc.nat(255), async (at, byte) => {
      const bytes = Buffer.from(valid);
      bytes[at] = byte;
      const opening = openArrays({ images: write(bytes) });
      const dataset = await opening.catch(() => undefined);
      if (dataset) await dataset.close();
      else await inputErrorOf(opening);
    }),
    { numRuns: 300 },
  );
});

describe('labels', () => {
  const images = write(npyBytes('|u1', [3, 1, 1], new Uint8Array(3)));
  const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const labelsOf = async (bytes: Uint8Array) => {
    const dataset = await openArrays({ images, labels: write(bytes) });
    await dataset.close();
    return [...(dataset.labels ?? [])];
  };

  test.each([
    ['|u1', Uint8Array.of(0, 255, 7), [0, 255, 7]],
    ['|i1', Int8Array.of(0, 127, 7), [0, 127, 7]],
    ['<u2', Uint16Array.of(0, 65535, 7), [0, 65535, 7]],
    ['<i2', Int16Array.of(0, 32767, 7), [0, 32767, 7]],
    ['>i2', Uint8Array.of(0, 0, 1, 2, 0, 7), [0, 258, 7]],
    ['<u4', Uint32Array.of(0, 2 ** 31 - 1, 7), [0, 2 ** 31 - 1, 7]],
    ['<i4', Int32Array.of(0, 70000, 7), [0, 70000, 7]],
    ['>i4', Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 7), [0, 258, 7]],
    ['<i8', BigInt64Array.of(0n, 70000n, 7n), [0, 70000, 7]],
    ['<u8', BigUint64Array.of(0n, 70000n, 7n), [0, 70000, 7]],
    ['>u8', Uint8Array.from({ length: 24 }, (_, i) => (i === 15 ? 9 : 0)), [0, 9, 0]],
  ])('of type %s', async (descr, values, expected) => {
    expect(await labelsOf(npyBytes(descr, [3], bytesOf(values)))).toEqual(expected);
    expect(await labelsOf(npyBytes(descr, [3, 1], bytesOf(values)))).toEqual(expected);
  });

  test('may be idx where the images are npy', async () => {
    expect(await labelsOf(idxBytes([3], Uint8Array.of(1, 0, 2)))).toEqual([1, 0, 2]);
  });

  test.each<[string, number[], Uint8Array, ...string[]]>([
    ['<f4', [3], new Uint8Array(12), '3 float32', '[3]'],
    ['|u1', [2], new Uint8Array(2), '2 labels', images, '3 images'],
    ['|u1', [3, 2], new Uint8Array(6), '3×2 uint8', '[3]'],
    ['|u1', [], new Uint8Array(1), 'one uint8', '[3]'],
    ['|i1', [3], Uint8Array.of(0, 255, 0), 'image 1', '-1', '0', '2147483647'],
    ['<u8', [3], new Uint8Array(24).fill(255), 'image 0', '18446744073709552000', '0', '2147483647'],
  ])('%s %s that cannot be labels', async (descr, shape, values, ...facts) => {
    const labels = write(npyBytes(descr, shape, values));
    expectFacts(await inputErrorOf(openArrays({ images, labels })), `${labels}: `, ...facts);
  });
});

describe('bad input ends with one line that names', () => {
  const plain = "'fortran_order': False, 'shape': (1, 1, 1)";
  const record = `{'descr': [('a', '<i4')], ${plain}, }`;
  const huge = `{'descr': '|u1', 'fortran_order': False, 'shape': (${'9'.repeat(30)}, 1, 1), }`;
  test.each<[string, Buffer, ...string[]]>([
    ['floats', npyBytes('<f4', [1, 1, 1], new Uint8Array(4)), 'float32', 'uint8', '0 to 255', 'multiply', '[0, 1]'],
    ['int64', npyBytes('<i8', [1, 1, 1], new Uint8Array(8)), 'int64', 'uint8'],
    ['bool', npyBytes('|b1', [1, 1, 1], new Uint8Array(1)), 'bool', 'uint8'],
    ['text', npyBytes('<U5', [1], new Uint8Array(20)), '<U5', 'uint8'],
    ['an impossible width', npyBytes('<u3', [1], new Uint8Array(3)), '<u3', 'uint8'],
    ['Fortran order', npyBytes('|u1', [1, 2, 2], new Uint8Array(4), { fortran: true }), 'numpy.ascontiguousarray'],
    ['truncated', npyBytes('|u1', [2, 2, 2], new Uint8Array(7)), 'truncated', '135', '136', '2×2×2 uint8'],
    ['too long', npyBytes('|u1', [2, 2, 2], new Uint8Array(9)), 'too long', '137', '136', '2×2×2 uint8'],
    ['no images', npyBytes('|u1', [0, 28, 28], new Uint8Array()), 'no images', '0×28×28 uint8'],
    ['a flat array', npyBytes('|u1', [4, 784], new Uint8Array(3136)), '4×784 uint8', '[count, height, width]'],
    ['an unknown version', npyBytes('|u1', [1, 1, 1], new Uint8Array(1), { version: 4 }), 'version 4', '1, 2 or 3'],
    ['a record', npyBytes('', [], new Uint8Array(), { header: record }), record, 'uint8'],
    ['huge sides', npyBytes('|u1', [], new Uint8Array(), { header: huge }), 'header', '9'.repeat(30)],
  ])('%s', async (_, bytes, ...facts) => {
    const file = write(bytes);
    expectFacts(await inputErrorOf(openArrays({ images: file })), `${file}: `, ...facts);
  });
});

test.skipIf(!peerPython)('files of numpy are read (skipped unless CONVAE_PEER_PYTHON names a Python)', async () => {
  const [images, labels, wide] = [path('numpy.npy'), path('numpy-labels.npy'), path('numpy-v3.npy')];
  const program = `
import numpy as np, sys
rng = np.random.default_rng(0)
x = rng.integers(0, 256, (5, 7, 3, 3), dtype=np.uint8)
np.save(sys.argv[1], x)
np.save(sys.argv[2], np.arange(5)[::-1])
np.lib.format.write_array(open(sys.argv[3], 'wb'), x, version=(3, 0))
print(*x.ravel())`;
  const printed = execFileSync(peerPython as string, ['-c', program, images, labels, wide], { encoding: 'utf8' });
  const dataset = await openArrays({ images, labels });
  expect(dataset.shape).toEqual({ height: 7, width: 3, channels: 3 });
  expect((await pixelsOf(dataset)).join(' ')).toBe(printed.trim());
  expect([...(dataset.labels ?? [])]).toEqual([4, 3, 2, 1, 0]);
  const third = await openArrays({ images: wide });
  expect((await pixelsOf(third)).join(' ')).toBe(printed.trim());
  await Promise.all([dataset.close(), third.close()]);
});
