import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit.ts';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import type { ImageDataset } from '../../pipeline/data/dataset.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { dryRun } from '../../pipeline/train/dry-run.ts';
import { meanColour } from '../../pipeline/train/init.ts';
import type { TrainHooks, TrainOptions } from '../../pipeline/train/options.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { digestOf } from './run-digest.ts';
import { interruptAfter, never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

vi.setConfig({ testTimeout: 60_000 });

const newRun = () => join(temporaryFolder(), 'run');
const train = (run: string, more: Partial<TrainOptions> = {}, hooks: TrainHooks = never) =>
  trainOn(stripeSplits(), tinyOptions(run, { resume: true, ...more }), hooks);

/** A rate so small that a step leaves the weights as they are. */
const still = { learningRate: 1e-30, optimizer: 'sgd', epochs: 1 } as const;
const weightsOf = async (run: string) => {
  const { tensors } = (await readRun(run, 'latest')) ?? {};
  return new Map(
    [...(tensors ?? [])].filter(([name]) => !name.startsWith('optimizer')).map(([n, t]) => [n, [...t.values]]),
  );
};

test('larger images start at their mean colour', async () => {
  expect(await meanColour(stripes(1, { shape: { height: 2, width: 1, channels: 3 } }))).toEqual(
    [230 + 39, 230 + 52 - 40, 230 + 25].map((sum) => expect.closeTo(sum / 510, 6)),
  );
  const bright = (length: number): ImageDataset => {
    const read = async (indices: ArrayLike<number>, target: Uint8Array) =>
      void target.fill(242, 0, indices.length * 30 * 30 * 3);
    return { ...stripes(length, { shape: { height: 30, width: 30, channels: 3 } }), read };
  };
  const model = models.cae as ModelDefinition;
  const options = tinyOptions(newRun(), { model, latent: 2, filters: 8, batchSize: 4, engine: 'onnx', ...still });
  const { train: losses } = await trainOn({ name: 'bright', train: bright(4), test: bright(2) }, options, never);
  expect(losses?.loss).toBeLessThan(0.25); // 0.2 at the mean, 0.69 at gray
});

test('a run starts from the weights of another run, or of a checkpoint folder', async () => {
  const source = newRun();
  await train(source);
  for (const init of [source, join(source, 'latest')]) {
    const run = newRun();
    await train(run, { init, seed: 5, ...still });
    expect(await weightsOf(run)).toEqual(await weightsOf(source));
    expect((await readRun(run, 'latest'))?.state.plan.init).toMatchObject({ from: init, step: 10 });
  }
});

test('where the latent differs, weights of equal shape are taken, the others are initial, and it is told', async () => {
  const [source, run, fresh] = [newRun(), newRun(), newRun()];
  await train(source);
  const notes: string[] = [];
  const note = (line: string) => void notes.push(line);
  await train(run, { init: source, latent: 4, ...still }, { ...never, progress: { ...silent, note } });
  expect(notes.join('\n')).toMatch(/run: 1 of 4 weights taken from its step 10/);
  await train(fresh, { latent: 4, ...still });
  const [of, initial, taken] = [await weightsOf(run), await weightsOf(fresh), await weightsOf(source)];
  expect(of.get('decoder/expand/bias')).toEqual(taken.get('decoder/expand/bias'));
  for (const name of ['encoder/embedding/kernel', 'encoder/embedding/bias', 'decoder/expand/kernel']) {
    expect(of.get(name)).toEqual(initial.get(name));
  }
});

test('a run with first weights that is resumed equals one that never stopped, byte for byte', async () => {
  const [source, complete, parts] = [newRun(), newRun(), newRun()];
  await train(source);
  await train(complete, { init: source });
  await expect(train(parts, { init: source }, interruptAfter(3))).rejects.toThrow(Interrupted);
  await expect(train(parts, { init: source }, interruptAfter(4))).rejects.toThrow(Interrupted);
  await train(parts);
  expect(digestOf(parts)).toEqual(digestOf(complete));
});

test('what cannot be a start is refused', async () => {
  const [source, plain] = [newRun(), newRun()];
  await train(source);
  await train(plain);
  const cases: [Partial<TrainOptions>, RegExp, string?][] = [
    [{ init: '/nowhere/at/all' }, /\/nowhere\/at\/all: there is no such folder/],
    [{ init: source }, /--init .*began without --init/, plain],
    [{ init: source, model: { ...tiny, build: withOtherNames } }, /no weight has the same name and shape/],
  ];
  for (const [more, message, run = newRun()] of cases) {
    const refusal = train(run, more);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
  }
  const continuing = tinyOptions(newRun(), { init: source, model: { ...tiny, startsFrom: 'tiny' } });
  await expect(dryRun({ ...continuing, data: 'mnist' })).rejects.toThrow(/--init .*only 1 of its weights/);
});

/** tiny with other names of weights. */
function withOtherNames(size: Parameters<typeof tiny.build>[0]) {
  const built = tiny.build(size);
  for (const { weights } of [...built.encoder.layers, ...built.decoder.layers]) {
    for (const weight of weights) Object.assign(weight, { originalName: `other/${weight.originalName}` });
  }
  return built;
}
