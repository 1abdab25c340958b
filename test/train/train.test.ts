import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import type { DatasetSplits } from '../../pipeline/data/dataset.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import { layoutOf } from '../../pipeline/pictures/grid.ts';
import type { Engine, HostBatch, Metrics } from '../../pipeline/train/engine.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { trainEpochs } from '../../pipeline/train/epochs.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import type { TrainOptions } from '../../pipeline/train/options.ts';
import { planOf } from '../../pipeline/train/plan.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { openRun } from '../../pipeline/train/run.ts';
import { train, trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { contentsOf } from './run-digest.ts';
import { never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

const newRun = () => join(temporaryFolder(), 'run');

/** An engine that learns nothing: it records its batches and returns losses that the test decides. */
function recorder(loss: (kind: 'step' | 'evaluate', call: number, count: number) => number) {
  const seen = { step: [] as HostBatch[], evaluate: [] as HostBatch[], reconstruct: [] as HostBatch[] };
  const note = (kind: keyof typeof seen, batch: HostBatch) => {
    const { count, images, noise } = batch;
    seen[kind].push({ count, images: images.slice(), noise: noise?.slice() });
  };
  const answer =
    (kind: 'step' | 'evaluate') =>
    async (batch: HostBatch): Promise<Metrics> => {
      note(kind, batch);
      const value = loss(kind, seen[kind].length, batch.count);
      return { loss: value, reconstruction: value / 2 };
    };
  const engine: Engine = {
    description: 'recorder',
    step: answer('step'),
    evaluate: answer('evaluate'),
    async reconstruct(batch) {
      note('reconstruct', batch);
      return Float32Array.from(batch.images, (pixel) => pixel / 255);
    },
    encode: () => expect.fail('no latents are needed'),
    assign: () => expect.fail('there are no clusters'),
    decode: () => expect.fail('nothing is decoded'),
    pull: async () => {},
    dispose: async () => {},
  };
  return { engine, seen };
}

async function trainWith(
  engine: Engine,
  run: string,
  more: Partial<TrainOptions> = {},
  data: DatasetSplits = stripeSplits(),
) {
  await prepareEngine('tfjs-cpu', 'auto');
  const options = tinyOptions(run, more);
  const folder = await openRun(run, options);
  try {
    const { plan } = await planOf(tiny, options, { data });
    const program = buildProgram(tiny, plan.size, plan.recipe.optimizer);
    return await trainEpochs({ run: folder, plan, data, program, engine, options, hooks: never });
  } finally {
    await folder.close();
  }
}

/** Indices of the images in batches: no two stripe images are equal. */
async function numbersOf(batches: readonly HostBatch[]): Promise<number[]> {
  const numbers = new Map<string, number>();
  for (let i = 0; i < 37; i++) {
    const image = new Uint8Array(30);
    await stripes(37).read([i], image);
    numbers.set(image.join(), i);
  }
  return batches.flatMap(({ count, images }) =>
    Array.from({ length: count }, (_, i) => numbers.get(images.slice(i * 30, i * 30 + 30).join()) ?? -1),
  );
}

test('every epoch shows every image once, in a different order, and keeps the last partial batch', async () => {
  const { engine, seen } = recorder(() => 1);
  await trainWith(engine, newRun(), { epochs: 3 });
  expect(seen.step.map(({ count }) => count)).toEqual([8, 8, 8, 8, 5, 8, 8, 8, 8, 5, 8, 8, 8, 8, 5]);
  const shown = await numbersOf(seen.step);
  const epochs = [0, 1, 2].map((epoch) => shown.slice(epoch * 37, epoch * 37 + 37));
  const all = Array.from({ length: 37 }, (_, i) => i);
  for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual(all);
  expect(new Set([all, ...epochs].map((order) => order.join())).size).toBe(4);
});

test('the seed decides order and noise', async () => {
  const given = async (seed: number) => {
    const { engine, seen } = recorder(() => 1);
    await trainWith(engine, newRun(), { epochs: 1, seed });
    return {
      order: (await numbersOf(seen.step)).join(),
      noise: seen.step.map(({ noise }) => noise?.join()).join(),
      test: seen.evaluate,
    };
  };
  const [a, again, b] = [await given(1), await given(1), await given(2)];
  expect(again).toEqual(a);
  expect(b.order).not.toBe(a.order);
  expect(b.noise).not.toBe(a.noise);
  expect(b.test).toEqual(a.test); // evaluations compare between seeds
});

test('losses are means over images, not over batches, and test losses choose nothing', async () => {
  const testLosses = [3, 1, 2];
  const { engine, seen } = recorder((kind, call, count) =>
    kind === 'step'
      ? call * (count === 8 ? 1 : 100)
      : (testLosses[Math.floor((call - 1) / 2)] as number) + (count === 3 ? 11 : 0),
  );
  const run = newRun();
  const summary = await trainWith(engine, run, { epochs: 3 });
  expect(seen.evaluate.map(({ count }) => count)).toEqual([8, 3, 8, 3, 8, 3]);
  expect(summary.train.loss).toBeCloseTo((8 * (11 + 12 + 13 + 14) + 5 * 1500) / 37, 10);
  expect(summary.train.reconstruction).toBeCloseTo((8 * (11 + 12 + 13 + 14) + 5 * 1500) / 74, 10);
  expect(summary.test?.loss).toBeCloseTo(2 + (3 * 11) / 11, 10);
  expect(summary.best).toBe(null);
  expect(readdirSync(join(run, 'checkpoints'))).toEqual(['epoch-003']);
  expect(readdirSync(run).sort()).not.toContain('best');
});

test('every evaluation sees the test images in order with the same noise', async () => {
  const { engine, seen } = recorder(() => 1);
  await trainWith(engine, newRun(), { epochs: 2 });
  const expected = new Uint8Array(11 * 30);
  await stripeSplits().test.read([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], expected);
  expect(seen.evaluate.slice(0, 2).flatMap(({ images }) => [...images])).toEqual([...expected]);
  expect(seen.evaluate.slice(2)).toEqual(seen.evaluate.slice(0, 2));
});

test('one picture per epoch shows eight evenly spread test images above their reconstructions', async () => {
  const { engine, seen } = recorder(() => 1);
  const run = newRun();
  await trainWith(engine, run, { epochs: 2 });
  expect(readdirSync(join(run, 'pictures'))).toEqual(['epoch-001.png', 'epoch-002.png']);
  expect(seen.reconstruct.map(({ count, noise }) => [count, noise])).toEqual([
    [8, undefined],
    [8, undefined],
  ]);
  const { data, info } = await sharp(join(run, 'pictures', 'epoch-002.png'))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const image = new Uint8Array(30);
  await stripeSplits().test.read([9], image); // of 11 images: 0, 1, 2, 4, 5, 6, 8, 9
  const at = (x: number, y: number) => data[(y * info.width + x) * info.channels];
  // Last column: before it are labels and seven images; the original stands above the reconstruction, and is the same here.
  const { scale, lefts, tops } = layoutOf({
    shape: { height: 6, width: 5, channels: 1 },
    images: new Uint8Array(16 * 30),
    columns: 8,
    rowLabels: ['original', 'reconstruction'],
  });
  for (const top of tops) {
    for (let y = 0; y < 6; y++)
      for (let x = 0; x < 5; x++)
        expect(at((lefts[7] ?? 0) + x * scale + 2, top + y * scale + 1)).toBe(image[y * 5 + x]);
  }
  expect(tops).toHaveLength(2);
});

test('a real engine learns, and the summary agrees with the files', async () => {
  const run = newRun();
  const summary = await trainOn(stripeSplits(), tinyOptions(run, { epochs: 30 }), never);
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const test = lines.filter(({ split }) => split === 'test');
  expect(test.length).toBe(30);
  expect(test[29].loss).toBeLessThan(test[0].loss * 0.7);
  expect(summary).toMatchObject({ run, model: 'tiny', epochs: 30, steps: 150, test: { loss: test[29].loss } });
  expect(summary.best).toBe(null);
  expect(summary.rate).toBeGreaterThan(0);
  // The test loss of `latest`, computed in another way: one batch, no noise, which changes it by little.
  const { program } = await loadRun(run, 'latest', { tiny });
  const { createTfjsEngine } = await import('../../pipeline/train/engines/tfjs.ts');
  const images = new Uint8Array(11 * 30);
  await stripeSplits().test.read([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], images);
  const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
  const { loss } = await engine.evaluate({ count: 11, images, noise: new Float32Array(33) });
  expect(Math.abs((loss as number) - test[29].loss)).toBeLessThan(0.01);
});

test('limits train and test on the first images', async () => {
  const run = newRun();
  const summary = await trainOn(stripeSplits(), tinyOptions(run, { epochs: 1, limitTrain: 9, limitTest: 4 }), never);
  expect(summary.steps).toBe(2);
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ images }) => images)).toEqual([9, 4]);
  const few = { ...stripeSplits(), train: stripes(9), test: stripes(4, { salt: 5 }) };
  const same = newRun();
  await trainOn(few, tinyOptions(same, { epochs: 1 }), never);
  const weights = (folder: string) => contentsOf(join(folder, 'latest')).get('encoder/weights.bin');
  expect(weights(run)).toEqual(weights(same));
});

test('diverging training stops with one line, and the last good checkpoint stays', async () => {
  const run = newRun();
  const hooks = { ...never, progress: { ...never.progress } };
  const options = tinyOptions(run, { epochs: 40, learningRate: 3e37, checkpointSteps: 1 });
  const error = await trainOn(stripeSplits(), options, hooks).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toMatch(/ at step \d+: .*diverged.*--learning-rate .*3e\+37/);
  expect((error as Error).message).not.toContain('\n');

  const { engine } = recorder((kind, call) => (kind === 'step' && call === 8 ? Number.NaN : 1));
  const other = newRun();
  await expect(trainWith(engine, other, { checkpointSteps: 3 })).rejects.toThrow(
    /the loss .*NaN at step 8: .*--learning-rate .*0\.01.*\/latest is of step 6/,
  );
  expect((await loadRun(other, 'latest', { tiny })).state.position.step).toBe(6);
});

test('invalid options and data are refused before anything is written', async () => {
  const small = { height: 1, width: 5, channels: 1 };
  const cases: [RegExp, Partial<TrainOptions>, ReturnType<typeof stripeSplits>?][] = [
    [/--batch-size 0: .*at least 1/, { batchSize: 0 }],
    [/--epochs 1\.5: .*integer/, { epochs: 1.5 }],
    [/--latent -1: .*at least 1/, { latent: -1 }],
    [/--learning-rate -1: .*above 0/, { learningRate: -1 }],
    [/--seed 0\.5: .*integer/, { seed: 0.5 }],
    [/--limit-train 0: .*at least 1/, { limitTrain: 0 }],
    [/--limit-test 0\.5: .*integer/, { limitTest: 0.5 }],
    [
      /images of 1×5 are too small/,
      {},
      { name: 'flat', train: stripes(9, { shape: small }), test: stripes(3, { shape: small }) },
    ],
    [/stripes: .*no images/, {}, { ...stripeSplits(), test: stripes(0) }],
    [
      /9 of its 9 images have no label .*tiny/,
      { model: { ...tiny, conditional: { encoder: false, decoder: true } } },
      { name: 'bare', train: { ...stripes(9), labels: undefined }, test: { ...stripes(3), labels: undefined } },
    ],
  ];
  for (const [message, more, splits = stripeSplits()] of cases) {
    const run = newRun();
    const refusal = trainOn(splits, tinyOptions(run, more), never);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
    expect(existsSync(run)).toBe(false);
  }
});

test('train opens what --data names', async () => {
  const refusal = train({ ...tinyOptions(newRun()), data: '/nowhere/at/all' }, never);
  await expect(refusal).rejects.toThrow(InputError);
  await expect(refusal).rejects.toThrow('/nowhere/at/all');
});
