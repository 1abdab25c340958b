import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test, vi } from 'vitest';
import { readRun } from '../../pipeline/artifacts/run-folder.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import { silent } from '../../pipeline/io/progress.ts';
import type { TrainHooks, TrainOptions } from '../../pipeline/train/options.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { digestOf } from './run-digest.ts';
import { interruptAfter, never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

vi.setConfig({ testTimeout: 60_000 }); // hundreds of fsyncs

const train = (run: string, hooks: TrainHooks = never, more: Partial<TrainOptions> = {}) =>
  trainOn(stripeSplits(), tinyOptions(run, { resume: true, ...more }), hooks);

const newRun = () => join(temporaryFolder(), 'run');

/** Aborts at the check after `checks` others; the loop checks before every step and every test batch. */
function abortAtCheck(checks: number): TrainHooks {
  let asked = 0;
  const signal = {
    get aborted() {
      asked++;
      return asked > checks;
    },
  };
  return { signal: signal as AbortSignal, progress: silent };
}

let uninterrupted: string[];
beforeAll(async () => {
  const run = mkdtempSync(join(tmpdir(), 'convae-test-'));
  await train(run);
  uninterrupted = digestOf(run);
  rmSync(run, { recursive: true });
});

test('a run interrupted at any check and resumed equals one that never stopped, byte for byte', async () => {
  const steps = new Set<number>();
  for (let checks = 0; ; checks++) {
    const run = newRun();
    const stopped = await train(run, abortAtCheck(checks)).catch((error: unknown) => error);
    if (!(stopped instanceof Interrupted)) {
      expect(stopped).toMatchObject({ epochs: 2, steps: 10 });
      break;
    }
    expect(stopped.exitCode).toBe(130);
    const step = (await readRun(run, 'latest'))?.state.position.step ?? 0;
    steps.add(step);
    expect(stopped.message).toContain(`interrupted after step ${step}, in epoch`);
    await train(run);
    expect(digestOf(run)).toEqual(uninterrupted);
  }
  expect([...steps]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

test('and so does a run interrupted after every single step', async () => {
  const run = newRun();
  for (let step = 1; step <= 10; step++) {
    await expect(train(run, interruptAfter(1))).rejects.toThrow(`interrupted after step ${step},`);
  }
  await train(run);
  expect(digestOf(run)).toEqual(uninterrupted);
});

test('checkpoints by steps and by seconds change nothing', async () => {
  for (const often of [{ checkpointSteps: 1 }, { checkpointSteps: 3 }, { checkpointSeconds: 0 }]) {
    const run = newRun();
    await train(run, never, often);
    expect(digestOf(run)).toEqual(uninterrupted);
  }
});

test('a run keeps its number of slices, and so its weights, on any number of threads', async () => {
  const onnx = { engine: 'onnx', batchSize: 32, checkpointSteps: 1 } as const; // two slices of 16 images
  const [once, both] = [newRun(), newRun()];
  await train(once, never, { ...onnx, threads: 2 });
  await expect(train(both, interruptAfter(2), { ...onnx, threads: 2 })).rejects.toThrow(Interrupted);
  await train(both, never, { ...onnx, threads: 1 });
  const weights = (run: string) => digestOf(run).filter((line) => line.includes('.bin'));
  expect(weights(both)).toEqual(weights(once));
  expect((await readRun(both, 'latest'))?.state.plan.slices).toBe(2);
  const single = newRun();
  await train(single, never, { ...onnx, threads: 1 });
  expect(weights(single)).not.toEqual(weights(once));
});

test('augmented images are the same after an interruption, whatever the number of threads', async () => {
  const augmented = { augment: 'flip,shift=0.2,rotate=20,zoom=0.1,brightness=0.2' };
  const complete = newRun();
  await train(complete, never, { ...augmented, threads: 2 });
  expect(digestOf(complete)).not.toEqual(uninterrupted);
  expect((await readRun(complete, 'latest'))?.state.plan.recipe.augment).toBe(augmented.augment);
  for (const steps of [1, 4, 5, 7]) {
    const run = newRun();
    await expect(train(run, interruptAfter(steps), { ...augmented, threads: 2 })).rejects.toThrow(Interrupted);
    await expect(train(run, never, { augment: 'flip' })).rejects.toThrow(`${augmented.augment} there and flip here`);
    await expect(train(run, interruptAfter(1))).rejects.toThrow(Interrupted);
    await train(run, never, { threads: 2 });
    expect(digestOf(run)).toEqual(digestOf(complete));
  }
});

test('an interruption before the first step leaves no checkpoint, and the message says so', async () => {
  const run = newRun();
  await expect(train(run, abortAtCheck(0))).rejects.toThrow('nothing was trained yet');
  expect(existsSync(join(run, 'latest'))).toBe(false);
  await train(run);
  expect(digestOf(run)).toEqual(uninterrupted);
});

test('steps that are trained twice leave their metrics and events once', async () => {
  const options = { batchSize: 1, epochs: 2 } as const; // 74 steps: a line of step metrics after the 50th
  const complete = newRun();
  await train(complete, never, options);
  const lines = readFileSync(join(complete, 'metrics.jsonl'), 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line)).map(({ split, span, step }) => `${split} ${span} ${step}`)).toEqual([
    'train epoch 37',
    'test epoch 37',
    'train steps 50',
    'train epoch 74',
    'test epoch 74',
  ]);
  for (const steps of [36, 37, 49, 50, 51, 73]) {
    const run = newRun();
    await expect(train(run, interruptAfter(steps), options)).rejects.toThrow(Interrupted);
    // A killed process may have written this after its last checkpoint.
    appendFileSync(join(run, 'metrics.jsonl'), `${lines[0]}\n${lines[1]}\n{"split":"tra`);
    appendFileSync(join(run, 'events.out.tfevents.0.convae'), 'half a frame');
    await train(run, never, options);
    expect(digestOf(run)).toEqual(digestOf(complete));
  }
});

test('leftovers of a killed process are removed', async () => {
  const run = newRun();
  await expect(train(run, interruptAfter(7))).rejects.toThrow(Interrupted);
  const checkpoints = join(run, 'checkpoints');
  for (const leftover of ['step-00000009.partial', 'epoch-009', 'step-00000003']) {
    mkdirSync(join(checkpoints, leftover, 'encoder'), { recursive: true });
    writeFileSync(join(checkpoints, leftover, 'encoder', 'weights.bin'), 'part');
  }
  writeFileSync(join(run, 'latest.next'), 'not even a link');
  writeFileSync(join(run, 'lock'), '{"pid":1');
  await train(run);
  expect(digestOf(run)).toEqual(uninterrupted);
});

test('extending a finished run equals training for all epochs in one go', async () => {
  const [extended, direct] = [newRun(), newRun()];
  await train(extended, never, { epochs: 2 });
  const summary = await train(extended, never, { epochs: 4 });
  expect(summary).toMatchObject({ epochs: 4, steps: 20 });
  await train(direct, never, { epochs: 4 });
  expect(digestOf(extended)).toEqual(digestOf(direct));
});

test('resuming a finished run trains nothing and returns its summary', async () => {
  const run = newRun();
  const first = await train(run);
  const notes: string[] = [];
  const again = await train(run, { ...never, progress: { ...silent, note: (line) => void notes.push(line) } });
  expect(notes.at(-1)).toMatch(/run: all 2 epochs are done/);
  const ofTime = { seconds: 0, rate: 0, dataWait: 0, inSteps: 0 };
  expect({ ...again, ...ofTime }).toEqual({ ...first, ...ofTime });
  expect(digestOf(run)).toEqual(uninterrupted);
  for (const more of [{ epochs: 1 }, { learningRate: 1e-5 }, { threads: 2 }]) {
    await train(run, { ...never, progress: { ...silent, note: (line) => void notes.push(line) } }, more);
    expect(notes.join('\n')).not.toContain('from here on');
    expect(digestOf(run)).toEqual(uninterrupted);
  }
});

test('an existing run is not overwritten without --resume', async () => {
  const run = newRun();
  await train(run);
  const error = await train(run, never, { resume: false }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InputError);
  expect((error as Error).message).toContain(`${run} `);
  expect((error as Error).message).toMatch(/run of tiny .*2 of 2 epochs.*--resume.*--run/);
  expect(digestOf(run)).toEqual(uninterrupted);
});

test('options default to those of the run, and given ones must agree with it', async () => {
  const run = newRun();
  const choices = { latent: 4, batchSize: 6, learningRate: 0.003, seed: 5, epochs: 3 };
  await expect(train(run, interruptAfter(3), choices)).rejects.toThrow(Interrupted);
  const before = digestOf(run);
  const cases: [Partial<TrainOptions>, string][] = [
    [{ latent: 5 }, 'latent size is 4 there and 5 here'],
    [{ batchSize: 8 }, 'batch size is 6 there and 8 here'],
    [{ weightDecay: 0.1 }, 'weight decay is 0 there and 0.1 here'],
    [{ optimizer: 'rmsprop', learningRate: 0.003 }, 'optimizer is adam 1e-8 there and rmsprop 0.99 1e-8 here'],
    [{ clipNorm: 2 }, 'clip norm is none there and 2 here'],
    [
      { valSplit: 0.2 },
      'validation split is none there and 0.2 here, number of training images is 37 there and 30 here',
    ],
    [{ seed: 0 }, 'seed is 5 there and 0 here'],
    [{ limitTest: 10 }, 'number of test images is 11 there and 10 here'],
    [{ model: { ...tiny, name: 'other' } }, 'model is tiny there and other here'],
    [{ latent: 2, seed: 1 }, 'latent size is 4 there and 2 here, seed is 5 there and 1 here'],
  ];
  for (const [more, difference] of cases) {
    const refusal = train(run, never, more);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(`${run} belongs to another run: ${difference}`);
    await expect(refusal).rejects.toThrow(`--config ${join(run, 'recipe.yaml')}`);
    expect(digestOf(run)).toEqual(before);
  }
  const wide = { height: 6, width: 6, channels: 1 };
  for (const [splits, difference] of [
    [
      { ...stripeSplits(), train: stripes(37, { salt: 1 }) },
      /fingerprint of the training images is sha256:.* there and sha256:.* here/,
    ],
    [
      { ...stripeSplits(), train: stripes(37, { shape: wide }), test: stripes(11, { shape: wide }) },
      /image size is 5×6×1 there and 6×6×1 here/,
    ],
  ] as const) {
    await expect(trainOn(splits, tinyOptions(run, { resume: true }), never)).rejects.toThrow(difference);
  }
  expect(await train(run)).toMatchObject({ epochs: 3 });
  expect((await readRun(run, 'latest'))?.state.plan).toMatchObject({
    size: { latent: 4, seed: 5 },
    recipe: { batchSize: 6, optimizer: { learningRate: 0.003 }, epochs: 3 },
  });
});

test('the same data under another name can be resumed', async () => {
  const run = newRun();
  await expect(train(run, interruptAfter(4))).rejects.toThrow(Interrupted);
  await trainOn({ ...stripeSplits(), name: 'moved' }, tinyOptions(run, { resume: true }), never);
  expect((await readRun(run, 'latest'))?.state.plan.data.name).toBe('moved');
});

test('a folder with other content is refused, and so is a file', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'thesis.txt'), 'important');
  await expect(train(folder)).rejects.toThrow(/thesis\.txt/);
  await expect(train(join(folder, 'thesis.txt'))).rejects.toThrow(InputError);
  expect(readdirSync(folder)).toEqual(['thesis.txt']);
  expect(readFileSync(join(folder, 'thesis.txt'), 'utf8')).toBe('important');
});

test('a damaged checkpoint is refused, its file named, and left unchanged', async () => {
  const run = newRun();
  await train(run);
  writeFileSync(join(run, 'latest', 'decoder', 'weights.bin'), 'x');
  const before = digestOf(run);
  await expect(train(run)).rejects.toThrow(/decoder.weights\.bin/);
  expect(digestOf(run)).toEqual(before);
});

test('a run folder that was moved can be resumed', async () => {
  const [run, moved] = [newRun(), newRun()];
  await expect(train(run, interruptAfter(6))).rejects.toThrow(Interrupted);
  renameSync(run, moved);
  await train(moved);
  expect(digestOf(moved)).toEqual(uninterrupted);
});

test('a run that goes on with another engine says so, and keeps it', async () => {
  const run = newRun();
  const notes: string[] = [];
  const heard = (hooks: TrainHooks): TrainHooks => ({
    ...hooks,
    progress: { ...hooks.progress, note: (line) => void notes.push(line) },
  });
  const onnx = { engine: 'onnx', batchSize: 32 } as const; // batches are divided from two times 16 images on
  await expect(train(run, interruptAfter(1), { ...onnx, threads: 2 })).rejects.toThrow(Interrupted);
  const first = (await readRun(run, 'latest'))?.state.plan;
  expect(first?.engine).toContain('CPU, batches in 2 slices,');
  await expect(train(run, heard(interruptAfter(1)), { ...onnx, threads: 1 })).rejects.toThrow(Interrupted);
  expect((await readRun(run, 'latest'))?.state.plan).toEqual(first);
  expect(notes.join('\n')).not.toContain('until step');

  await train(run, heard(never), { ...onnx, engine: 'tfjs-cpu' });
  const plan = (await readRun(run, 'latest'))?.state.plan;
  expect(plan?.engine).not.toEqual(first?.engine);
  expect(plan?.changes).toEqual([{ step: 2, name: 'engine', from: first?.engine, to: plan?.engine }]);
  expect(notes.filter((line) => line.includes(`${first?.engine} until step 2`))).toHaveLength(1);
  expect(readFileSync(join(run, 'recipe.yaml'), 'utf8')).toContain(`# Computed with ${plan?.engine}`);

  notes.length = 0; // all epochs are done: nothing is computed any more
  await train(run, heard(never), { ...onnx, threads: 1 });
  expect((await readRun(run, 'latest'))?.state.plan).toEqual(plan);
  expect(notes.join('\n')).not.toContain('until step');
});
