import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Classifier, openClassifier } from '../../../pipeline/analyse/classifier/classifier.ts';
import {
  type EvaluationOptions,
  evaluateSamples,
  type LabelledImages,
} from '../../../pipeline/analyse/classifier/evaluate.ts';
import type { ImageDataset } from '../../../pipeline/data/dataset.ts';
import { Generator } from '../../../pipeline/data/generator.ts';
import { range } from '../../../pipeline/data/rows.ts';
import { subset } from '../../../pipeline/data/split.ts';
import { InputError, Interrupted } from '../../../pipeline/io/errors.ts';
import { trainAndTest } from '../../data/support.ts';
import { stripes } from '../../train/tiny.ts';

const PIXELS = 784;
const TEST = 1000;
const ACCURACY = 0.92;

let folder: string;
let classifier: Classifier;
let testImages: ImageDataset;
let images: Float32Array;
let labels: Int32Array;
const opened: ImageDataset[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'convae-evaluate-'));
  const { train, test } = await trainAndTest('mnist');
  opened.push(train, test);
  testImages = subset(test, 'mnist/test', range(0, TEST));
  labels = testImages.labels as Int32Array;
  const pixels = new Uint8Array(TEST * PIXELS);
  await testImages.read(range(0, TEST), pixels);
  images = Float32Array.from(pixels, (pixel) => pixel / 255);
  classifier = await openClassifier(subset(train, 'mnist/train', range(0, 6000)), { folder, steps: 140 });
}, 60_000);

afterAll(async () => {
  await classifier.close();
  await Promise.all(opened.map((dataset) => dataset.close()));
  await rm(folder, { recursive: true });
});

/** Batches of uneven sizes in one buffer, as a model decodes them. */
async function* batches(images: Float32Array, labels: Int32Array, size = 333): AsyncGenerator<LabelledImages> {
  const buffer = new Float32Array(size * PIXELS);
  for (let start = 0; start < labels.length; start += size) {
    const some = labels.slice(start, start + size);
    buffer.set(images.subarray(start * PIXELS, (start + some.length) * PIXELS));
    yield { images: buffer.subarray(0, some.length * PIXELS), labels: some };
    buffer.fill(Number.NaN);
  }
}

const evaluate = (samples: AsyncIterable<LabelledImages>, more: Partial<EvaluationOptions> = {}) =>
  evaluateSamples({ classifier, samples, testImages, ...more });

/** Digits after the point of a distance that is 0: roots of eigenvalues that are 0 but for rounding leave half as many. */
const ROUNDED = 4;

test('the classifier learns digits from 140 batches of 6,000 images', async () => {
  const { labels: found } = await classifier.classify(images, TEST);
  const right = found.filter((label, i) => label === labels[i]).length / TEST;
  expect(right).toBeGreaterThan(ACCURACY);
  const counts: number[] = [];
  const same = await evaluate(batches(images, labels), { progress: (count) => counts.push(count) });
  expect(same).toEqual({ samples: TEST, accuracy: right, testAccuracy: right, frechet: expect.closeTo(0, ROUNDED) });
  expect(counts).toEqual([500, 1000, 1333, 1666, 1999, 2000]);
});

describe('worse than real images:', () => {
  const changed = (change: (value: number, i: number) => number) => Float32Array.from(images, change);
  const noisy = (deviation: number) => {
    const noise = new Float32Array(images.length);
    Generator.of(0, 'test').fillNormal(noise);
    return changed((value, i) => Math.min(1, Math.max(0, value + deviation * (noise[i] as number))));
  };
  const at = (image: number, y: number, x: number) =>
    y < 0 || y > 27 || x < 0 || x > 27 ? 0 : (images[image * PIXELS + y * 28 + x] as number);
  /** The mean over a square of `2 × reach + 1`. */
  const blurred = (reach: number) =>
    changed((_, i) => {
      const [image, y, x] = [Math.floor(i / PIXELS), Math.floor((i % PIXELS) / 28), i % 28];
      let sum = 0;
      for (let dy = -reach; dy <= reach; dy++)
        for (let dx = -reach; dx <= reach; dx++) sum += at(image, y + dy, x + dx);
      return sum / (2 * reach + 1) ** 2;
    });

  test('those with other labels, which look as real', async () => {
    const shifted = labels.map((label) => (label + 1) % 10);
    const { accuracy, frechet } = await evaluate(batches(images, shifted));
    expect(accuracy).toBeLessThan(0.05);
    expect(frechet).toBeCloseTo(0, ROUNDED);
    const half = labels.map((label, i) => (i % 2 === 0 ? label : (label + 1) % 10));
    expect((await evaluate(batches(images, half))).accuracy).toBeCloseTo(0.5, 1);
  });

  test.each([
    ['noise', noisy, [0.3, 1]],
    ['blur', blurred, [1, 3]],
  ] as const)('the more so the more %s there is', async (_, spoil, amounts) => {
    const real = await evaluate(batches(images, labels));
    let worst = { ...real, frechet: 0.01 };
    for (const amount of amounts) {
      const spoiled = await evaluate(batches(spoil(amount), labels));
      expect(spoiled.frechet).toBeGreaterThan(2 * worst.frechet);
      expect(spoiled.accuracy).toBeLessThan(worst.accuracy);
      expect(spoiled.testAccuracy).toBe(real.testAccuracy);
      worst = spoiled;
    }
  });

  test('those of a single class, though each is right', async () => {
    const threes = [...labels.keys()].filter((i) => labels[i] === 3);
    const some = new Float32Array(threes.length * PIXELS);
    threes.forEach((i, k) => {
      some.set(images.subarray(i * PIXELS, (i + 1) * PIXELS), k * PIXELS);
    });
    const { accuracy, frechet, samples } = await evaluate(batches(some, new Int32Array(threes.length).fill(3)));
    expect(samples).toBe(threes.length);
    expect(accuracy).toBeGreaterThan(0.9);
    expect(frechet).toBeGreaterThan(1);
  });
});

test('data that do not fit are refused in one line', async () => {
  const refused = async (evaluation: Promise<unknown>, message: string) => {
    await expect(evaluation).rejects.toThrow(InputError);
    await expect(evaluation).rejects.toThrow(message);
  };
  const broken = images.slice(0, 700 * PIXELS);
  broken[500 * PIXELS + 3] = Number.NaN;
  await refused(evaluate(batches(broken, labels.slice(0, 700))), 'sample 500 is not finite');
  const real = batches(images, labels);
  await refused(evaluate(real, { testImages: { ...testImages, labels: undefined } }), 'mnist/test: it has no labels');
  await refused(evaluate(real, { testImages: stripes(8) }), 'stripes: its images are 6×5×1');
  await expect(evaluate(batches(images, labels), { signal: AbortSignal.abort() })).rejects.toThrow(Interrupted);
});
