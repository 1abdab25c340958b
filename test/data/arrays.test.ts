import { execFileSync } from 'node:child_process';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { locateArrays } from '../../pipeline/data/formats/arrays.ts';
import type { DataOptions } from '../../pipeline/data/options.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';
import { idxBytes, npyBytes, zipBytes } from './formats.ts';
import { contentsOf, python } from './sources.ts';
import { expectFacts, inputErrorOf, openFiles, scratchFolder } from './support.ts';

const path = scratchFolder();
let files = 0;
const write = (bytes: Uint8Array, ending = ''): string => {
  const file = path(`file-${files++}${ending}`);
  writeFileSync(file, bytes);
  return file;
};
const bytesOf = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const counted = (length: number) => Uint8Array.from({ length }, (_, i) => i);

const locate = (images: string, labels?: string, options?: DataOptions) =>
  locateArrays({ name: 'data', images, labels }, options);
const read = async (images: string, labels?: string, options?: DataOptions) => {
  const { all, notes } = await locate(images, labels, options);
  return { ...(await contentsOf(all)), plain: all?.plain, count: all?.count, notes };
};

const side = fc.integer({ min: 5, max: 8 });
const shapes = fc.oneof(
  fc.tuple(side, side, side),
  fc.tuple(side, side, side, fc.constantFrom(1, 3, 4)),
) as fc.Arbitrary<number[]>;
const arrays = shapes.chain((shape) => {
  const length = shape.reduce((a, b) => a * b);
  return fc.record({
    shape: fc.constant(shape),
    pixels: fc.uint8Array({ minLength: length, maxLength: length }),
    labels: fc.uint8Array({ minLength: shape[0] as number, maxLength: shape[0] as number }),
    version: fc.constantFrom(0, 1, 2, 3), // 0: idx
    gzip: fc.boolean(),
  });
});
type Arrays = typeof arrays extends fc.Arbitrary<infer T> ? T : never;
const packed = ({ version, gzip }: Arrays, shape: number[], numbers: Uint8Array) => {
  const bytes = version === 0 ? idxBytes(shape, numbers) : npyBytes('|u1', shape, numbers, { version });
  return gzip ? gzipSync(bytes) : bytes;
};

test('any images and labels are read as written: idx, npy of every version, gzipped or not', async () => {
  await fc.assert(
    fc.asyncProperty(arrays, async (array) => {
      const { shape, pixels, labels, gzip } = array;
      const found = await read(write(packed(array, shape, pixels)), write(packed(array, [labels.length], labels)));
      const [count, height, width, channels = 1] = shape;
      expect(found.images[0]).toMatchObject({ height, width, channels, type: 'uint8' });
      expect(found.count).toBe(count);
      expect(found.ids).toEqual(Array.from({ length: labels.length }, (_, i) => String(i)));
      expect(found.labels).toEqual([...labels]);
      expect(found.values).toEqual([...pixels]);
      expect(found.plain !== undefined).toBe(!gzip && channels !== 4);
    }),
    { numRuns: 60 },
  );
});

test('a file truncated anywhere is refused, and nothing stays open', async () => {
  const before = openFiles();
  await fc.assert(
    fc.asyncProperty(arrays, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (array, part) => {
      const bytes = packed(array, array.shape, array.pixels);
      const file = write(bytes.subarray(0, Math.floor(part * bytes.length)));
      expect(await inputErrorOf(read(file))).toContain(file);
    }),
    { numRuns: 100 },
  );
  expect(openFiles()).toBe(before);
});

test('for any bytes, reading succeeds or ends with an InputError', async () => {
  const valid = [idxBytes([2, 3, 3], counted(18)), npyBytes('|u1', [2, 3, 3], counted(18))];
  const changed = fc.tuple(fc.constantFrom(...valid), fc.nat(100), fc.nat(255)).map(([whole, at, byte]) => {
    const bytes = Buffer.from(whole);
    bytes[at % bytes.length] = byte;
    return bytes;
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 64 }), changed), async (bytes) => {
      const reading = read(write(bytes));
      const found = await reading.catch(() => undefined);
      if (!found) await inputErrorOf(reading);
    }),
    { numRuns: 300 },
  );
});

describe('numbers of any type:', () => {
  const half = Uint16Array.of(0x0000, 0x3800, 0x3c00, 0xbc00); // 0, 0.5, 1, −1
  test.each<[string, Uint8Array, string, number[]]>([
    ['|b1', Uint8Array.of(0, 1, 1, 0), 'bool', [0, 1, 1, 0]],
    ['|i1', Uint8Array.of(0, 255, 127, 128), 'int8', [0, -1, 127, -128]],
    ['<u2', bytesOf(Uint16Array.of(0, 1, 4095, 65535)), 'uint16', [0, 1, 4095, 65535]],
    ['>u2', Uint8Array.of(0, 0, 0, 1, 15, 255, 255, 255), 'uint16', [0, 1, 4095, 65535]],
    ['>i2', Uint8Array.of(0, 0, 255, 255, 127, 255, 128, 0), 'int16', [0, -1, 32767, -32768]],
    ['<i4', bytesOf(Int32Array.of(0, -1, 70000, 7)), 'int32', [0, -1, 70000, 7]],
    ['<u4', bytesOf(Uint32Array.of(0, 1, 2 ** 32 - 1, 7)), 'uint32', [0, 1, 2 ** 32 - 1, 7]],
    ['<i8', bytesOf(BigInt64Array.of(0n, -1n, 255n, 2n ** 40n)), 'int64', [0, -1, 255, 2 ** 40]],
    ['>i8', bytesOf(BigInt64Array.of(1n, -256n, 255n, 0n)).reverse(), 'int64', [0, 255, -256, 1]],
    ['<u8', bytesOf(BigUint64Array.of(0n, 1n, 255n, 2n ** 63n)), 'uint64', [0, 1, 255, 2 ** 63]],
    ['<f2', bytesOf(half), 'float16', [0, 0.5, 1, -1]],
    ['<f4', bytesOf(Float32Array.of(0, 0.5, 1, -2.5)), 'float32', [0, 0.5, 1, -2.5]],
    ['>f4', bytesOf(Float32Array.of(-2.5, 1, 0.5, 0)).reverse(), 'float32', [0, 0.5, 1, -2.5]],
    ['>f8', bytesOf(Float64Array.of(-2.5, 1, 0.1, 0)).reverse(), 'float64', [0, 0.1, 1, -2.5]],
  ])('%s', async (descr, bytes, type, values) => {
    const found = await read(write(npyBytes(descr, [1, 2, 2], bytes)));
    expect(found.images[0]?.type).toBe(type);
    expect(found.values).toEqual(values);
    expect(found.plain).toBeUndefined();
  });

  test.each<[number, Uint8Array, string, number[]]>([
    [9, Uint8Array.of(255), 'int8', [-1]],
    [11, Uint8Array.of(1, 2), 'int16', [258]],
    [12, Uint8Array.of(0, 0, 1, 2), 'int32', [258]],
    [13, Uint8Array.of(0x3f, 0, 0, 0), 'float32', [0.5]],
    [14, Uint8Array.of(0x3f, 0xe0, 0, 0, 0, 0, 0, 0), 'float64', [0.5]],
  ])('idx of type %d', async (code, bytes, type, values) => {
    const found = await read(write(idxBytes([1, 1, 1], bytes, code)));
    expect([found.images[0]?.type, found.values]).toEqual([type, values]);
  });
});

describe('shapes:', () => {
  const npy = (shape: number[], numbers = counted(shape.reduce((a, b) => a * b))) =>
    write(npyBytes('|u1', shape, numbers));
  const all = counted(48);

  test('channels first', async () => {
    const { images, values, plain } = await read(npy([1, 3, 4, 5]));
    expect(images[0]).toMatchObject({ height: 4, width: 5, channels: 3 });
    expect(values.slice(0, 6)).toEqual([0, 20, 40, 1, 21, 41]);
    expect(plain).toBeUndefined();
    const gray = await read(npy([2, 1, 4, 5]));
    expect(gray.images[0]).toMatchObject({ height: 4, width: 5, channels: 1 });
    expect(gray.values).toEqual([...counted(40)]);
    expect(gray.plain).toMatchObject({ offset: 128, count: 2, shape: { height: 4, width: 5, channels: 1 } });
  });

  test('with transparency', async () => {
    const { images, plain, notes } = await read(npy([2, 2, 5, 4]));
    expect(images[0]).toMatchObject({ height: 2, width: 5, channels: 4 });
    expect(plain).toBeUndefined();
    expectFacts(notes.join(), '4 channels', 'transparency');
  });

  test('rows of pixels', async () => {
    const { images, values, notes, plain } = await read(npy([3, 16]));
    expect(images[2]).toMatchObject({ height: 4, width: 4, channels: 1 });
    expect(values).toEqual([...all]);
    expect(plain).toMatchObject({ count: 3, shape: { height: 4, width: 4, channels: 1 } });
    expectFacts(notes.join(), '16', '4×4', 'gray');
  });

  test('rows of pixels of a given size', async () => {
    const { images } = await read(npy([2, 24]), undefined, { size: { height: 4, width: 6 } });
    expect(images[1]).toMatchObject({ height: 4, width: 6, channels: 1 });
    const rgb = await read(npy([2, 36]), undefined, { size: { height: 2, width: 6 } });
    expect(rgb.images[1]).toMatchObject({ height: 2, width: 6, channels: 3 });
    const square = await read(npy([2, 64]), undefined, { size: { height: 16, width: 16 } });
    expect(square.images[1]).toMatchObject({ height: 8, width: 8, channels: 1 });
  });

  test('RGB in rows of pixels: planes, or one pixel after another', async () => {
    const level = (row: number, column: number, channel: number) => 60 * channel + 10 * row + column;
    const image = (order: (i: number) => [number, number, number]) =>
      Uint8Array.from({ length: 48 }, (_, i) => level(...order(i)));
    const interleaved = image((i) => [Math.floor(i / 12), Math.floor(i / 3) % 4, i % 3]);
    const planar = image((i) => [Math.floor(i / 4) % 4, i % 4, Math.floor(i / 16)]);
    for (const [row, word] of [
      [interleaved, 'pixel after another'],
      [planar, 'all of red'],
    ] as const) {
      const { images, values, notes } = await read(npy([1, 48], row));
      expect(images[0]).toMatchObject({ height: 4, width: 4, channels: 3 });
      expect(values).toEqual([...interleaved]);
      expectFacts(notes.join(), '48', '4×4', 'RGB', word);
    }
  });

  test("EMNIST's columns are turned upright", async () => {
    const file = path('emnist-letters-train-images-idx3-ubyte');
    writeFileSync(file, idxBytes([2, 2, 3], counted(12)));
    const { images, values, plain, notes } = await read(file);
    expect(images[0]).toMatchObject({ height: 3, width: 2, channels: 1 });
    expect(values).toEqual([0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]);
    expect(plain).toBeUndefined();
    expectFacts(notes.join(), 'column by column', 'upright');
  });

  test.each<[string, number[], ...string[]]>([
    ['channels last or first', [2, 3, 3, 3], '2×3×3×3', '3 channels last', '3 first'],
    ['transparency or channels first', [2, 3, 5, 4], '2×3×5×4', '4 channels last', '3 first'],
    ['one image in colour', [5, 6, 3], '5×6×3', 'one image with 3 channels', 'array[None]'],
    ['one gray image', [16, 16], '16×16', 'single image', 'array[None]'],
    ['rows of no square', [4, 20], '4×20', 'single image', '--size'],
    ['two channels', [1, 5, 4, 2], '2 channels', '1×5×4×2 uint8', '1 (gray)', '3 (RGB)'],
    ['four channels first', [2, 4, 5, 6], '6 channels', '2×4×5×6', '2×5×6×4'],
    ['no images', [0, 28, 28], 'no images', '0×28×28 uint8'],
    ['numbers alone', [4], '4 uint8', '[count, height, width]'],
    ['five axes', [1, 2, 2, 2, 2], '1×2×2×2×2', '[count, height, width]'],
  ])('%s: refused', async (_, shape, ...facts) => {
    const file = npy(shape);
    expectFacts(await inputErrorOf(read(file)), `${file}: `, ...facts);
  });

  test('what might be one image in colour, or have its count last, is told', async () => {
    expectFacts((await read(npy([3, 4, 5]))).notes.join(), '3 gray images');
    expectFacts((await read(npy([6, 6, 9]))).notes.join(), '6 images of 9×6', '9 of 6×6', 'moveaxis(array, -1, 0)');
    expect((await read(npy([9, 6, 6]))).notes).toEqual([]);

    // 40 smooth images of 9×7, each of another brightness
    const smooth = (image: number, row: number, column: number) => ((image * 97) % 200) + row + 2 * column;
    const arrayOf = (shape: readonly number[], at: (i: number, j: number, k: number) => number) => {
      const [a, b, c] = shape as [number, number, number];
      const numbers = Array.from({ length: a * b * c }, (_, i) =>
        at(Math.floor(i / (b * c)), Math.floor(i / c) % b, i % c),
      );
      return npyBytes('|u1', shape, Uint8Array.from(numbers));
    };
    expect((await read(write(arrayOf([40, 7, 9], smooth)))).notes).toEqual([]);
    const counting = arrayOf([7, 9, 40], (row, column, image) => smooth(image, row, column));
    const told = ['7 images of 40×9', '40 of 9×7', 'moveaxis(array, -1, 0)'];
    expectFacts((await read(write(counting))).notes.join(), ...told);
    const fortran = npyBytes('|u1', [7, 9, 40], new Uint8Array(2520), { fortran: true });
    for (const file of [fortran, gzipSync(fortran)]) expectFacts((await read(write(file))).notes.join(), ...told);
  });
});

describe('labels', () => {
  const images = write(npyBytes('|u1', [3, 1, 1], new Uint8Array(3)));
  const labelsOf = async (bytes: Uint8Array, ending?: string) => (await read(images, write(bytes, ending))).labels;

  test.each<[string, ArrayBufferView, (string | number)[]]>([
    ['|u1', Uint8Array.of(0, 255, 7), [0, 255, 7]],
    ['|i1', Int8Array.of(0, -1, 7), [0, -1, 7]],
    ['>i2', Uint8Array.of(0, 0, 1, 2, 0, 7), [0, 258, 7]],
    ['<u4', Uint32Array.of(0, 2 ** 31, 7), [0, 2 ** 31, 7]],
    ['<i8', BigInt64Array.of(0n, 70000n, -1n), [0, 70000, -1]],
    ['>u8', Uint8Array.from({ length: 24 }, (_, i) => (i === 15 ? 9 : 0)), [0, 9, 0]],
    ['<f4', Float32Array.of(0, 2, Number.NaN), [0, 2, Number.NaN]],
    ['|b1', Uint8Array.of(0, 1, 0), [0, 1, 0]],
    ['<U3', Uint32Array.from('catox\0\u{1f600}\0\0', (c) => c.codePointAt(0) as number), ['cat', 'ox', '😀']],
    ['|S3', Buffer.from('catox\0a\0\0'), ['cat', 'ox', 'a']],
  ])('of type %s', async (descr, values, expected) => {
    expect(await labelsOf(npyBytes(descr, [3], bytesOf(values)))).toEqual(expected);
    expect(await labelsOf(npyBytes(descr, [3, 1], bytesOf(values)))).toEqual(expected);
  });

  test('in one-hot rows share their arrays', async () => {
    const labels = await labelsOf(npyBytes('|u1', [3, 2], Uint8Array.of(0, 1, 1, 0, 0, 1)));
    expect(labels).toEqual([
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
    expect(labels[0]).toBe(labels[2]);
  });

  test('in other files', async () => {
    expect(await labelsOf(idxBytes([3], Uint8Array.of(1, 0, 2)))).toEqual([1, 0, 2]);
    expect(await labelsOf(Buffer.from('\ufeff2\r10\r\r', 'utf16le'), '.txt')).toEqual(['2', '10', '']);
    expect(await labelsOf(Buffer.from('\ufefflabel\r\n"cat"\r\ndog\r\n2'), '.csv')).toEqual(['cat', 'dog', '2']);
    expect(await labelsOf(Buffer.from('"a, b"\n"say ""c"""\n2'), '.csv')).toEqual(['a, b', 'say "c"', '2']);
    expect(await labelsOf(zipBytes([{ name: 'arr_0.npy', data: npyBytes('|u1', [3], counted(3)) }]))).toEqual([
      0, 1, 2,
    ]);
  });

  test.each<[string, number[], Uint8Array, ...string[]]>([
    ['|u1', [2], new Uint8Array(2), '2 labels', images, '3 images'],
    ['|u1', [3, 2, 2], new Uint8Array(12), '3×2×2 uint8', 'integers', '[3]'],
    ['|u1', [], new Uint8Array(1), 'one uint8', '[3]'],
    ['<c8', [3], new Uint8Array(24), '3 complex64', '[3]'],
  ])('%s %s that cannot be labels', async (descr, shape, values, ...facts) => {
    const labels = write(npyBytes(descr, shape, values));
    expectFacts(await inputErrorOf(locate(images, labels)), `${labels}: `, ...facts);
  });

  test('text that cannot be labels', async () => {
    const [short, several] = [
      write(Buffer.from('1\n2'), '.txt'),
      write(Buffer.from('"a","1"\n"b","2"\n"c","3"'), '.csv'),
    ];
    expectFacts(await inputErrorOf(locate(images, short)), `${short}: `, '2 labels', '3 images');
    const extra = write(Buffer.from('1\n2\n3\n4'), '.txt');
    expectFacts(await inputErrorOf(locate(images, extra)), `${extra}: `, '4 labels', '3 images');
    expectFacts(await inputErrorOf(locate(images, several)), `${several}: `, 'line 1', '"a","1"');
  });
});

describe('bad input ends with one line that names', () => {
  const idx = idxBytes([3, 2, 2], new Uint8Array(12));
  const [imageMagic, labelMagic] = ['00 00 08 03', '00 00 08 01'];
  const record = `{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1, 1, 1), }`;
  const huge = `{'descr': '|u1', 'fortran_order': False, 'shape': (${'9'.repeat(30)}, 1, 1), }`;
  test.each<[string, Buffer, ...string[]]>([
    ['truncated idx', idx.subarray(0, 20), 'truncated', '20', '28', '3×2×2 uint8'],
    ['idx too long', Buffer.concat([idx, Buffer.alloc(1)]), 'too long', '29', '28', '3×2×2 uint8'],
    ['truncated in the header', idx.subarray(0, 9), 'truncated', 'header', '9', '16'],
    ['wrong magic', Buffer.from('hello, world'), 'idx', '68 65 6c 6c', imageMagic, labelMagic],
    ['empty', Buffer.alloc(0), 'idx', 'nothing', imageMagic, labelMagic],
    ['damaged gzip', gzipSync(idx).fill(0xff, 12, 20), 'compressed data are damaged'],
    ['complex', npyBytes('<c8', [1, 1, 1], new Uint8Array(8)), 'complex64', 'uint8'],
    ['long floats', npyBytes('<f16', [1, 1, 1], new Uint8Array(16)), 'float128', 'uint8'],
    ['text', npyBytes('<U5', [1, 1, 1], new Uint8Array(20)), 'str', 'uint8'],
    ['objects', npyBytes('|O', [1], new Uint8Array(3)), '|O', 'astype(str)'],
    ['images counted last', npyBytes('|u1', [6, 5, 3, 7], new Uint8Array(630)), 'moveaxis', '7×6×5×3'],
    ['an impossible width', npyBytes('<u3', [1], new Uint8Array(3)), '<u3', 'uint8'],
    [
      'Fortran order, truncated',
      npyBytes('|u1', [1, 2, 2], new Uint8Array(3), { fortran: true }),
      '131',
      '132',
      '1×2×2',
    ],
    ['truncated', npyBytes('|u1', [2, 2, 2], new Uint8Array(7)), 'truncated', '135', '136', '2×2×2 uint8'],
    ['too long', npyBytes('|u1', [2, 2, 2], new Uint8Array(9)), 'too long', '137', '136', '2×2×2 uint8'],
    ['an unknown version', npyBytes('|u1', [1, 1, 1], new Uint8Array(1), { version: 4 }), 'version 4', '1, 2 or 3'],
    ['a record', npyBytes('', [], new Uint8Array(), { header: record }), record, 'uint8'],
    ['huge sides', npyBytes('|u1', [], new Uint8Array(), { header: huge }), 'header', '9'.repeat(30)],
  ])('%s', async (_, bytes, ...facts) => {
    const file = write(bytes);
    expectFacts(await inputErrorOf(read(file)), `${file}: `, ...facts);
  });

  test('no file, a folder, a device', async () => {
    expectFacts(await inputErrorOf(locate(path('none'))), path('none'), 'no such file');
    expectFacts(await inputErrorOf(locate(path(''))), path(''), 'folder', 'file');
    expectFacts(await inputErrorOf(locate('/dev/null')), '/dev/null', 'pipe or a device');
  });

  test('a file that shrinks while it is open', async () => {
    const file = write(idx);
    const { all } = await locate(file);
    const reading = (async () => {
      for await (const entry of all?.entries() ?? []) {
        truncateSync(file, 20);
        await entry.read();
      }
    })();
    expectFacts(await inputErrorOf(reading), `${file}: `, 'byte 20', '8 more');
    await all?.close();
  });
});

test('the stamp changes with images and labels', async () => {
  const [images, labels] = [write(idxBytes([3, 2, 2], counted(12))), write(idxBytes([3], counted(3)))];
  const stamp = async (...of: [string, string?]) => (await locate(...of)).all?.stamp();
  const [first, unlabelled] = [await stamp(images, labels), await stamp(images)];
  expect(await stamp(images, labels)).toBe(first);
  expect(unlabelled).not.toBe(first);
  writeFileSync(labels, npyBytes('|u1', [3], counted(3)));
  expect(await stamp(images, labels)).not.toBe(first);
});

describe('a gzipped file', () => {
  const file = write(gzipSync(idxBytes([3, 2, 2], Buffer.from('abcdefghijkl'))));
  const inTemporaryFolder = async (folder: string, work: () => Promise<void>) => {
    const { TMPDIR } = process.env;
    process.env.TMPDIR = folder;
    await work().finally(() => {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    });
  };

  test('leaves nothing in the temporary folder, even while it is open', async () => {
    await mkdir(path('tmp'));
    await inTemporaryFolder(path('tmp'), async () => {
      const { all } = await locate(file);
      let text = '';
      for await (const entry of all?.entries() ?? []) {
        expect(readdirSync(path('tmp'))).toEqual([]);
        const image = await entry.read();
        text += 'values' in image ? Buffer.from(image.values as Uint8Array).toString() : '';
      }
      expect(text).toBe('abcdefghijkl');
      await all?.close();
      await all?.close();
    });
  });

  test('is inflated only when its images are read, and says where that is impossible', async () => {
    await inTemporaryFolder(path('missing'), async () => {
      const { all } = await locate(file);
      expect(all?.count).toBe(3);
      const reading = contentsOf(all);
      await expect(reading).rejects.toBeInstanceOf(EnvironmentError);
      await expect(reading).rejects.toThrow(
        /^cannot inflate .+ into the temporary folder .+missing: [^\n]+; set TMPDIR [^\n]+$/,
      );
    });
  });
});

test('reading 200,000 images takes the memory of a few blocks', async () => {
  const file = path('sparse');
  const [length, bytes] = [200_000, 784];
  const handle = await open(file, 'w');
  await handle.write(idxBytes([length, 28, 28], new Uint8Array()));
  await handle.write(Buffer.from([1, 2, 3]), 0, 3, 16 + length * bytes - 3);
  await handle.close();
  const { all } = await locate(file);
  const before = process.memoryUsage.rss();
  let peak = 0;
  let last: number[] = [];
  for await (const entry of all?.entries() ?? []) {
    const image = await entry.read();
    if (!('values' in image)) continue;
    last = [...image.values.subarray(-3)];
    if (Number(entry.id) % 1000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
  }
  await all?.close();
  expect(last).toEqual([1, 2, 3]);
  expect(peak - before).toBeLessThan(96 * 2 ** 20); // the file is 150 MiB
});

test.skipIf(!python)('arrays of numpy are read as numpy reads them (skipped without python3 and numpy)', async () => {
  const program = `
import numpy as np, sys, json
folder = sys.argv[1]
rng = np.random.default_rng(0)
def show(a): return [float(v) for v in a.ravel()]
out = {}
for t in ['u1', '>u2', '<i2', '>i4', '<i8', '>i8', '<u8', '<f2', '>f2', '<f4', '>f4', '<f8', '>f8', '?']:
    a = rng.integers(0, 200, (5, 7, 6)).astype(t) if t != '<f2' else rng.normal(size=(5, 7, 6)).astype(t)
    name = t.replace('<', 'l').replace('>', 'b').replace('?', 'bool')
    np.save(f'{folder}/{name}.npy', a)
    out[name] = [str(a.dtype.newbyteorder('=')), show(a)]
tiny = np.array([[[6e-8, 65504], [-0.0, 1e-5]]], 'f2')
np.save(f'{folder}/tiny.npy', tiny); out['tiny'] = ['float16', show(tiny)]
a = rng.integers(0, 256, (5, 3, 8, 6), dtype='u1')
np.save(f'{folder}/first.npy', a); out['first'] = ['uint8', show(a.transpose(0, 2, 3, 1))]
np.lib.format.write_array(open(f'{folder}/third.npy', 'wb'), a[:, 0], version=(3, 0)); out['third'] = ['uint8', show(a[:, 0])]
print(json.dumps(out))`;
  const printed = execFileSync(python as string, ['-c', program, path('')], { encoding: 'utf8' });
  for (const [name, [type, values]] of Object.entries(JSON.parse(printed) as Record<string, [string, number[]]>)) {
    const found = await read(path(`${name}.npy`));
    expect([name, found.images[0]?.type]).toEqual([name, type]);
    expect(found.values.map((value) => value + 0)).toEqual(values.map((value) => value + 0));
  }
});
