import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenClassifierOptions, openClassifier } from '../../../pipeline/analyse/classifier/classifier.ts';
import type { ImageDataset } from '../../../pipeline/data/dataset.ts';
import { range } from '../../../pipeline/data/rows.ts';
import { InputError, Interrupted } from '../../../pipeline/io/errors.ts';
import { stripes } from '../../train/tiny.ts';

const shape = { height: 12, width: 12, channels: 1 };
const train = stripes(36, { shape });
let folder: string;

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'convae-classifier-')), 'cache', 'classifiers');
});
afterEach(() => rm(join(folder, '..', '..'), { recursive: true, force: true }));

/** Opens a classifier; `trained` is how many steps that took. */
async function open(more: Partial<OpenClassifierOptions> = {}, images: ImageDataset = train) {
  let trained = 0;
  const progress = () => {
    trained++;
  };
  const classifier = await openClassifier(images, { folder, threads: 1, steps: 40, progress, ...more });
  return { classifier, trained };
}

test('is trained once, then read from the folder', async () => {
  const { classifier, trained } = await open();
  expect(trained).toBe(40);
  const files = await readdir(folder);
  expect(files).toEqual([expect.stringMatching(/^[0-9a-f]{16}-[0-9a-f]{16}\.onnx$/)]);

  const again = await open();
  expect(again.trained).toBe(0);
  expect(await readdir(folder)).toEqual(files);
  expect(again.classifier).toMatchObject({ shape, classes: 12, featureSize: 128 });
  const images = await asFloats(train);
  const answers = await again.classifier.classify(images, 36);
  expect(answers).toEqual(await classifier.classify(images, 36));
  expect(answers.labels).toEqual(train.labels);
  expect(answers.features.length).toBe(36 * 128);

  // Splitting 300 images into batches changes no answer.
  const many = new Float32Array(300 * 144);
  for (let i = 0; i < 300; i++) many.set(images.subarray((i % 36) * 144, ((i % 36) + 1) * 144), i * 144);
  const { labels, features } = await classifier.classify(many, 300);
  expect(labels).toEqual(Int32Array.from({ length: 300 }, (_, i) => i % 12));
  const last = (299 % 36) * 128;
  features.subarray(299 * 128).forEach((feature, i) => {
    expect(feature).toBeCloseTo(answers.features[last + i] as number, 5);
  });
  await expect(classifier.classify(images, 37)).rejects.toThrow(RangeError);
  await classifier.close();
  await again.classifier.close();
});

test('other data, seeds or training steps give other classifiers', async () => {
  await open({ steps: 2 });
  for (const [more, images] of [
    [{ steps: 3 }, train],
    [{ steps: 2, seed: 1 }, train],
    [{ steps: 2 }, stripes(36, { shape, salt: 1 })],
  ] as const) {
    const before = (await readdir(folder)).length;
    expect((await open(more, images)).trained).toBe(more.steps);
    expect(await readdir(folder)).toHaveLength(before + 1);
  }
});

test('a damaged file is replaced by a new one', async () => {
  await open({ steps: 2 });
  const [name = ''] = await readdir(folder);
  const path = join(folder, name);
  const complete = await readFile(path);
  const flipped = Buffer.from(complete);
  flipped[complete.length >> 1] = (flipped[complete.length >> 1] as number) ^ 1;
  for (const damaged of [flipped, complete.subarray(0, 1000), Buffer.alloc(0)]) {
    await writeFile(path, damaged);
    expect((await open({ steps: 2 })).trained).toBe(2);
    expect(await readdir(folder)).toEqual([name]);
    expect((await readFile(path)).equals(complete)).toBe(true);
  }
  // A renamed file does not match its name.
  const stray = join(folder, `${name.slice(0, 17)}0123456789abcdef.onnx`);
  await rm(path);
  await writeFile(stray, complete);
  expect((await open({ steps: 2 })).trained).toBe(2);
  expect(await readdir(folder)).toEqual([name]);
});

test('nothing appears when the training is stopped', async () => {
  const controller = new AbortController();
  const progress = () => controller.abort();
  await expect(open({ progress, signal: controller.signal })).rejects.toThrow(Interrupted);
  expect(await readdir(folder)).toEqual([]);
});

test('unsuitable data and folders are refused before any training', async () => {
  const labelled = (labels: Int32Array | undefined): ImageDataset => ({ ...train, labels });
  const progress = () => {
    throw new Error('trained');
  };
  const refused = async (images: ImageDataset, message: string, more: Partial<OpenClassifierOptions> = {}) => {
    const refusal = open({ progress, ...more }, images);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
  };
  await refused(labelled(undefined), 'stripes: it has no labels');
  await refused(labelled(new Int32Array(36).fill(3)), 'stripes: all its images are of one class');
  await refused(labelled(Int32Array.from({ length: 36 }, (_, i) => (i === 5 ? -1 : i % 3))), 'image 5 has label -1');
  const file = join(folder, '..', '..', 'file');
  await writeFile(file, '');
  await refused(train, `cannot use ${file}: `, { folder: file });
});

async function asFloats(images: ImageDataset): Promise<Float32Array> {
  const pixels = new Uint8Array(images.length * 144);
  await images.read(range(0, images.length), pixels);
  return Float32Array.from(pixels, (pixel) => pixel / 255);
}
