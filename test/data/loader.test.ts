import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parseAugmentation } from '../../pipeline/data/augment.ts';
import { loadIntoMemory, readBatches } from '../../pipeline/data/batches.ts';
import type { ImageDataset } from '../../pipeline/data/dataset.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { type LoaderOptions, startLoader } from '../../pipeline/data/loader.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { subset } from '../../pipeline/data/split.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { idxBytes, npyBytes } from './formats.ts';
import { openFiles, scratchFolder } from './support.ts';

const scratch = scratchFolder();
const [count, bytes] = [37, 6 * 5 * 3];
const numbers = Uint8Array.from({ length: count * bytes }, (_, i) => (i * 37 + (i >> 7)) % 251);
const order = Generator.of(3, 'order').shuffled(count);
const augmentation = parseAugmentation('flip,shift=0.2,rotate=20,zoom=0.2,brightness=0.3');

async function openColours(name = 'colours'): Promise<ImageDataset> {
  const [images, labels] = [scratch(`${name}.npy`), scratch(`${name}.labels`)];
  writeFileSync(images, npyBytes('|u1', [count, 6, 5, 3], numbers));
  writeFileSync(
    labels,
    idxBytes(
      [count],
      Uint8Array.from({ length: count }, (_, i) => i % 10),
    ),
  );
  return openSplit(`${images},${labels}`, 'all');
}

interface Batch {
  readonly start: number;
  readonly count: number;
  readonly images: readonly number[];
  readonly labels: readonly number[];
}

async function collect(batches: ReturnType<typeof readBatches>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const { start, count, images, labels } of batches) {
    all.push({ start, count, images: [...images], labels: [...(labels ?? [])] });
    await sleep(1); // lets the threads run ahead
  }
  return all;
}

/** The pixels of an epoch, in the data set's order. */
async function epochOf(
  dataset: ImageDataset,
  batchSize: number,
  options: LoaderOptions,
  { epoch = 2, first = 0 } = {},
) {
  const loader = startLoader(dataset, options);
  const all = new Uint8Array(count * bytes);
  for (const { start, images } of await collect(loader.batches(batchSize, { order, first, epoch }))) {
    order.subarray(start, start + batchSize).forEach((index, i) => {
      all.set(images.slice(i * bytes, (i + 1) * bytes), index * bytes);
    });
  }
  await loader.dispose();
  return all;
}

/** A view of a data set through which threads cannot read. */
const withoutStore = (dataset: ImageDataset): ImageDataset => ({ ...dataset, pixels: undefined });

test.each([
  ['files', 1],
  ['files', 3],
  ['memory', 2],
  ['no store', 1],
] as const)('batches from %s with %i threads are those of readBatches, epoch after epoch', async (kind, workers) => {
  const files = await openColours();
  const dataset = { files, memory: await loadIntoMemory(files), 'no store': withoutStore(files) }[kind];
  const part = subset(dataset, 'part', order.slice(5, 30));
  for (const set of [dataset, part]) {
    const loader = startLoader(set, { workers });
    for (const [batchSize, first] of [
      [8, 0],
      [8, 3],
      [50, 0],
      [1, 0],
    ] as const) {
      const of = { order: Generator.of(batchSize, 'order').shuffled(set.length), first };
      expect(await collect(loader.batches(batchSize, { ...of, epoch: 0 }))).toEqual(
        await collect(readBatches(set, batchSize, of)),
      );
    }
    expect(await collect(loader.batches(8, { epoch: 1 }))).toEqual(await collect(readBatches(set, 8)));
    expect(loader.waited).toBeGreaterThan(0);
    await loader.dispose();
  }
  await files.close();
});

test('augmentation depends on seed, epoch and image only', async () => {
  const files = await openColours();
  const memory = await loadIntoMemory(files);
  const wanted = await epochOf(memory, 8, { augmentation, seed: 7, workers: 1 });
  expect(wanted).not.toEqual(numbers);
  for (const dataset of [memory, files, withoutStore(files)]) {
    for (const [batchSize, workers] of [
      [8, 3],
      [5, 2],
      [37, 1],
    ] as const) {
      expect(await epochOf(dataset, batchSize, { augmentation, seed: 7, workers })).toEqual(wanted);
    }
  }
  const later = await epochOf(memory, 8, { augmentation, seed: 7, workers: 2 }, { first: 3 });
  for (const index of order.subarray(24)) {
    const at = [index * bytes, (index + 1) * bytes] as const;
    expect(later.slice(...at)).toEqual(wanted.slice(...at));
  }
  expect(await epochOf(memory, 8, { augmentation, seed: 8 })).not.toEqual(wanted);
  expect(await epochOf(memory, 8, { augmentation, seed: 7 }, { epoch: 3 })).not.toEqual(wanted);
  await files.close();
});

test('an image of a part is changed by its number in the part', async () => {
  const files = await openColours();
  const memory = await loadIntoMemory(files);
  await files.close();
  const changedFirst = async (dataset: ImageDataset) => {
    const loader = startLoader(dataset, { augmentation });
    const [batch] = await collect(loader.batches(1, { order: Uint32Array.of(0), epoch: 0 }));
    await loader.dispose();
    return batch?.images;
  };
  const image = new Uint8Array(bytes);
  await memory.read([9], image);
  writeFileSync(scratch('alone.npy'), npyBytes('|u1', [1, 6, 5, 3], image));
  const alone = await openSplit(scratch('alone.npy'), 'all');
  expect(await changedFirst(subset(memory, 'ninth', Uint32Array.of(9)))).toEqual(await changedFirst(alone));
  await alone.close();
});

test('a file that is too short, or gone, ends the iteration at its batch, and the next epoch too', async () => {
  const files = await openColours('short');
  truncateSync(
    scratch('short.npy'),
    files.pixels?.kind === 'files' ? (files.pixels.files[0]?.offset ?? 0) + 20 * bytes : 0,
  );
  const loader = startLoader(files, { workers: 2 });
  for (let epoch = 0; epoch < 2; epoch++) {
    const seen: number[] = [];
    const walk = async () => {
      for await (const { start } of loader.batches(8, { epoch })) seen.push(start);
    };
    const error: unknown = await walk().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/^[^\n]*short\.npy: it ends at byte \d+, 90 more were expected[^\n]*$/);
    expect(seen).toEqual([0, 8]);
  }
  await loader.dispose();
  rmSync(scratch('short.npy'));
  const gone = startLoader(files);
  await expect(gone.batches(8, { epoch: 0 }).next()).rejects.toThrow(/short\.npy: no such file/);
  await gone.dispose();
  await files.close();
});

test('stopping early leaves the threads for the next epoch, and dispose ends them with their files', async () => {
  const files = await openColours();
  await files.read([0], new Uint8Array(bytes)); // it opens its file then
  const before = openFiles();
  const loader = startLoader(files, { workers: 2 });
  for await (const { start } of loader.batches(4, { epoch: 0 })) if (start === 8) break;
  expect(await collect(loader.batches(8, { epoch: 1 }))).toEqual(await collect(readBatches(files, 8)));
  await loader.dispose();
  expect(openFiles()).toBeLessThanOrEqual(before);
  await files.close();
});

test('an image that does not exist is a RangeError', async () => {
  const files = await openColours();
  const loader = startLoader(files);
  await expect(loader.batches(8, { order: Uint32Array.of(1, count), epoch: 0 }).next()).rejects.toThrow(RangeError);
  await loader.dispose();
  await files.close();
});

test('damaged pixels of the cache are found by the threads, of which none is used', async () => {
  const [side, images] = [34, 190];
  const size = { height: 32, width: 32 };
  const bytesOf = 32 * 32 * 3; // of an image: the pixels are three blocks
  const pixels = Uint8Array.from({ length: images * side * side * 3 }, (_, i) => (i * 7 + (i >> 9)) % 256);
  writeFileSync(scratch('large.npy'), npyBytes('|u1', [images, side, side, 3], pixels));
  const cache = scratch('damaged');
  const open = () => openSplit(scratch('large.npy'), 'all', { cache, size });
  await open().then((dataset) => dataset.close());
  const [folder = ''] = readdirSync(cache).filter((name) => !name.endsWith('.same'));
  const file = `${cache}/${folder}/all-000.u8`;
  const bytes = readFileSync(file);
  bytes[300_000] = (bytes[300_000] ?? 0) ^ 16;
  writeFileSync(file, bytes);
  const dataset = await open();
  const loader = startLoader(dataset, { workers: 2 });
  const batchOf = async (first: number) => {
    for await (const batch of loader.batches(16, { epoch: 0, first })) return batch.count;
    return undefined;
  };
  expect(await batchOf(0)).toBe(16);
  const damaged = Math.floor(300_000 / bytesOf / 16);
  await expect(batchOf(damaged)).rejects.toThrow(file);
  await expect(batchOf(damaged)).rejects.toBeInstanceOf(InputError);
  await loader.dispose();
  await dataset.close();
  const again = await open();
  await expect(again.read([damaged * 16], new Uint8Array(bytesOf))).resolves.toBeUndefined();
  await again.close();
});
