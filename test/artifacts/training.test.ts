import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { copyTraining, readTraining, trainingFiles } from '../../pipeline/artifacts/exported.ts';
import { publishFolder } from '../../pipeline/io/publish.ts';
import { expectFacts, inputErrorOf, scratchFolder } from '../data/support.ts';

const scratch = scratchFolder();

const line = (epoch: number, split: string, span: string) => ({
  split,
  span,
  epoch,
  step: epoch,
  images: 9,
  time: 1,
  loss: 0.5,
});

function runWith(name: string, epochs: number): string {
  const run = scratch(name);
  mkdirSync(join(run, 'pictures'), { recursive: true });
  const lines = Array.from({ length: epochs }, (_, i) => [
    line(i + 1, 'train', 'steps'),
    line(i + 1, 'train', 'epoch'),
    line(i + 1, 'test', 'epoch'),
  ]).flat();
  writeFileSync(join(run, 'metrics.jsonl'), lines.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const name = `epoch-${String(epoch).padStart(3, '0')}`;
    writeFileSync(join(run, 'pictures', `${name}.png`), `picture ${epoch}`);
    writeFileSync(join(run, 'pictures', `${name}-samples.png`), 'samples');
  }
  return run;
}

test('an export keeps the lines of epochs and the reconstructions by epoch', async () => {
  const exported = scratch('exported');
  await copyTraining(runWith('run', 12), exported);
  const { metrics, pictures } = (await readTraining(exported)) ?? {};
  expect(metrics).toEqual(
    Array.from({ length: 12 }, (_, i) => [line(i + 1, 'train', 'epoch'), line(i + 1, 'test', 'epoch')]).flat(),
  );
  expect(pictures?.map(({ epoch, png }) => [epoch, String(png)])).toEqual(
    Array.from({ length: 12 }, (_, i) => [i + 1, `picture ${i + 1}`]),
  );
});

test('of a long training, pictures from the first to the last', async () => {
  const exported = scratch('long');
  await copyTraining(runWith('long-run', 1200), exported);
  const epochs = (await readTraining(exported))?.pictures.map(({ epoch }) => epoch) ?? [];
  expect(epochs).toHaveLength(60);
  expect([epochs[0], epochs.at(-1)]).toEqual([1, 1200]);
  const steps = epochs.slice(1).map((epoch, i) => epoch - (epochs[i] ?? 0));
  expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
});

test('a run that recorded nothing leaves nothing, and there is nothing to read', async () => {
  const [run, exported] = [scratch('empty'), scratch('empty-exported')];
  mkdirSync(run);
  mkdirSync(exported);
  await copyTraining(run, exported);
  expect(readdirSync(exported)).toEqual([]);
  expect(await readTraining(exported)).toBeUndefined();
});

test('replacing a folder removes what was derived from it, and nothing else', async () => {
  const target = scratch('model');
  const write = async (folder: string) => writeFileSync(join(folder, 'card.json'), '{}');
  const earlier = { names: /^card\.json$/, derived: { report: 'report.json' } };
  await publishFolder(target, write);
  mkdirSync(join(target, 'report'));
  writeFileSync(join(target, 'report', 'mine.txt'), 'mine');
  expect(await inputErrorOf(publishFolder(target, write, { earlier }))).toContain('there is report/mine.txt in it');
  writeFileSync(join(target, 'report', 'report.json'), '{}');
  expect(await inputErrorOf(publishFolder(target, write))).toContain('there is report in it');
  await publishFolder(target, write, { earlier });
  expect(readdirSync(target)).toEqual(['SHA256SUMS', 'card.json']);
});

test('pictures that cannot be listed are not taken for missing', async () => {
  const exported = scratch('unlisted');
  mkdirSync(join(exported, 'training'), { recursive: true });
  writeFileSync(join(exported, 'training/metrics.jsonl'), '');
  expect(await trainingFiles(exported)).toEqual({ metrics: 'training/metrics.jsonl', pictures: [] });
  writeFileSync(join(exported, 'training/pictures'), 'a file');
  expectFacts(await inputErrorOf(trainingFiles(exported)), join(exported, 'training/pictures'));
});
