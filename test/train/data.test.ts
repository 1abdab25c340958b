import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { IMAGE_INDEX_FORMAT, type ImageIndex, type SkippedImage } from '../../pipeline/artifacts/image-index.ts';
import { writeSkipped } from '../../pipeline/artifacts/run-files.ts';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { type DatasetSplits, defineDataset } from '../../pipeline/data/dataset.ts';
import { exportRun } from '../../pipeline/export/export.ts';
import { dryRun } from '../../pipeline/train/dry-run.ts';
import type { TrainOptions } from '../../pipeline/train/options.ts';
import { train, trainOn } from '../../pipeline/train/train.ts';
import { idxBytes, npyBytes, zipBytes } from '../data/formats.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';
import { never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

const scratch = scratchFolder();

const indexWith = (skipped: readonly SkippedImage[]) =>
  ({
    format: IMAGE_INDEX_FORMAT,
    preprocessing: { height: 6, width: 5, channels: 1, fit: 'cover', background: '#ffffff', scalings: [] },
    parts: { train: { skipped: skipped.slice(0, 1) }, test: { skipped: skipped.slice(1) } },
  }) as unknown as ImageIndex;

test('what was done to the pixels is in the plan, and images that could not be read are listed', async () => {
  const skipped = [
    { file: 'a.png', reason: 'it is empty' },
    { file: 'b.png', reason: 'it cannot be decoded' },
  ];
  const run = scratch('recorded');
  const index = indexWith(skipped);
  await trainOn({ ...stripeSplits(), index }, tinyOptions(run, { epochs: 1 }), never);
  expect((await readRun(run, 'latest'))?.state.plan.data.preprocessing).toEqual(index.preprocessing);
  const lines = readFileSync(join(run, 'skipped.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(skipped);

  const resumed = tinyOptions(run, { epochs: 2, resume: true });
  await trainOn({ ...stripeSplits(), index: indexWith([]) }, resumed, never);
  expect(existsSync(join(run, 'skipped.jsonl'))).toBe(false);
  const other = { ...index, preprocessing: { ...index.preprocessing, fit: 'contain' as const } };
  const refusal = await inputErrorOf(trainOn({ ...stripeSplits(), index: other }, resumed, never));
  expectFacts(refusal, run, 'cover', 'contain');
});

test('a list of images that could not be read is replaced whole', async () => {
  const [run, before] = [scratch('skipping'), scratch('before')];
  mkdirSync(run);
  const entries = ['a.png', 'b.png'].map((file) => ({ file, reason: 'it is empty' }));
  await writeSkipped(run, entries.slice(0, 1));
  linkSync(join(run, 'skipped.jsonl'), before);
  await writeSkipped(run, entries.slice(1));
  const read = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as unknown;
  expect([read(before), read(join(run, 'skipped.jsonl'))]).toEqual(entries);
});

test('a run from before this was recorded can be resumed', async () => {
  const run = scratch('old');
  await trainOn(stripeSplits(), tinyOptions(run, { epochs: 1 }), never);
  await trainOn({ ...stripeSplits(), index: indexWith([]) }, tinyOptions(run, { epochs: 2, resume: true }), never);
  expect((await readRun(run, 'latest'))?.state.position.epoch).toBe(2);
});

test('a conditional model refuses images without a label, and says how many; others take them', async () => {
  const labels = stripes(37).labels?.map((label, i) => (i < 4 ? label : i < 7 ? -1 : label));
  const splits: DatasetSplits = { ...stripeSplits(), train: defineDataset({ ...stripes(37), labels }) };
  const conditional = { ...tiny, conditional: { encoder: true, decoder: false } };
  const refusal = await inputErrorOf(
    trainOn(splits, tinyOptions(scratch('conditional'), { model: conditional }), never),
  );
  expectFacts(refusal, 'stripes', '3 of its 37', 'the first is 4', 'tiny');
  await trainOn(splits, tinyOptions(scratch('plain'), { epochs: 1 }), never);
});

test("a run's pictures are not written among the images", async () => {
  const pixels = (i: number) => Uint8Array.from({ length: 64 }, (_, at) => (i * 41 + at * 7) % 256);
  mkdirSync(scratch('album/x'), { recursive: true });
  for (let i = 0; i < 12; i++) {
    const image = sharp(pixels(i), { raw: { width: 8, height: 8, channels: 1 } });
    await image
      .toColourspace('b-w')
      .png()
      .toFile(scratch(`album/x/${i}.png`));
  }
  // Their tables would not be read once there are pictures.
  mkdirSync(scratch('tables'));
  const rows = Array.from({ length: 12 }, (_, i) => pixels(i).join());
  writeFileSync(
    scratch('tables/rows.csv'),
    [Array.from({ length: 64 }, (_, at) => `pixel${at}`).join(), ...rows].join('\n'),
  );
  symlinkSync(scratch('album'), scratch('link'));
  const into = (data: string, run: string) => ({
    ...tinyOptions(scratch(run), { epochs: 1 }),
    data: scratch(data),
    dataOptions: { cache: scratch('cache') },
  });
  const inside = [
    ['album', 'album/runs/deep/x'],
    ['album', 'album/x'],
    ['album', 'link/runs/x'],
    ['link', 'album/runs/x'],
    ['tables', 'tables/run'],
  ] as const;
  for (const [data, run] of inside) {
    expectFacts(await inputErrorOf(train(into(data, run), never)), scratch(run), scratch(data));
    expectFacts(await inputErrorOf(dryRun(into(data, run))), scratch(run), scratch(data));
  }
  expect([readdirSync(scratch('album')), readdirSync(scratch('tables'))]).toEqual([['x'], ['rows.csv']]);

  const all = Uint8Array.from({ length: 12 * 64 }, (_, at) => pixels(Math.floor(at / 64))[at % 64] as number);
  mkdirSync(scratch('idx'));
  writeFileSync(scratch('idx/train-images-idx3-ubyte'), idxBytes([12, 8, 8], all));
  writeFileSync(scratch('images.npy'), npyBytes('|u1', [12, 8, 8], all));
  const members = readdirSync(scratch('album/x')).map((name) => ({
    name,
    data: readFileSync(scratch(`album/x/${name}`)),
  }));
  writeFileSync(scratch('images.zip'), zipBytes(members));
  const outside = [
    ['album', 'album-runs/x'],
    ['album', 'album/.runs/x'],
    ['idx', 'idx/run'],
    ['images.npy', 'of-array'],
    ['images.zip', 'of-archive'],
  ] as const;
  for (const [data, run] of outside) {
    await train(into(data, run), never);
    expect(existsSync(join(scratch(run), 'latest'))).toBe(true);
  }
  const album = { run: scratch('album-runs/own'), out: scratch('album/exported') };
  await train({ ...into('album', 'album-runs/own'), model: models['conv-ae'] as ModelDefinition }, never);
  expectFacts(await inputErrorOf(exportRun(album)), album.out, scratch('album'));
});

test('a resumed run goes on with its own data, unless others are named', async () => {
  const pixels = Uint8Array.from({ length: 40 * 64 }, (_, at) => (Math.floor(at / 64) * 41 + at * 7) % 256);
  writeFileSync(scratch('named.npy'), npyBytes('|u1', [40, 8, 8], pixels));
  const run = scratch('own-data');
  const dataOptions = { cache: scratch('cache') };
  await train({ ...tinyOptions(run, { epochs: 1 }), data: scratch('named.npy'), dataOptions }, never);
  const resuming = { ...tinyOptions(run, { epochs: 2, resume: true }), dataOptions };
  expect((await dryRun(resuming)).plan.data.name).toBe(scratch('named.npy'));
  await train(resuming, never);
  expect((await readRun(run, 'latest'))?.state.position.epoch).toBe(2);
  expectFacts(await inputErrorOf(train({ ...resuming, data: scratch('none.npy') }, never)), scratch('none.npy'));
  renameSync(scratch('named.npy'), scratch('moved.npy'));
  expectFacts(await inputErrorOf(train(resuming, never)), scratch('named.npy'), '--data');
  await train({ ...resuming, epochs: 3, data: scratch('moved.npy') }, never);
  expect((await readRun(run, 'latest'))?.state.plan.data.name).toBe(scratch('moved.npy'));
});

test.each([
  ['conv-ae', false],
  ['ccvae', true],
] as const)('labels may be corrected where a model takes none: %s takes them: %s', async (name, labelled) => {
  const pixels = Uint8Array.from({ length: 40 * 64 }, (_, at) => (Math.floor(at / 64) * 41 + at * 7) % 256);
  const write = (labels: readonly number[]) =>
    writeFileSync(scratch(`${name}-labels`), idxBytes([40], Uint8Array.from(labels)));
  writeFileSync(scratch(`${name}-images`), idxBytes([40, 8, 8], pixels));
  const labels = Array.from({ length: 40 }, (_, i) => i % 3);
  write(labels);
  const [run, out] = [scratch(`${name}-run`), scratch(`${name}-exported`)];
  const notes: string[] = [];
  const hooks = { ...never, progress: { ...never.progress, note: (line: string) => void notes.push(line) } };
  const training = (more: Partial<TrainOptions>) =>
    train(
      {
        ...tinyOptions(run, { ...more, filters: 8, model: models[name] as ModelDefinition }),
        data: [`${name}-images`, `${name}-labels`].map(scratch).join(),
        dataOptions: { cache: scratch('cache') },
      },
      hooks,
    );
  await training({ epochs: 1 });
  const before = (await readRun(run, 'latest'))?.state.plan.data;

  write(labels.map((label) => (label + 1) % 3));
  const resuming = () => training({ epochs: 2, resume: true });
  const exporting = () => exportRun({ run, out, which: 'latest', dataOptions: { cache: scratch('cache') } });
  if (labelled) {
    expectFacts(await inputErrorOf(resuming()), run, 'labels of the training images');
    expectFacts(await inputErrorOf(exporting()), 'labels', run);
    expect(existsSync(out)).toBe(false);
  } else {
    await exporting();
    await resuming();
    expect(notes.filter((note) => note.includes('labels of the training images'))).toHaveLength(1);
    const after = (await readRun(run, 'latest'))?.state.plan.data;
    expect(after?.train.pixels).toBe(before?.train.pixels);
    expect(after?.train.fingerprint).not.toBe(before?.train.fingerprint);
  }
});
