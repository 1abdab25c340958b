import { existsSync, linkSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { IMAGE_INDEX_FORMAT, type ImageIndex, type SkippedImage } from '../../pipeline/artifacts/image-index.ts';
import { writeSkipped } from '../../pipeline/artifacts/run-files.ts';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { type DatasetSplits, defineDataset } from '../../pipeline/data/dataset.ts';
import { trainOn } from '../../pipeline/train/train.ts';
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
