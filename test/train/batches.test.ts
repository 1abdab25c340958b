import { expect, test } from 'vitest';
import { Generator } from '../../pipeline/data/generator.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { type BatchNeeds, batchesOf } from '../../pipeline/train/batches.ts';
import { stripes } from './tiny.ts';

const data = stripes(37);
const needs: BatchNeeds = { labels: true, noiseShape: (n) => [n, 3] };

interface Seen {
  images: number[];
  labels: number[];
  noise: number[];
}

async function walk(order: Uint32Array, { first = 0, noise = Generator.of(0, 'noise') } = {}) {
  const seen: Seen[] = [];
  const states = [];
  for await (const batch of batchesOf(data, order, { batchSize: 8, first, needs, noise })) {
    seen.push({ images: [...batch.images], labels: [...(batch.labels ?? [])], noise: [...(batch.noise ?? [])] });
    states.push(batch.noiseState);
  }
  return { seen, states };
}

test('batches follow the order, the last one smaller, each with its labels and its own noise', async () => {
  const order = Generator.of(3, 'order').shuffled(37);
  const { seen } = await walk(order);
  expect(seen.map(({ labels }) => labels.length)).toEqual([8, 8, 8, 8, 5]);
  expect(seen.flatMap(({ labels }) => labels)).toEqual([...order].map((image) => image % 6));
  const expected = new Uint8Array(37 * 30);
  await data.read(order, expected);
  expect(seen.flatMap(({ images }) => images)).toEqual([...expected]);
  const noise = seen.flatMap((batch) => batch.noise);
  expect(noise.length).toBe(37 * 3);
  expect(new Set(noise).size).toBe(37 * 3);
});

test('started in the middle with the saved noise state, the rest is the same', async () => {
  const order = Generator.of(3, 'order').shuffled(37);
  const all = await walk(order);
  for (let first = 1; first <= 5; first++) {
    const state = all.states[first - 1];
    if (!state) throw new Error('no state');
    const rest = await walk(order, { first, noise: Generator.fromState(state) });
    expect(rest.seen).toEqual(all.seen.slice(first));
  }
});

test('while the consumer has a batch, only the next one is being read', async () => {
  const reads: number[] = [];
  const watched = { ...data, read: async (indices: ArrayLike<number>) => void reads.push(indices.length) };
  const order = Generator.of(3, 'order').shuffled(37);
  const batches = batchesOf(watched, order, { batchSize: 8, needs, noise: Generator.of(0, 'noise') });
  await batches.next();
  expect(reads.length).toBe(2);
  await batches.next();
  expect(reads.length).toBe(3);
  await batches.return();
  expect(reads.length).toBe(3);
});

test('an image that cannot be read is reported when its batch is requested', async () => {
  const broken = {
    ...data,
    async read(indices: ArrayLike<number>) {
      if (Array.from(indices).includes(20)) throw new InputError('image 20 is damaged');
    },
  };
  const order = Uint32Array.from({ length: 37 }, (_, i) => i);
  const batches = batchesOf(broken, order, { batchSize: 8, needs, noise: Generator.of(0, 'noise') });
  expect((await batches.next()).done).toBe(false);
  expect((await batches.next()).done).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 5)); // the failed read is not reported yet
  await expect(batches.next()).rejects.toThrow('image 20 is damaged');
});

test('a model that needs neither labels nor noise gets none, and the noise generator does not advance', async () => {
  const noise = Generator.of(0, 'noise');
  const state = noise.state;
  const order = Uint32Array.from({ length: 3 }, (_, i) => i);
  for await (const batch of batchesOf(data, order, {
    batchSize: 8,
    needs: { labels: false, noiseShape: () => undefined },
    noise,
  })) {
    expect([batch.labels, batch.noise, batch.count]).toEqual([undefined, undefined, 3]);
  }
  expect(noise.state).toEqual(state);
});
