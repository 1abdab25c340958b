import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sequentialBatches } from '../../pipeline/data/batches.ts';
import { openArrays } from '../../pipeline/data/open-arrays.ts';
import { EnvironmentError } from '../../pipeline/io/errors.ts';
import { idxBytes } from './formats.ts';
import { inputErrorOf, openFiles, pixelsOf, scratchFolder } from './support.ts';

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

test('any images and labels that are written are read back, gzipped or not', async () => {
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

test('a file cut anywhere is refused, plain and gzipped, and nothing stays open', async () => {
  const before = openFiles();
  await fc.assert(
    fc.asyncProperty(arrays, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (array, part) => {
      const whole = idxBytes(array.shape, array.pixels);
      const bytes = array.gzip ? gzipSync(whole) : whole;
      const file = write(bytes.subarray(0, Math.floor(part * bytes.length)));
      expect(await inputErrorOf(openArrays({ images: file }))).toContain(file);
    }),
    { numRuns: 100 },
  );
  expect(openFiles()).toBe(before);
});

test('whatever the bytes are, opening ends well or with an InputError', async () => {
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

describe('bad input ends with one line that says what is wrong', () => {
  const images = idxBytes([3, 2, 2], new Uint8Array(12));
  test.each([
    {
      what: 'truncated',
      bytes: images.subarray(0, 20),
      line: 'truncated: it has 20 bytes, 28 were expected for 3×2×2 uint8; download or copy it again',
    },
    {
      what: 'too long',
      bytes: Buffer.concat([images, Buffer.alloc(1)]),
      line: 'too long: it has 29 bytes, 28 were expected for 3×2×2 uint8; download or copy it again',
    },
    {
      what: 'cut inside the header',
      bytes: images.subarray(0, 9),
      line: 'cut short inside its header: 16 bytes were expected at least, it has 9; download or copy it again',
    },
    {
      what: 'wrong magic',
      bytes: Buffer.from('hello, world'),
      line: 'it is not an idx file (nor npy): it starts with 68 65 6c 6c, where 00 00 08 03 (images) or 00 00 08 01 (labels) was expected',
    },
    {
      what: 'empty',
      bytes: Buffer.alloc(0),
      line: 'it is not an idx file (nor npy): it starts with nothing, where 00 00 08 03 (images) or 00 00 08 01 (labels) was expected',
    },
    { what: 'no images', bytes: idxBytes([0, 28, 28], new Uint8Array()), line: 'it holds no images (0×28×28 uint8)' },
    {
      what: 'labels for images',
      bytes: idxBytes([3], new Uint8Array(3)),
      line: 'it holds 3 uint8; images are [count, height, width] or [count, height, width, channels]',
    },
    {
      what: 'floats',
      bytes: idxBytes([1, 1, 1], new Uint8Array(4), 13),
      line: 'its pixels are float32; uint8 pixels, 0 to 255, were expected: multiply them by 255 (if they are in [0, 1]) and save them as uint8',
    },
    {
      what: 'two channels',
      bytes: idxBytes([1, 4, 4, 2], new Uint8Array(32)),
      line: 'its images have 2 channels (1×4×4×2 uint8); keep 1 (gray) or 3 (RGB)',
    },
    {
      what: 'channels first',
      bytes: idxBytes([2, 3, 4, 4], new Uint8Array(96)),
      line: 'its images have 4 channels (2×3×4×4 uint8); the channels seem to come first: save the images as [count, height, width, channels], here 2×4×4×3',
    },
    {
      what: 'damaged gzip',
      bytes: gzipSync(images).fill(0xff, 12, 20),
      line: /^its compressed data are damaged \(.+\); download or copy it again$/,
    },
  ])('$what', async ({ bytes, line }) => {
    const file = write(bytes);
    const message = await inputErrorOf(openArrays({ images: file }));
    expect(message.slice(0, file.length + 2)).toBe(`${file}: `);
    expect(message.slice(file.length + 2)).toEqual(typeof line === 'string' ? line : expect.stringMatching(line));
  });

  test('label and image counts differ', async () => {
    const [imageFile, labelFile] = [write(images), write(idxBytes([4], new Uint8Array(4)))];
    expect(await inputErrorOf(openArrays({ images: imageFile, labels: labelFile }))).toBe(
      `${labelFile}: it holds 4 labels, and ${imageFile} holds 3 images; they must be as many`,
    );
  });

  test('images for labels', async () => {
    const file = write(images);
    expect(await inputErrorOf(openArrays({ images: file, labels: file }))).toBe(
      `${file}: it holds 3×2×2 uint8; labels are integers, one for each image: [3]`,
    );
  });

  test('no file, a folder, a device', async () => {
    expect(await inputErrorOf(openArrays({ images: path('none') }))).toBe(
      `cannot read ${path('none')}: no such file or folder`,
    );
    expect(await inputErrorOf(openArrays({ images: path('') }))).toBe(
      `${path('')}: it is a folder; a file was expected`,
    );
    expect(await inputErrorOf(openArrays({ images: '/dev/null' }))).toBe(
      '/dev/null: it is a pipe or a device; a file was expected',
    );
  });

  test('a file that shrinks while it is open', async () => {
    const file = write(images);
    const dataset = await openArrays({ images: file });
    truncateSync(file, 20);
    expect(await inputErrorOf(pixelsOf(dataset))).toMatch(/file-\d+: .*byte 20\b.*\b8 more were expected/);
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
    for await (const { images } of sequentialBatches(dataset, 1024)) {
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
