import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { expect, test, vi } from 'vitest';
import { decode } from '../../pipeline/data/decode.ts';
import { locateData } from '../../pipeline/data/formats.ts';
import type { ImageSource } from '../../pipeline/data/image-source.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { idxBytes, npyBytes, zipBytes } from './formats.ts';
import { edits, mutant } from './mutants.ts';
import { patternOf } from './sources.ts';
import { openFiles, scratchFolder } from './support.ts';

vi.setConfig({ testTimeout: 600_000 });

/** Mutants of all files together, in a fixed order; with MUTANTS=32000 as many, other ones each time. */
const wanted = process.env.MUTANTS;
const MUTANTS = Number(wanted ?? 5000);

const scratch = scratchFolder();
const fixture = (name: string) => readFileSync(fileURLToPath(new URL(`fixtures/${name}`, import.meta.url)));
const pixels = Uint8Array.from(patternOf(0, 3 * 6 * 4));
const picture = (channels: 1 | 3) => sharp(pixels.slice(0, 24 * channels), { raw: { width: 6, height: 4, channels } });
const doubles = new Uint8Array(Float64Array.from(pixels, (value) => value / 255).buffer);
const table = `label,${Array.from({ length: 16 }, (_, i) => `pixel${i}`)}\n${[0, 1, 2].map((row) => `${row},${patternOf(row, 16)}`).join('\n')}\n`;
const bmp = Buffer.concat([
  Buffer.from('BM'),
  Buffer.from(Uint32Array.of(54 + 80, 0, 54, 40, 6, 4).buffer),
  Buffer.from(Uint16Array.of(1, 24).buffer),
  Buffer.from(Uint32Array.of(0, 80, 2835, 2835, 0, 0).buffer),
  Buffer.alloc(80, 7),
]);

const FILES: Readonly<Record<string, () => Uint8Array | Promise<Uint8Array>>> = {
  'array.npy': () => npyBytes('|u1', [3, 4, 6], pixels),
  'doubles.npy': () => npyBytes('>f8', [3, 4, 6], doubles, { version: 2 }),
  'array.idx': () => idxBytes([3, 4, 6], pixels),
  'array.idx.gz': () => gzipSync(idxBytes([3, 4, 6], pixels)),
  'stored.npz': () => fixture('numpy-stored.npz'),
  'deflated.npz': () => fixture('numpy-deflated.npz'),
  'zip64.npz': () => zipBytes([{ name: 'x.npy', data: npyBytes('|u1', [3, 4, 6], pixels) }], { zip64: true }),
  'images.zip': () => fixture('python-streamed.zip'),
  'images.tar.gz': () => fixture('python-pax.tar.gz'),
  'shard.tar.gz': () => fixture('wds-000000.tar.gz'),
  'array3d.parquet': () => fixture('hf-array3d.parquet'),
  'image.parquet': () => fixture('hf-image.parquet'),
  'bytes.parquet': () => fixture('pandas-bytes.parquet'),
  'list.parquet': () => fixture('pandas-list.parquet'),
  'pixels.parquet': () => fixture('pandas-pixels.parquet'),
  'table.csv': () => Buffer.from(table),
  'table.tsv.gz': () => gzipSync(table.replaceAll(',', '\t')),
  'data_batch_1.bin': () => Buffer.alloc(2 * 3073, 5),
  'list.txt': () => Buffer.from('a.png\tcat\nb.png\tdog\n'),
  'colour.png': () => picture(3).png().toBuffer(),
  'gray16.png': () => picture(1).toColourspace('grey16').png().toBuffer(),
  'colour.jpg': () => picture(3).jpeg().toBuffer(),
  'colour.webp': () => picture(3).webp().toBuffer(),
  'colour.gif': () => picture(3).gif().toBuffer(),
  'colour.tiff': () => picture(3).tiff({ compression: 'lzw' }).toBuffer(),
  'float.tiff': () => picture(1).toColourspace('b-w').raw({ depth: 'float' }).tiff({ compression: 'none' }).toBuffer(),
  'colour.avif': () => picture(3).avif().toBuffer(),
  'colour.bmp': () => bmp,
  'gray.pgm': () => Buffer.concat([Buffer.from('P5\n# text\n6 4 255\n'), pixels.subarray(0, 24)]),
  'colour.ppm': () => Buffer.from(`P3 6 4 255\n${pixels.join(' ')}\n`),
};

const DAMAGED = 'damaged';

/** Reads and decodes all images of a file: id, label, shape and numbers, or `DAMAGED` where an image can be skipped. */
async function readAll(path: string): Promise<unknown[]> {
  const { notes: _, ...parts } = await locateData(path);
  const images: unknown[] = [];
  for (const source of Object.values(parts) as ImageSource[]) {
    try {
      for await (const { id, label, where, read } of source.entries()) {
        try {
          const image = await read();
          images.push({ id, label, ...('bytes' in image ? await decode(image, where) : image) });
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          images.push(DAMAGED);
        }
      }
    } finally {
      await source.close();
    }
  }
  return images;
}

const CHECKED = ['stored.npz', 'deflated.npz', 'images.zip', 'images.tar.gz', 'array.idx.gz', 'colour.png'];

test.each(CHECKED)('%s: a flipped bit is found, or changes nothing', async (name) => {
  const original = Buffer.from((await FILES[name]?.()) ?? []);
  const path = scratch(name);
  const contents = async (bytes: Uint8Array) => {
    writeFileSync(path, bytes);
    return readAll(path);
  };
  const whole = await contents(original);
  for (let at = 0; at < original.length; at += Math.ceil(original.length / 120)) {
    const flipped = Buffer.from(original);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    const found = await contents(flipped).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
    });
    if (found && !found.some((image) => image === DAMAGED)) expect(found, `byte ${at}`).toEqual(whole);
  }
});

test.each(Object.entries(FILES))('%s: damage of any kind is read or refused', async (name, make) => {
  const original = await make();
  const path = scratch(name);
  writeFileSync(path, original);
  if (name !== 'list.txt') expect(await readAll(path)).not.toContain(DAMAGED);
  const before = openFiles();
  const outcome = fc.asyncProperty(edits, async (changes) => {
    writeFileSync(path, mutant(original, changes));
    await readAll(path).catch((error: unknown) => {
      if (!(error instanceof InputError)) throw error;
    });
  });
  const runs = { numRuns: Math.ceil(MUTANTS / Object.keys(FILES).length), endOnFailure: true };
  await fc.assert(outcome, wanted === undefined ? { ...runs, seed: 1 } : runs);
  expect(openFiles()).toBeLessThanOrEqual(before);
});
