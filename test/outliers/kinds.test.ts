import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { clustersSchema } from '../../pipeline/artifacts/clusters.ts';
import { readCard, writeCard } from '../../pipeline/artifacts/exported.ts';
import { type Outliers, outliersSchema } from '../../pipeline/artifacts/outliers.ts';
import { closeSplits } from '../../pipeline/data/dataset.ts';
import { openSplit, openSplits } from '../../pipeline/data/open.ts';
import type { DuplicatesResult } from '../../pipeline/neighbors/duplicates.ts';
import type { NeighborsResult } from '../../pipeline/neighbors/neighbors.ts';
import { onlyNormal, sharesClasses, unnamedNote } from '../../pipeline/outliers/data.ts';
import { abnormalOf } from '../../pipeline/outliers/outliers.ts';
import { call, callJson } from '../cli/call.ts';
import { idxBytes } from '../data/formats.ts';
import { pixelsOf, scratchFolder } from '../data/support.ts';
import { imageOf, labelOf, readRows, tinyData, tinyImages } from '../encode/support.ts';
import { exportTiny, tiny, tinyError, tinyLatent } from '../encode/tiny-model.ts';

const scratch = scratchFolder();
const cwd = dirname(scratch('x'));
const N = 60;
const json = <T>(path: string): T => JSON.parse(readFileSync(scratch(path), 'utf8'));
const latentOf = (i: number, label = labelOf(i)) => tinyLatent(imageOf(tinyImages(N), i), label);

test.each([
  ['encoder and decoder take the class', { encoder: true, decoder: true }],
  ['the decoder alone takes the class', { encoder: false, decoder: true }],
])('%s: clusters, outliers, neighbours and duplicates', async (_, conditional) => {
  const name = `conditional-${conditional.encoder}`;
  const classes = ['0', '1', '2', '3', '4'];
  const exported = await exportTiny(scratch(name), { conditional, classes });
  const data = tinyData(scratch('data'), N);
  const expected = (i: number) => (conditional.encoder ? latentOf(i) : latentOf(i, 0));
  const ends = async (...args: string[]) => (await call([...args, '--quiet'], { cwd })).code;

  const k = ['--k', '3', '--method', 'kmeans', '--seeds', '1'];
  expect(await ends('cluster', exported, '--data', data, ...k, '--out', 'clusters')).toBe(0);
  expect(clustersSchema.parse(json('clusters/clusters.json')).data.images).toBe(N);

  const args = ['neighbors', exported, '--query', data, '--data', data, '--k', '2', '--quiet'];
  const { queries } = await callJson<NeighborsResult>(args, { cwd });
  const second = Array.from({ length: N }, (_, i) =>
    Math.hypot(...expected(i).map((v, d) => v - (expected(7)[d] ?? 0))),
  );
  expect(queries[7]?.neighbors[1]?.distance).toBeCloseTo(second.sort((a, b) => a - b)[1] ?? Number.NaN, 4);

  const { images } = await callJson<DuplicatesResult>(['duplicates', exported, '--data', data, '--quiet'], { cwd });
  expect(images).toBe(N);

  const scored = ['outliers', exported, '--data', data, '--reference', data, '--normal', '0,1,2', '--top', '4'];
  // The labels of a few held out images leave few normal ones: the report says what it needs.
  const few = await call([...scored, '--out', 'found', '--quiet'], { cwd });
  expect([few.code, /at least 10/.test(few.stderr)]).toEqual([2, true]);
  const more = tinyData(scratch('more'), 6 * N);
  expect(await ends('outliers', exported, '--data', data, '--reference', more, '--out', 'found')).toBe(0);
  expect(outliersSchema.parse(json('found/outliers.json')).data.images).toBe(N);
  const [row] = (await readRows(scratch('found/outliers.parquet'))) as unknown as { id: string; error: number }[];
  const i = Number(row?.id);
  expect(row?.error).toBeCloseTo(tinyError(imageOf(tinyImages(N), i), expected(i), labelOf(i)), 5);
  rmSync(scratch('found'), { recursive: true });

  // Without labels, one line says what is missing.
  const bare = tinyData(scratch('bare'), N, { labels: false });
  for (const command of [
    ['outliers', exported, '--data', bare, '--reference', more, '--out', 'found'],
    ...(conditional.encoder
      ? [
          ['neighbors', exported, '--query', bare, '--data', data],
          ['duplicates', exported, '--data', bare],
        ]
      : []),
  ]) {
    const ended = await call([...command, '--quiet'], { cwd });
    expect([ended.code, /no labels/.test(ended.stderr)]).toEqual([2, true]);
  }
});

test('images in colour: clusters, outliers, neighbours and duplicates', async () => {
  for (let i = 0; i < 40; i++) {
    const folder = scratch(`colours/${i < 24 ? 'train' : 'test'}/${i % 2 ? 'red' : 'blue'}`);
    mkdirSync(folder, { recursive: true });
    const pixels = Uint8Array.from(
      { length: 192 },
      (_, at) => (at % 3 === (i % 2 ? 0 : 2) ? 200 : 20) + ((i * (at + 5)) % 23),
    );
    await sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
      .png()
      .toFile(`${folder}/${i}.png`);
  }
  const ends = async (...args: string[]) => (await call([...args, '--quiet'], { cwd })).code;
  const train = [
    'train',
    'cae',
    '--data',
    'colours',
    '--epochs',
    '1',
    '--latent',
    '2',
    '--width',
    '8',
    '--augment',
    'none',
    '--run',
    'run',
  ];
  expect(await ends(...train)).toBe(0);
  expect((await call(['export', 'run', '--out', 'colour'], { cwd })).code).toBe(0);
  const data = ['colour', '--data', 'colours'];
  expect(await ends('cluster', ...data, '--k', '2', '--method', 'kmeans', '--seeds', '1', '--out', 'groups')).toBe(0);
  expect(clustersSchema.parse(json('groups/clusters.json')).agreement?.accuracy).toBe(1);
  expect(await ends('outliers', ...data, '--out', 'odd', '--top', '3')).toBe(0);
  const { top, notes } = outliersSchema.parse(json('odd/outliers.json'));
  expect(top).toHaveLength(3);
  expect(notes.filter((note) => note.includes('mahalanobis'))).toHaveLength(1); // of 24 images no mixture can be learned
  const query = 'colours/test/red/39.png';
  const { queries } = await callJson<NeighborsResult>(
    ['neighbors', ...data, '--query', query, '--k', '5', '--sheet', 'like.png', '--quiet'],
    { cwd },
  );
  expect(queries[0]?.neighbors.map((one) => one.class)).toEqual(['red', 'red', 'red', 'red', 'red']);
  expect((await sharp(scratch('like.png')).stats()).channels.map(({ mean }) => Math.round(mean))).toHaveLength(3);
  expect(await ends('duplicates', ...data)).toBe(0);
});

test('images that cannot be read are told', async () => {
  const exported = await exportTiny(scratch('any'));
  mkdirSync(scratch('torn'));
  for (let i = 0; i < 30; i++) {
    const image = sharp(imageOf(tinyImages(30), i), { raw: { width: tiny.width, height: tiny.height, channels: 1 } });
    await image
      .toColourspace('b-w')
      .png()
      .toFile(scratch(`torn/${i}.png`));
  }
  writeFileSync(scratch('torn/broken.png'), 'no image');
  const args = [exported, '--data', 'torn', '--max-skipped', '0.5'];
  const told = (lines: readonly string[]) => lines.filter((line) => line.includes('broken.png')).length;
  for (const command of [
    ['cluster', ...args, '--k', '2', '--method', 'kmeans', '--seeds', '1', '--out', 'torn-clusters'],
    ['outliers', ...args, '--reference', tinyData(scratch('whole'), 4 * N), '--out', 'torn-outliers'],
  ]) {
    const { report } = await callJson<{ report: { notes: string[] } }>([...command, '--quiet'], { cwd });
    expect(told(report.notes)).toBe(1);
  }
  for (const command of [
    ['duplicates', ...args],
    ['neighbors', ...args, '--query', 'torn/3.png', '--k', '2'],
  ]) {
    const { code, stderr } = await call(command, { cwd });
    expect([code, told(stderr.split('\n'))]).toEqual([0, 1]);
  }
});

test('an image without a label is neither normal nor abnormal', () => {
  expect(abnormalOf({ labels: Int32Array.of(2, -1, 0) }, new Set([0]))).toEqual([true, undefined, false]);
});

test('images of other classes than the normal ones count as normal, which is told', async () => {
  const part = await openSplit(tinyData(scratch('others'), N), 'all');
  const told = (normal: readonly string[] | null) => [onlyNormal(part, normal).length, unnamedNote(part, normal)];
  expect(told(['good'])).toEqual([N, expect.stringContaining(`${N} images`)]);
  expect(told(['0', 'good'])).toEqual([part.labels?.filter((label) => label === 0).length, undefined]);
  expect(told(null)).toEqual([N, undefined]);
  await part.close();
});

test('classes that are numbers are those of the model in its own data only', async () => {
  const classes = ['0', '1', '2', '3', '4'];
  const folder = await exportTiny(scratch('numbered'), { classes });
  const own = tinyData(scratch('own'), 10 * N);
  const splits = await openSplits(own, { onlyClass: ['0', '1'] });
  const { train, test } = splits;
  if (!test) throw new Error('no images were held out');
  const about = async (part: typeof train) => ({ images: part.length, ...(await part.fingerprints()) });
  const dataset = { name: own, onlyClass: ['0', '1'], train: await about(train), test: await about(test) };
  const card = await writeCard(folder, { ...(await readCard(folder)), dataset });
  await closeSplits(splits);

  const write = async (name: string, split: 'train' | 'test' | 'all', change: (pixel: number) => number) => {
    const part = await openSplit(own, split);
    const { length, labels = [] } = part;
    const pixels = (await pixelsOf(part)).map(change);
    await part.close();
    writeFileSync(scratch(`${name}-images`), idxBytes([length, tiny.height, tiny.width, 1], pixels));
    writeFileSync(scratch(`${name}-labels`), idxBytes([length], Uint8Array.from(labels)));
    return `${scratch(`${name}-images`)},${scratch(`${name}-labels`)}`;
  };
  const held = await write('held', 'test', (pixel) => pixel);
  const other = await write('other', 'all', (pixel) => 255 - pixel);
  const score = async (...more: string[]) =>
    (await callJson<{ report: Outliers }>(['outliers', folder, ...more, '--out', 'numbers', '--quiet'], { cwd }))
      .report;
  for (const data of [own, held]) {
    const { normal, measures, reference } = await score('--data', data);
    expect([normal, measures?.normal, reference.images]).toEqual([['0', '1'], test.length, test.length]);
  }
  const unknown = await score('--data', other);
  expect([unknown.normal, unknown.measures, unknown.reference.images]).toEqual([null, null, test.length]);
  expect(unknown.notes.filter((note) => note.includes('--normal'))).toHaveLength(1);
  // Where the user says what is normal, class 1 of other data is not the model's.
  const named = await score('--data', other, '--normal', '1');
  expect([named.normal, named.reference.images]).toEqual([['1'], test.length]);
  expect(named.measures?.normal).toBeGreaterThan(0);
  const given = await score('--data', other, '--normal', '1', '--reference', other);
  expect(given.reference.images).toBe(given.measures?.normal);

  // Images that were trained on are told, those scored and those compared with.
  const trained = await write('trained', 'train', (pixel) => pixel);
  const seenIn = ({ notes }: Outliers) =>
    Math.max(0, ...notes.map((note) => Number(note.match(/(\d+) .*trained on/)?.[1] ?? 0)));
  const seen = [
    await score('--data', own),
    await score('--data', held),
    await score('--data', own, '--split', 'train'),
    await score('--data', held, '--reference', trained),
  ];
  expect(seen.map((report) => seenIn(report) >= train.length)).toEqual([false, false, true, true]);

  const toldOf = ({ notes }: Outliers) => notes.filter((note) => /held out/.test(note)).length;
  await writeCard(folder, { ...card, dataset: { ...dataset, test: { ...dataset.test, ...dataset.train } } });
  expect([toldOf(unknown), toldOf(await score('--data', other))]).toEqual([0, 1]);

  const part = await openSplit(other, 'all');
  const closing: (() => Promise<void>)[] = [() => part.close()];
  expect(await sharesClasses(card, other, { ...part, classes: ['cat', 'dog'] }, undefined, closing)).toBe(true);
  await Promise.all(closing.map((close) => close()));
});
