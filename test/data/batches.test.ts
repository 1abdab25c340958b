import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadIntoMemory, readBatches } from '../../pipeline/data/batches.ts';
import type { ImageDataset } from '../../pipeline/data/dataset.ts';
import { defineDataset } from '../../pipeline/data/dataset.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import { EnvironmentError, InputError } from '../../pipeline/io/errors.ts';
import { pixelsOf } from './support.ts';

/** Images of one pixel, which is their number; notes which batches are asked for, by their first image. */
function counting(length: number, { broken }: { broken?: number } = {}): { dataset: ImageDataset; asked: number[] } {
  const asked: number[] = [];
  const dataset = defineDataset({
    name: 'counting',
    shape: { height: 1, width: 1, channels: 1 },
    length,
    labels: Int32Array.from({ length }, (_, i) => i % 10),
    classes: undefined,
    id: String,
    async read(indices, target) {
      asked.push(indices[0] as number);
      await sleep(1);
      if (Array.from(indices).some((index) => index === broken)) throw new InputError(`image ${broken} is broken`);
      target.set(Array.from(indices));
    },
    close: async () => {},
  });
  return { dataset, asked };
}

test('batches cover the set in order, whatever the sizes', async () => {
  const sizes = fc.record({
    length: fc.integer({ min: 1, max: 30 }),
    batch: fc.integer({ min: 1, max: 12 }),
    ahead: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(sizes, async ({ length, batch, ahead }) => {
      const { dataset } = counting(length);
      const pixels: number[] = [];
      const labels: number[] = [];
      for await (const { start, count, images, labels: own } of readBatches(dataset, batch, { ahead })) {
        expect([start, count]).toEqual([pixels.length, Math.min(batch, length - pixels.length)]);
        pixels.push(...images);
        labels.push(...(own ?? []));
      }
      expect(pixels).toEqual(Array.from({ length }, (_, i) => i));
      expect(labels).toEqual(pixels.map((i) => i % 10));
    }),
    { numRuns: 50 },
  );
});

test('batches follow a given order from a given batch on', async () => {
  const { dataset } = counting(40);
  const order = Generator.of(3, 'order').shuffled(40).subarray(0, 37);
  for (let first = 0; first <= 5; first++) {
    const pixels: number[] = [];
    const labels: number[] = [];
    const counts: number[] = [];
    for await (const { start, count, images, labels: own } of readBatches(dataset, 8, { order, first })) {
      expect(start).toBe(first * 8 + pixels.length);
      pixels.push(...images);
      labels.push(...(own ?? []));
      counts.push(count);
    }
    expect(pixels).toEqual([...order.subarray(first * 8)]);
    expect(labels).toEqual(pixels.map((image) => image % 10));
    expect(counts).toEqual([8, 8, 8, 8, 5].slice(first));
  }
});

test.each([0, 1, 2])('with %i ahead, that many batches are read in advance', async (ahead) => {
  const { dataset, asked } = counting(12);
  const batches = readBatches(dataset, 2, { ahead });
  await batches.next();
  expect(asked).toEqual([0, 2, 4].slice(0, ahead + 1));
  await batches.next();
  expect(asked).toEqual([0, 2, 4, 6].slice(0, ahead + 2));
  await batches.return();
});

test.each([0, 1, 2])('with %i ahead, a batch is valid until that many and one more are requested', async (ahead) => {
  const { dataset } = counting(40);
  const held: { images: Uint8Array; copy: number[] }[] = [];
  const buffers = new Set<ArrayBufferLike>();
  for await (const { images } of readBatches(dataset, 2, { ahead })) {
    await sleep(3); // let the reads ahead finish
    held.push({ images, copy: [...images] });
    buffers.add(images.buffer);
    for (const batch of held.slice(-1 - ahead)) expect([...batch.images]).toEqual(batch.copy);
  }
  expect(held.at(-1)?.copy).toEqual([38, 39]);
  expect(buffers.size).toBe(2 * ahead + 1);
});

test('a broken image ends the iteration at its batch, not before', async () => {
  const { dataset } = counting(12, { broken: 7 });
  const seen: number[] = [];
  const walk = async () => {
    for await (const { images } of readBatches(dataset, 2, { ahead: 3 })) {
      await sleep(5);
      seen.push(...images);
    }
  };
  await expect(walk()).rejects.toThrow('image 7 is broken');
  expect(seen).toEqual([0, 1, 2, 3, 4, 5]);
});

test('stopping early waits for pending reads', async () => {
  let reading = 0;
  const { dataset } = counting(100);
  const watched: ImageDataset = {
    ...dataset,
    async read(indices, target) {
      reading++;
      await dataset.read(indices, target);
      reading--;
    },
  };
  for await (const { start } of readBatches(watched, 10, { ahead: 3 })) if (start === 20) break;
  expect(reading).toBe(0);
});

test('an invalid batch size is a RangeError', async () => {
  await expect(readBatches(counting(3).dataset, 0).next()).rejects.toThrow(RangeError);
});

describe('in memory', () => {
  test('the images are the same, in any order, after the original is closed', async () => {
    const mnist = await openSplit('mnist', 'test');
    const memory = await loadIntoMemory(mnist);
    const [fingerprint, original] = [await mnist.fingerprint(), await pixelsOf(mnist)];
    await mnist.close();
    expect(await memory.fingerprint()).toBe(fingerprint);
    expect([memory.name, memory.length, memory.id(9), memory.classes]).toEqual([
      'mnist/test',
      10000,
      '9',
      mnist.classes,
    ]);
    const some = new Uint8Array(3 * 784);
    await memory.read([9999, 3, 3], some);
    expect(some.subarray(0, 784)).toEqual(original.subarray(9999 * 784));
    expect(some.subarray(784, 1568)).toEqual(original.subarray(3 * 784, 4 * 784));
    expect(some.subarray(1568)).toEqual(original.subarray(3 * 784, 4 * 784));
    await expect(memory.read([10000], some)).rejects.toThrow(RangeError);
  });

  test('too many images are refused before they are read', async () => {
    const { dataset, asked } = counting(1000);
    const loading = loadIntoMemory(dataset, 999);
    await expect(loading).rejects.toBeInstanceOf(EnvironmentError);
    await expect(loading).rejects.toThrow(/^counting: 1000 images of 1×1×1 [^\n]+ memory[^\n]+ limit[^\n]+$/);
    expect(asked).toEqual([]);
  });
});

test('equal contents have equal fingerprints, other contents others', async () => {
  const { dataset } = counting(20);
  const changed = (part: Partial<ImageDataset>) => defineDataset({ ...dataset, ...part }).fingerprint();
  const fingerprint = await dataset.fingerprint();
  expect(await changed({ name: 'another', id: (i) => `image ${i}`, classes: ['a'] })).toBe(fingerprint);
  const others = await Promise.all([
    changed({ labels: undefined }),
    changed({ labels: new Int32Array(20) }),
    changed({ shape: { height: 1, width: 1, channels: 1 }, length: 19, labels: dataset.labels?.subarray(0, 19) }),
    changed({
      async read(indices, target) {
        target.fill(indices.length);
      },
    }),
  ]);
  expect(new Set([fingerprint, ...others]).size).toBe(5);
});

test('pixels have a fingerprint of their own, whatever the labels', async () => {
  const { dataset } = counting(3);
  const pixels = new Uint8Array(3);
  await dataset.read([0, 1, 2], pixels);
  const expected = `sha256:${createHash('sha256').update('convae images 1x1x1 3 unlabelled\n').update(pixels).digest('hex')}`;
  for (const labels of [dataset.labels, Int32Array.of(2, 1, 0), undefined]) {
    const found = await defineDataset({ ...dataset, labels }).fingerprints();
    expect(found.pixels).toBe(expected);
    expect(found.fingerprint === expected).toBe(labels === undefined);
  }
});
