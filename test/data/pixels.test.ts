import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { loadIntoMemory } from '../../pipeline/data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../../pipeline/data/dataset.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { holdOut, joinParts, subset } from '../../pipeline/data/split.ts';
import { idxBytes, npyBytes, zipBytes } from './formats.ts';
import { pixelsOf, scratchFolder } from './support.ts';

const scratch = scratchFolder();
const numbers = Uint8Array.from({ length: 7 * 2 * 3 * 3 }, (_, i) => (i * 37) % 251);
const npy = npyBytes('|u1', [7, 2, 3, 3], numbers);

/** What a data set's `pixels` says that it contains. */
function stored({ shape, length, pixels }: ImageDataset): Uint8Array {
  if (!pixels) return new Uint8Array();
  const bytes = bytesPerImage(shape);
  const all =
    pixels.kind === 'memory'
      ? Buffer.from(pixels.bytes)
      : Buffer.concat(
          pixels.files.map(({ path, offset, images }) => readFileSync(path).subarray(offset, offset + images * bytes)),
        );
  const rows = pixels.rows ?? Uint32Array.from({ length }, (_, i) => i);
  return Uint8Array.from([...rows].flatMap((row) => [...all.subarray(row * bytes, (row + 1) * bytes)]));
}

async function openNpy(): Promise<ImageDataset> {
  writeFileSync(scratch('a.npy'), npy);
  return openSplit(scratch('a.npy'), 'all');
}

test('arrays that are files, or stored in a zip archive, say where their pixels are', async () => {
  writeFileSync(scratch('a-idx3-ubyte'), idxBytes([7, 2, 9], numbers));
  writeFileSync(scratch('stored.npz'), zipBytes([{ name: 'x.npy', data: npy }]));
  const sets = [
    await openNpy(),
    await openSplit(scratch('a-idx3-ubyte'), 'all'),
    await openSplit(scratch('stored.npz'), 'all'),
  ];
  for (const set of sets) {
    expect(set.pixels?.kind).toBe('files');
    expect(stored(set)).toEqual(numbers);
    await set.close();
  }
});

test('compressed arrays say where they are unpacked', async () => {
  writeFileSync(scratch('a.npy.gz'), gzipSync(npy));
  writeFileSync(scratch('deflated.npz'), zipBytes([{ name: 'x.npy', data: npy, deflate: true }]));
  for (const name of ['a.npy.gz', 'deflated.npz']) {
    const set = await openSplit(scratch(name), 'all', { cache: scratch('cache') });
    expect(set.pixels).toMatchObject({ kind: 'files', files: [{ path: expect.stringContaining(scratch('cache')) }] });
    expect(stored(set)).toEqual(numbers);
    await set.close();
  }
});

test('parts of a data set, and parts of parts, have its pixels; two joined ones have none', async () => {
  const all = await openNpy();
  const odd = subset(all, 'odd', Uint32Array.of(5, 3, 1));
  const one = subset(odd, 'one', Uint32Array.of(2, 0));
  const splits = holdOut(all);
  const memory = await loadIntoMemory(odd);
  for (const set of [odd, one, splits.train, splits.test, memory, subset(memory, 'last', Uint32Array.of(2))]) {
    expect(stored(set)).toEqual(await pixelsOf(set));
  }
  expect(one.pixels?.rows).toEqual(Uint32Array.of(1, 5));
  expect(memory.pixels).toMatchObject({ kind: 'memory' });
  expect(joinParts(splits).pixels).toBeUndefined();
  await all.close();
});
