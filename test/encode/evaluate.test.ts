import { expect, test } from 'vitest';
import { openSplits } from '../../pipeline/data/open.ts';
import { evaluate } from '../../pipeline/encode/evaluate.ts';
import { Interrupted } from '../../pipeline/errors.ts';
import { pixelsOf, scratchFolder } from '../data/support.ts';
import { imageOf, tinyData } from './support.ts';
import { exportTiny, tinyError, tinyLatent } from './tiny-model.ts';

const scratch = scratchFolder();
const exported = await exportTiny(scratch('tiny'));
const options = { exported, device: 'cpu', threads: 2 } as const;

test('the figures are those of the images themselves', async () => {
  const data = tinyData(scratch('data'), 300);
  const { train, test: held } = await openSplits(data);
  const [known, images] = [await pixelsOf(train), await pixelsOf(held)];
  await Promise.all([train.close(), held.close()]);
  const codes = (pixels: Uint8Array, count: number) =>
    Array.from({ length: count }, (_, i) => tinyLatent(imageOf(pixels, i)).map(Math.fround));
  const [knownCodes, testCodes] = [codes(known, train.length), codes(images, held.length)];

  let errors = 0;
  let right = 0;
  testCodes.forEach((code, i) => {
    errors += tinyError(imageOf(images, i), code);
    const nearest = knownCodes
      .map((other, row) => ({ row, distance: other.reduce((sum, x, d) => sum + (x - (code[d] ?? 0)) ** 2, 0) }))
      .sort((a, b) => a.distance - b.distance || a.row - b.row)
      .slice(0, 10)
      .map(({ row }) => train.labels?.[row]);
    const votes = (label: number | undefined) => nearest.filter((other) => other === label).length;
    const winner = nearest.reduce((best, label) => (votes(label) > votes(best) ? label : best));
    if (winner === held.labels?.[i]) right++;
  });

  const done: number[] = [];
  const evaluation = await evaluate({ ...options, data, batchSize: 16, progress: (count) => done.push(count) });
  expect(evaluation.images).toBe(held.length);
  expect(held.length).toBeGreaterThan(10);
  expect(evaluation.reconstruction).toBeCloseTo(errors / held.length, 6);
  expect(evaluation.knn10).toBeCloseTo(right / held.length, 12);
  const first = testCodes.map(([x = 0]) => x);
  expect(evaluation.latent.mean[0]).toBeCloseTo(first.reduce((a, b) => a + b) / held.length, 5);
  expect(evaluation.latent.max[0]).toBeCloseTo(Math.max(...first), 5);
  expect(evaluation.latent.min).toHaveLength(2);
  expect(done.at(-1)).toBe(300);
  expect(done).toEqual([...done].sort((a, b) => a - b));
});

test('without labels there is no accuracy', async () => {
  const data = tinyData(scratch('unlabelled'), 40, { labels: false });
  const { knn10, reconstruction } = await evaluate({ ...options, data });
  expect(knn10).toBeNull();
  expect(reconstruction).toBeGreaterThan(0);
});

test('an interruption ends it', async () => {
  const controller = new AbortController();
  const progress = () => controller.abort();
  const data = tinyData(scratch('interrupted'), 4000);
  await expect(evaluate({ ...options, data, progress, signal: controller.signal })).rejects.toThrow(Interrupted);
});
