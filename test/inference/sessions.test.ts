import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openExported } from '../../pipeline/inference/exported.ts';
import type { GraphName } from '../../pipeline/inference/plan.ts';
import { type Latents, type Sessions, withSessions } from '../../pipeline/inference/sessions.ts';
import { EnvironmentError, Interrupted } from '../../pipeline/io/errors.ts';
import { scratchFolder } from '../data/support.ts';
import { exportTiny, tiny } from '../encode/tiny-model.ts';
import { tinyImage } from '../generate/support.ts';

const scratch = scratchFolder();
const plain = await exportTiny(scratch('plain'));
const conditional = await exportTiny(scratch('conditional'), { conditional: { encoder: false, decoder: true } });

async function withDecoder<T>(
  exported: string,
  options: { batchSize?: number; threads?: number },
  work: (sessions: Sessions) => Promise<T>,
): Promise<T> {
  const model = await openExported(exported);
  return withSessions(model, { graphs: ['decoder'], device: 'cpu', images: 10_000, ...options }, work);
}

const latentsFrom = (start: number, count: number) =>
  Float32Array.from({ length: 2 * count }, (_, i) => ((2 * start + i) % 37) / 4 - 3);
const labelsFrom = (start: number, count: number) =>
  Int32Array.from({ length: count }, (_, i) => ((start + i) * 7) % 5);

function expectImages(images: Float32Array, start: number, labelled: boolean): void {
  const count = images.length / tiny.pixels;
  const [latents, labels] = [latentsFrom(start, count), labelsFrom(start, count)];
  const expected = Array.from({ length: count }, (_, i) =>
    tinyImage(latents.subarray(2 * i), labelled ? labels[i] : 0),
  ).flat();
  expect(images.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - (images[i] ?? Number.NaN))))).toBeLessThan(1e-6);
}

test.each([1, 4, 5, 203])('%i latents are decoded to their images, in batches of any size', async (count) => {
  for (const batchSize of [1, 4, 64]) {
    await withDecoder(plain, { batchSize, threads: 2 }, async (sessions) => {
      expectImages(await sessions.decodeAll({ latents: latentsFrom(0, count) }), 0, false);
    });
  }
});

test('latents come in batches of any size, in arrays that are reused; images in their order', async () => {
  const [latents, labels] = [new Float32Array(2 * 11), new Int32Array(11)];
  const sizes = [3, 11, 1, 0, 8, 11, 2, 11, 11, 11, 11, 11, 5];
  function* batches(): Generator<Latents> {
    let start = 0;
    for (const count of sizes) {
      latents.fill(99).set(latentsFrom(start, count));
      labels.fill(99).set(labelsFrom(start, count));
      yield { latents: latents.subarray(0, 2 * count), labels: labels.subarray(0, count) };
      start += count;
    }
    latents.fill(Number.NaN);
  }
  await withDecoder(conditional, { batchSize: 4, threads: 2 }, async (sessions) => {
    let next = 0;
    for await (const { start, count, images } of sessions.decode(batches())) {
      expect(start).toBe(next);
      expect(count).toBeLessThanOrEqual(4);
      expect(images.length).toBe(count * tiny.pixels);
      expectImages(images, start, true);
      next += count;
    }
    expect(next).toBe(sizes.reduce((sum, count) => sum + count, 0));
    expectImages(await sessions.decodeAll({ latents: latentsFrom(5, 9), labels: labelsFrom(5, 9) }), 5, true);
  });
});

test('arrays that are no batch of latents are refused', async () => {
  await withDecoder(conditional, { threads: 1 }, async (sessions) => {
    const latents = latentsFrom(0, 3);
    await expect(sessions.decodeAll({ latents })).rejects.toThrow(new RangeError('no labels for 3 latents'));
    await expect(sessions.decodeAll({ latents, labels: labelsFrom(0, 2) })).rejects.toThrow('2 labels for 3 latents');
    await expect(sessions.decodeAll({ latents: latents.subarray(1) })).rejects.toThrow(
      '5 numbers are not latents of size 2',
    );
  });
});

test('an interruption stops decoding, and an error in the source of batches is thrown', async () => {
  await withDecoder(plain, { batchSize: 4, threads: 2 }, async (sessions) => {
    const controller = new AbortController();
    let batches = 0;
    const endless = function* (): Generator<Latents> {
      for (;;) yield { latents: latentsFrom(0, 4) };
    };
    const work = async () => {
      for await (const _ of sessions.decode(endless(), { signal: controller.signal })) {
        if (++batches === 20) controller.abort();
      }
    };
    await expect(work()).rejects.toThrow(Interrupted);
    expect(batches).toBe(20);
    const failing = async function* (): AsyncGenerator<Latents> {
      yield { latents: latentsFrom(0, 40) };
      throw new Error('no more latents');
    };
    const all = async () => {
      for await (const { start } of sessions.decode(failing())) expect(start).toBeLessThan(40);
    };
    await expect(all()).rejects.toThrow('no more latents');
    expectImages(await sessions.decodeAll({ latents: latentsFrom(7, 6) }), 7, false);
  });
});

test('a file that is not a model is named', async () => {
  const broken = await exportTiny(scratch('broken'));
  const model = await openExported(broken);
  writeFileSync(join(broken, 'decoder.onnx'), 'no model');
  const options = { graphs: ['decoder'], device: 'cpu', threads: 2, images: 1000 } as const;
  const failure = await withSessions(model, options, async () => {}).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(EnvironmentError);
  expect(failure).toHaveProperty(
    'message',
    expect.stringMatching(/^ONNX Runtime cannot load [^\n]*decoder\.onnx: [^\n]+$/),
  );
});

test('tfjs is loaded only where errors are computed', async () => {
  const model = await openExported(plain);
  const start = (graphs: readonly GraphName[]) =>
    withSessions(model, { graphs, device: 'cpu', threads: 1, images: 1 }, async () => '_tfengine' in globalThis);
  expect(await start(['encoder', 'decoder'])).toBe(false);
  expect(await start(['encoder', 'decoder', 'error'])).toBe(true);
});
