import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type CodeBatch, Decoder } from '../../pipeline/inference/decoder.ts';
import { openExported } from '../../pipeline/inference/encoder.ts';
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
  work: (decoder: Decoder) => Promise<T>,
): Promise<T> {
  const card = await openExported(exported);
  const decoder = await Decoder.start(card, { exported, device: 'cpu', images: 10_000, ...options });
  try {
    return await work(decoder);
  } finally {
    await decoder.close();
  }
}

const codesFrom = (start: number, count: number) =>
  Float32Array.from({ length: 2 * count }, (_, i) => ((2 * start + i) % 37) / 4 - 3);
const labelsFrom = (start: number, count: number) =>
  Int32Array.from({ length: count }, (_, i) => ((start + i) * 7) % 5);

function expectImages(images: Float32Array, start: number, labelled: boolean): void {
  const count = images.length / tiny.pixels;
  const [codes, labels] = [codesFrom(start, count), labelsFrom(start, count)];
  const expected = Array.from({ length: count }, (_, i) =>
    tinyImage(codes.subarray(2 * i), labelled ? labels[i] : 0),
  ).flat();
  expect(images.length).toBe(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - (images[i] ?? Number.NaN))))).toBeLessThan(1e-6);
}

test.each([1, 4, 5, 203])('%i codes become the images that they stand for, in whatever batches', async (count) => {
  for (const batchSize of [1, 4, 64]) {
    await withDecoder(plain, { batchSize, threads: 2 }, async (decoder) => {
      expectImages(await decoder.decode({ latents: codesFrom(0, count) }), 0, false);
    });
  }
});

test('codes come in batches of any size, in arrays that are used again; images in their order', async () => {
  const [latents, labels] = [new Float32Array(2 * 11), new Int32Array(11)];
  const sizes = [3, 11, 1, 0, 8, 11, 2, 11, 11, 11, 11, 11, 5];
  function* batches(): Generator<CodeBatch> {
    let start = 0;
    for (const count of sizes) {
      latents.fill(99).set(codesFrom(start, count));
      labels.fill(99).set(labelsFrom(start, count));
      yield { latents: latents.subarray(0, 2 * count), labels: labels.subarray(0, count) };
      start += count;
    }
    latents.fill(Number.NaN);
  }
  await withDecoder(conditional, { batchSize: 4, threads: 2 }, async (decoder) => {
    let next = 0;
    for await (const { start, count, images } of decoder.images(batches())) {
      expect(start).toBe(next);
      expect(count).toBeLessThanOrEqual(4);
      expect(images.length).toBe(count * tiny.pixels);
      expectImages(images, start, true);
      next += count;
    }
    expect(next).toBe(sizes.reduce((sum, count) => sum + count, 0));
    expectImages(await decoder.decode({ latents: codesFrom(5, 9), labels: labelsFrom(5, 9) }), 5, true);
  });
});

test('what is no batch of codes is refused', async () => {
  await withDecoder(conditional, { threads: 1 }, async (decoder) => {
    const latents = codesFrom(0, 3);
    await expect(decoder.decode({ latents })).rejects.toThrow(new RangeError('no labels for 3 codes'));
    await expect(decoder.decode({ latents, labels: labelsFrom(0, 2) })).rejects.toThrow('2 labels for 3 codes');
    await expect(decoder.decode({ latents: latents.subarray(1) })).rejects.toThrow('5 numbers are not codes of 2');
  });
});

test('an interruption ends it, and a failure of the batches is their own', async () => {
  await withDecoder(plain, { batchSize: 4, threads: 2 }, async (decoder) => {
    const controller = new AbortController();
    let batches = 0;
    const endless = function* (): Generator<CodeBatch> {
      for (;;) yield { latents: codesFrom(0, 4) };
    };
    const work = async () => {
      for await (const _ of decoder.images(endless(), { signal: controller.signal })) {
        if (++batches === 20) controller.abort();
      }
    };
    await expect(work()).rejects.toThrow(Interrupted);
    expect(batches).toBe(20);
    const failing = async function* (): AsyncGenerator<CodeBatch> {
      yield { latents: codesFrom(0, 40) };
      throw new Error('no more codes');
    };
    const all = async () => {
      for await (const { start } of decoder.images(failing())) expect(start).toBeLessThan(40);
    };
    await expect(all()).rejects.toThrow('no more codes');
    expectImages(await decoder.decode({ latents: codesFrom(7, 6) }), 7, false);
  });
});

test('a file that is no model', async () => {
  const broken = await exportTiny(scratch('broken'));
  const card = await openExported(broken);
  writeFileSync(join(broken, 'decoder.onnx'), 'no model');
  const failure = await Decoder.start(card, { exported: broken, device: 'cpu', threads: 2, images: 1000 }).catch(
    (error: unknown) => error,
  );
  expect(failure).toBeInstanceOf(EnvironmentError);
  expect(failure).toHaveProperty(
    'message',
    expect.stringMatching(/^ONNX Runtime cannot load [^\n]*decoder\.onnx: [^\n]+$/),
  );
});
