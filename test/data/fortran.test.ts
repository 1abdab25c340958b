import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { locateArrays } from '../../pipeline/data/formats/arrays.ts';
import { rowsInCOrder } from '../../pipeline/io/fortran.ts';
import { memorySource } from '../../pipeline/io/source.ts';
import { npyBytes, zipBytes } from './formats.ts';
import { contentsOf } from './sources.ts';
import { scratchFolder } from './support.ts';

const path = scratchFolder();
let files = 0;
const write = (bytes: Uint8Array): string => {
  const file = path(`file-${files++}`);
  writeFileSync(file, bytes);
  return file;
};
const read = async (images: string, labels?: string) => {
  const { all } = await locateArrays({ name: 'data', images, labels });
  return { ...(await contentsOf(all)), plain: all?.plain };
};
const counted = (length: number) => Uint8Array.from({ length }, (_, i) => i);

/** The numbers 0, 1, … of an array `[n, a, b, …]` in C's order, as Fortran stores them: the first axis varies fastest. */
const fortranOf = (shape: readonly number[], at = 0, stride = 1): number[] => {
  const [last = 1, ...others] = shape.toReversed();
  if (shape.length === 0) return [at];
  return Array.from({ length: last }, (_, i) => fortranOf(others.toReversed(), at + i * stride, stride * last)).flat();
};

describe("arrays in Fortran's order", () => {
  test.each<[string, number[]]>([
    ['images', [5, 3, 2]],
    ['images in colour', [4, 5, 2, 3]],
    ['rows of pixels', [7, 9]],
  ])('%s', async (_, shape) => {
    const numbers = fortranOf(shape);
    const expected = counted(numbers.length);
    for (const [descr, bytes] of [
      ['|u1', Uint8Array.from(numbers)],
      ['<f8', new Uint8Array(Float64Array.from(numbers).buffer)],
    ] as const) {
      const array = npyBytes(descr, shape, bytes, { fortran: true });
      const deflated = zipBytes([{ name: 'x.npy', data: array, deflate: true }]);
      for (const file of [array, gzipSync(array), zipBytes([{ name: 'x.npy', data: array }]), deflated]) {
        const { values, plain } = await read(write(file));
        expect(values).toEqual([...expected]);
        expect(plain).toBeUndefined();
      }
    }
  });

  test('labels, one-hot', async () => {
    const images = write(npyBytes('|u1', [3, 2, 2], counted(12)));
    const labels = write(npyBytes('|u1', [3, 2], Uint8Array.of(0, 1, 1, 1, 0, 0), { fortran: true }));
    expect((await read(images, labels)).labels).toEqual([
      [0, 1],
      [1, 0],
      [1, 0],
    ]);
  });

  test('blocks of rows are as the whole', async () => {
    const shape = [6, 2, 4];
    const source = memorySource('array', Uint8Array.from(fortranOf(shape)));
    const type = { name: 'uint8', kind: 'uint', bytes: 1, littleEndian: true } as const;
    const rows = await rowsInCOrder({ source, offset: 0, shape, type, fortran: true }, 2, 3);
    expect([...rows]).toEqual([...counted(48).subarray(16, 40)]);
  });
});
