import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openArrays } from '../../pipeline/data/array-files.ts';
import { readBatches } from '../../pipeline/data/batches.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';
import { idxBytes } from './formats.ts';
import { expectFacts, inputErrorOf, openFiles, pixelsOf, scratchFolder } from './support.ts';

const path = scratchFolder();
let files = 0;
const write = (bytes: Uint8Array): string => {
  const file = path(`file-${files++}`);
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
    labels: fc.uint8Array({ minLength: shape[0] as number, maxLength: shape[0] as number }),
    gzip: fc.boolean(),
  });
});

test('any images and labels are read as written, gzipped or not', async () => {
  await fc.assert(
    fc.asyncProperty(arrays, async ({ shape, pixels, labels, gzip }) => {
      const packed = (bytes: Buffer) => write(gzip ? gzipSync(bytes) : bytes);
      const dataset = await openArrays({
        images: packed(idxBytes(shape, pixels)),
        labels: packed(idxBytes([labels.length], labels)),
      });
      const [length, height, width, channels = 1] = shape;
      expect(dataset.shape).toEqual({ height, width, channels });
      expect(dataset.length).toBe(length);
      expect([...(dataset.labels ?? [])]).toEqual([...labels]);
      expect(await pixelsOf(dataset)).toEqual(pixels);
      await dataset.close();
    }),
    { numRuns: 60 },
  );
});

test('a file truncated anywhere is refused, plain and gzipped, and nothing stays open', async () => {
  const before = openFiles();
  await fc.assert(
    fc.asyncProperty(arrays, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (array, part) => {
      const complete = idxBytes(array.shape, array.pixels);
      const bytes = array.gzip ? gzipSync(complete) : complete;
      const file = write(bytes.subarray(0, Math.floor(part * bytes.length)));
      expect(await inputErrorOf(openArrays({ images: file }))).toContain(file);
    }),
    { numRuns: 100 },
  );
  expect(openFiles()).toBe(before);
});

test('for any bytes, opening succeeds or ends with an InputError', async () => {
  const valid = idxBytes([2, 3, 3], new Uint8Array(18));
  const changed = fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, byte]) => {
    const bytes = Buffer.from(valid);
    bytes[at] = byte;
    return bytes;
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 64 }), changed), async (bytes) => {
      const opening = openArrays({ images: write(bytes) });
      const dataset = await opening.catch(() => undefined);
      if (dataset) await dataset.close();
      else await inputErrorOf(opening);
    }),
    { numRuns: 100 },
  );
});

describe('bad input ends with one line that names', () => {
  const images = idxBytes([3, 2, 2], new Uint8Array(12));
  const [imageMagic, labelMagic] = ['00 00 08 03', '00 00 08 01'];
  test.each<[string, Buffer, ...string[]]>([
    ['truncated', images.subarray(0, 20), 'truncated', '20', '28', '3×2×2 uint8'],
    ['too long', Buffer.concat([images, Buffer.alloc(1)]), 'too long', '29', '28', '3×2×2 uint8'],
    ['truncated in the header', images.subarray(0, 9), 'truncated', 'header', '9', '16'],
    ['wrong magic', Buffer.from('hello, world'), 'idx', '68 65 6c 6c', imageMagic, labelMagic],
    ['empty', Buffer.alloc(0), 'idx', 'nothing', imageMagic, labelMagic],
    ['no images', idxBytes([0, 28, 28], new Uint8Array()), 'no images', '0×28×28 uint8'],
    ['labels for images', idxBytes([3], new Uint8Array(3)), '3 uint8', '[count, height, width]'],
    ['floats', idxBytes([1, 1, 1], new Uint8Array(4), 13), 'float32', 'uint8', 'multiply', '[0, 1]'],
    ['two channels', idxBytes([1, 4, 4, 2], new Uint8Array(32)), '2 channels', '1×4×4×2 uint8', '1 (gray) or 3 (RGB)'],
    ['channels first', idxBytes([2, 3, 4, 4], new Uint8Array(96)), '4 channels', '2×3×4×4 uint8', '2×4×4×3'],
    ['damaged gzip', gzipSync(images).fill(0xff, 12, 20), 'compressed data are damaged'],
  ])('%s', async (_, bytes, ...facts) => {
    const file = write(bytes);
    expectFacts(await inputErrorOf(openArrays({ images: file })), `${file}: `, ...facts);
  });

  test('label and image counts that differ', async () => {
    const [imageFile, labelFile] = [write(images), write(idxBytes([4], new Uint8Array(4)))];
    const message = await inputErrorOf(openArrays({ images: imageFile, labels: labelFile }));
    expectFacts(message, `${labelFile}: `, '4 labels', imageFile, '3 images');
  });

  test('images for labels', async () => {
    const file = write(images);
    const message = await inputErrorOf(openArrays({ images: file, labels: file }));
    expectFacts(message, `${file}: `, '3×2×2 uint8', 'integers', '[3]');
  });

  test('no file, a folder, a device', async () => {
    expectFacts(await inputErrorOf(openArrays({ images: path('none') })), path('none'), 'no such file');
    expectFacts(await inputErrorOf(openArrays({ images: path('') })), path(''), 'folder', 'file');
    expectFacts(await inputErrorOf(openArrays({ images: '/dev/null' })), '/dev/null', 'pipe or a device');
  });

  test('a file that shrinks while it is open', async () => {
    const file = write(images);
    const dataset = await openArrays({ images: file });
    truncateSync(file, 20);
    expectFacts(await inputErrorOf(pixelsOf(dataset)), `${file}: `, 'byte 20', '8 more');
    await dataset.close();
  });
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
      const dataset = await openArrays({ images: file });
      expect(readdirSync(path('tmp'))).toEqual([]);
      expect(Buffer.from(await pixelsOf(dataset)).toString()).toBe('abcdefghijkl');
      await dataset.close();
      await dataset.close();
    });
  });

  test('says so when the temporary folder cannot take it', async () => {
    await inTemporaryFolder(path('missing'), async () => {
      const opening = openArrays({ images: file });
      await expect(opening).rejects.toBeInstanceOf(EnvironmentError);
      await expect(opening).rejects.toThrow(
        /^cannot inflate .+ into the temporary folder .+missing: [^\n]+; set TMPDIR [^\n]+$/,
      );
    });
  });
});

test('reading 200,000 images takes the memory of a few batches', async () => {
  const file = path('sparse');
  const [length, bytes] = [200_000, 784];
  const handle = await open(file, 'w');
  await handle.write(idxBytes([length, 28, 28], new Uint8Array()));
  await handle.write(Buffer.from([1, 2, 3]), 0, 3, 16 + length * bytes - 3);
  await handle.close();
  const dataset = await openArrays({ images: file });
  const walk = async () => {
    let peak = 0;
    let last = Buffer.alloc(0);
    for await (const { images } of readBatches(dataset, 1024)) {
      peak = Math.max(peak, process.memoryUsage.rss());
      last = Buffer.from(images.subarray(-3));
    }
    return { peak, last };
  };
  const before = process.memoryUsage.rss();
  const { peak, last } = await walk();
  await dataset.close();
  expect([...last]).toEqual([1, 2, 3]);
  expect(peak - before).toBeLessThan(48 * 2 ** 20); // the file is 150 MiB, the buffers are 2.3
});
