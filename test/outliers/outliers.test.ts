import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { detection } from '../../pipeline/analyse/detection.ts';
import { readCard } from '../../pipeline/artifacts/exported.ts';
import { type Outliers, outliersSchema } from '../../pipeline/artifacts/outliers.ts';
import { findDamage } from '../../pipeline/io/sums.ts';
import { call, callJson } from '../cli/call.ts';
import { readRows } from '../encode/support.ts';

const cwd = mkdtempSync(join(tmpdir(), 'convae-test-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
const path = (...parts: string[]) => join(cwd, ...parts);
const options = { cwd };
const run = (...args: string[]) => call(args, options);
const SIDE = 16;

const xOf = (at: number) => at % SIDE;
/** Whether a pixel of image `i` is in its defect, a square. */
const inDefect = (i: number, at: number): boolean => {
  const y = Math.floor(at / SIDE);
  return xOf(at) >= 4 + (i % 5) && xOf(at) < 9 + (i % 5) && y >= 5 && y < 10;
};
const stripes = (i: number, at: number): number => 90 + 60 * Math.sin((2 * Math.PI * (xOf(at) + (i % 7))) / 8);

async function write(
  folder: string,
  count: number,
  value: (i: number, at: number) => number,
  ending = '',
): Promise<void> {
  mkdirSync(path(folder), { recursive: true });
  for (let i = 0; i < count; i++) {
    const pixels = Uint8Array.from({ length: SIDE * SIDE }, (_, at) => value(i, at));
    const image = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 1 } });
    await image
      .toColourspace('b-w')
      .png()
      .toFile(path(folder, `${i}${ending}.png`));
  }
}

/** Stripes of some phase, with a white square where there is a defect. */
const draw = (folder: string, count: number, defect = false) =>
  write(folder, count, (i, at) => (defect && inDefect(i, at) ? 255 : stripes(i, at)));

type Found = { out: string; report: Outliers };

describe('a model of normal images, laid out as MVTec AD', () => {
  beforeAll(async () => {
    await draw('set/train/good', 120);
    await draw('set/test/good', 30);
    await draw('set/test/crack', 20, true);
    await write('set/ground_truth/crack', 20, (i, at) => (inDefect(i, at) ? 255 : 0), '_mask');
    const trained = await run(
      'train',
      'cae',
      '--data',
      'set',
      '--epochs',
      '4',
      '--latent',
      '4',
      '--width',
      '8',
      '--augment',
      'none',
      '--run',
      'run',
      '--quiet',
    );
    expect([trained.code, trained.stderr]).toEqual([0, expect.stringMatching(/^note: .*\n(warning: .*\n)+$/)]);
    expect((await run('export', 'run', '--out', 'model')).code).toBe(0);
  }, 120_000);

  test('defects are told from normal images, and the card judges alike', async () => {
    const { report } = await callJson<Found>(
      ['outliers', 'model', '--data', 'set', '--out', 'found', '--into', '--quiet'],
      options,
    );
    const stored = outliersSchema.parse(JSON.parse(readFileSync(path('found/outliers.json'), 'utf8')));
    expect(stored).toEqual(report);
    const { measures, normal, reference, data, threshold } = report;
    expect([normal, reference.images, data.images, threshold]).toEqual([['good'], 30, 50, 2]);
    expect([measures?.normal, measures?.abnormal]).toEqual([30, 20]);
    expect(measures?.score.auroc).toBeGreaterThan(0.95);
    expect(report.top.slice(0, 10).every((image) => image.class === 'crack')).toBe(true);
    expect(report.pictures.map(({ file }) => file)).toEqual(['histogram.png', 'top.png', 'maps.png']);
    // The parts of the table agree with each other, and with what encode writes by the card.
    const rows = (await readRows(path('found/outliers.parquet'))) as unknown as Record<string, number>[];
    expect(Object.keys(rows[0] ?? {})).toEqual([
      'id',
      'label',
      'class',
      'error',
      'error_percentile',
      'distance',
      'distance_percentile',
      'surprise',
      'score',
      'flag',
    ]);
    expect(rows.filter(({ flag }) => flag).length).toBe(report.flagged);
    expect(rows.every(({ score = 0, flag }) => Boolean(flag) === score > 2)).toBe(true);
    expect(await findDamage(path('model'))).toBeUndefined();
    expect((await readCard(path('model'))).outliers?.normal).toEqual(['good']);
    await callJson(['encode', 'model', '--data', 'set', '--split', 'test', '--out', 'all.parquet', '--quiet'], options);
    const encoded = (await readRows(path('all.parquet'))) as unknown as Record<string, number>[];
    expect(encoded.map(({ id, score, flag }) => [id, score, flag])).toEqual(
      rows.map(({ id, score, flag }) => [id, score, flag]),
    );
    // One image, alone.
    const one = await callJson<{ flagged: number; score: number }>(
      ['encode', 'model', '--data', 'set/test/crack/3.png', '--out', 'one.parquet', '--quiet'],
      options,
    );
    const same = encoded.find(({ id }) => String(id) === 'crack/3.png');
    expect(one.score).toBeCloseTo(same?.score ?? 0, 3);
    expect(one.flagged).toBe(Number(same?.flag));
    // Shards are judged alike, and one file of them.
    expect(
      (await run('encode', 'model', '--data', 'set/test', '--out', 'shards', '--shards', '2', '--quiet')).code,
    ).toBe(0);
    expect((await run('encode', '--out', 'shards', '--shards-of', '0/1', '--quiet')).code).toBe(0);
    expect((await run('encode', '--merge', 'shards', '--single', '--out', 'merged.parquet', '--quiet')).code).toBe(0);
    const merged = (await readRows(path('merged.parquet'))) as unknown as Record<string, number>[];
    expect(merged.map(({ flag }) => flag)).toEqual(encoded.map(({ flag }) => flag));
    // Without errors there is nothing to judge by.
    await run('encode', 'model', '--data', 'set/test', '--no-error', '--out', 'plain.parquet', '--quiet');
    expect(Object.keys((await readRows(path('plain.parquet')))[0] ?? {})).toEqual(['id', 'label', 'class', 'latent']);
  });

  test('where there are masks, error maps are compared with them', async () => {
    const args = ['outliers', 'model', '--data', 'set', '--out', 'masked', '--quiet'];
    const { report } = await callJson<Found>(args, options);
    const { pixels } = report.measures ?? {};
    expect([pixels?.images, pixels?.masked]).toEqual([50, 20]);
    // The same from the images that `reconstruct` writes, which are rounded to 8 bits.
    expect(
      (await run('reconstruct', 'model', '--data', 'set/test', '--split', 'all', '--out', 'rec', '--quiet')).code,
    ).toBe(0);
    const [scores, inside]: [number[], boolean[]] = [[], []];
    for (const [kind, count] of [
      ['good', 30],
      ['crack', 20],
    ] as const) {
      for (let i = 0; i < count; i++) {
        const read = (file: string) => sharp(path(file)).toColourspace('b-w').raw().toBuffer();
        const [image, rebuilt] = await Promise.all([read(`set/test/${kind}/${i}.png`), read(`rec/${kind}/${i}.png`)]);
        image.forEach((value, at) => {
          scores.push(Math.abs(value - (rebuilt[at] ?? 0)));
          inside.push(kind === 'crack' && inDefect(i, at));
        });
      }
    }
    expect(pixels?.error).toBeCloseTo(detection(scores, inside).auroc, 3);
    expect(pixels?.smoothed).toBeGreaterThan(0.9);
  });

  test('masks that are of no image are told', async () => {
    renameSync(path('set/ground_truth/crack'), path('set/ground_truth/other'));
    const args = ['outliers', 'model', '--data', 'set', '--out', 'unmasked', '--quiet'];
    const { report } = await callJson<Found>(args, options);
    renameSync(path('set/ground_truth/other'), path('set/ground_truth/crack'));
    expect(report.measures?.pixels).toBe(undefined);
    expect(report.notes.filter((note) => /\b20 masks\b.*ground_truth/.test(note))).toHaveLength(1);
  });

  test('nearest neighbours, another reference, and images without labels', async () => {
    await draw('others', 12);
    await draw('unlabelled', 12, true);
    const knn = ['outliers', 'model', '--distance', 'knn', '--reference', 'others', '--flag-above', '90', '--quiet'];
    const { report } = await callJson<Found>([...knn, '--data', 'unlabelled', '--out', 'knn'], options);
    expect([report.distance, report.reference.images, report.threshold, report.measures]).toEqual(['knn', 12, 1, null]);
    expect(report.notes.join()).toMatch(/no labels/);
    expect(report.flagged).toBe(12);
    // Of the reference, `good` is normal whether the images have labels or not.
    const { report: some } = await callJson<Found>(
      ['outliers', 'model', '--data', 'unlabelled', '--reference', 'set/test', '--out', 'knn', '--quiet'],
      options,
    );
    expect([some.normal, some.reference.images, some.measures]).toEqual([['good'], 30, null]);
    const { report: one } = await callJson<Found>(
      [...knn, '--data', 'set', '--normal', 'good,crack', '--out', 'knn'],
      options,
    );
    expect([one.measures, one.normal]).toEqual([null, ['crack', 'good']]);
  });

  test('an encoder without a decoder has no errors: the distance is the score', async () => {
    rmSync(path('model/decoder.onnx'));
    const { report } = await callJson<Found>(
      ['outliers', 'model', '--data', 'set', '--distance', 'mahalanobis', '--out', 'blind', '--quiet'],
      options,
    );
    expect([report.tails.error, report.measures?.error, report.top[0]?.error]).toEqual([null, null, null]);
    expect(report.measures?.score).toEqual(report.measures?.distance);
    expect(report.notes.join()).toMatch(/no decoder/);
    expect(report.pictures.map(({ file }) => file)).toEqual(['histogram.png', 'top.png']);
  });

  test.each([
    [['--normal', 'fine'], /--normal fine: set\/test .*'fine'.*\bcrack, good\b/],
    [['--flag-above', 'p100'], /--flag-above p100/],
    [['--distance', 'knn', '--into'], /--into: .*--distance mixture/],
    [['--reference', 'nowhere'], /nowhere/],
    [['--split', 'val'], /no val part/],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await run('outliers', 'model', '--data', 'set', '--out', 'refused', '--quiet', ...args);
    expect([code, stderr.trim().split('\n').length]).toEqual([2, 1]);
    expect(stderr).toMatch(message);
  });

  test('training data that are others now, and too few normal images, are refused', async () => {
    rmSync(path('set/train/good/0.png'));
    const changed = await run('outliers', 'model', '--data', 'others', '--out', 'refused', '--quiet');
    expect([changed.code, /--reference/.test(changed.stderr)]).toEqual([2, true]);
    await draw('few', 3);
    const few = await run('outliers', 'model', '--data', 'others', '--reference', 'few', '--out', 'refused', '--quiet');
    expect([few.code, /at least 10/.test(few.stderr)]).toEqual([2, true]);
  });
});
