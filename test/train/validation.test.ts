import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { RunPlan } from '../../pipeline/artifacts/run.ts';
import { readMetrics } from '../../pipeline/artifacts/run-files.ts';
import { readChosen, readRun } from '../../pipeline/artifacts/run-folder.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import { silent } from '../../pipeline/io/progress.ts';
import { loadRun } from '../../pipeline/train/load-run.ts';
import type { TrainHooks, TrainOptions } from '../../pipeline/train/options.ts';
import { startOfRun } from '../../pipeline/train/plan.ts';
import { afterEpoch, overfitted, stoppedEarly } from '../../pipeline/train/stopping.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { contentsOf, digestOf } from './run-digest.ts';
import { interruptAfter, never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

vi.setConfig({ testTimeout: 60_000 });

const validated = () => ({ ...stripeSplits(), val: stripes(12, { salt: 3 }) });
/** Validation images in negative: the better a model learns the others, the higher is their loss. */
function negative() {
  const val = stripes(12);
  const read: typeof val.read = async (indices, target) => {
    await val.read(indices, target);
    for (let i = 0; i < indices.length * 30; i++) target[i] = 255 - (target[i] as number);
  };
  return { ...stripeSplits(), val: { ...val, read } };
}
const newRun = () => join(temporaryFolder(), 'run');
const train = (run: string, more: Partial<TrainOptions> = {}, hooks: TrainHooks = never, splits = validated()) =>
  trainOn(splits, tinyOptions(run, { resume: true, ...more }), hooks);
const known = { tiny };

/** Hooks that collect the notes. */
function listening() {
  const notes: string[] = [];
  return { notes, hooks: { ...never, progress: { ...silent, note: (line: string) => void notes.push(line) } } };
}

/** The positions after epochs with these validation losses. */
function positionsAfter(recipe: Partial<RunPlan['recipe']>, losses: readonly number[]) {
  const full = { epochs: 9, batchSize: 1, optimizer: { name: 'sgd', learningRate: 1 }, ...recipe } as const;
  let at = startOfRun(0);
  return losses.map((loss) => {
    const sums = (value: number) => ({ images: 2, sums: { loss: 2 * value } });
    at = afterEpoch(full, { ...at, step: at.step + 5, epochSums: sums(9) }, { val: sums(loss), test: sums(-loss) });
    return { at, stopped: stoppedEarly(full, at) };
  });
}

test('best and early stopping go by the validation loss', () => {
  const after = positionsAfter({ earlyStopping: 2 }, [3, 2, 2, 4, 1]);
  expect(after.map(({ at }) => at.best?.epoch)).toEqual([1, 2, 2, 2, 5]); // an equal loss is no better
  expect(after.map(({ stopped }) => stopped)).toEqual([false, false, false, true, false]);
  expect(after[1]?.at).toMatchObject({
    best: { epoch: 2, step: 10, loss: 2 },
    metrics: { train: { loss: 9 }, val: { loss: 2 }, test: { loss: -2 } },
  });
  expect(after.some(({ at }) => 'plateau' in at)).toBe(false);
});

test('a model that has learned its images by heart is said to', () => {
  const losses = (reconstruction: number) => ({ loss: 9, reconstruction });
  expect(overfitted({ train: losses(0.002), test: losses(0.03) })).toMatch(/15\.0 times/);
  expect(overfitted({ train: losses(0.002), val: losses(0.006) })).toMatch(/3\.0 times/);
  expect(overfitted({ train: losses(0.0028), test: losses(0.005), val: losses(9) })).toBeUndefined();
});

test('the schedule plateau halves after three epochs without a lower loss, and again after three more', () => {
  const after = positionsAfter({ schedule: 'plateau' }, [3, 2, 2, 4, 5, 5, 5, 2, 1, 1, 1, 1]);
  expect(after.map(({ at }) => at.plateau?.halvings)).toEqual([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 2, 3]);
});

test('validation images are evaluated each epoch, and best is the lowest validation loss', async () => {
  const run = newRun();
  const summary = await train(run, { epochs: 3 });
  const lines = (await readMetrics(join(run, 'metrics.jsonl'))).filter(({ span }) => span === 'epoch');
  expect(lines.map(({ split, images }) => `${split} ${images}`).slice(0, 3)).toEqual(['train 37', 'val 12', 'test 11']);
  const losses = lines.filter(({ split }) => split === 'val').map(({ loss }) => loss);
  expect(summary).toMatchObject({ val: { loss: losses[2] }, best: { loss: Math.min(...losses) } });
  expect((await readRun(run, 'best'))?.state.position.epoch).toBe(summary.best?.epoch);
  expect((await readChosen(run))?.which).toBe('best');
  expect(readdirSync(join(run, 'pictures'))).toHaveLength(3);
});

test('a share of the training images is held out, the same when the run is resumed', async () => {
  const run = newRun();
  await expect(train(run, { valSplit: 0.2 }, interruptAfter(3), stripeSplits() as never)).rejects.toThrow(Interrupted);
  await train(run, {}, never, stripeSplits() as never);
  const { data } = (await readRun(run, 'latest'))?.state.plan ?? {};
  expect([data?.train.images, data?.val?.images, data?.test?.images, data?.valSplit]).toEqual([30, 7, 11, 0.2]);
});

test('data without a test part are judged by their validation part', async () => {
  const run = newRun();
  const { train: images, val } = validated();
  const summary = await train(run, {}, never, { name: 'no test', train: images, val } as never);
  expect(summary.test).toBe(undefined);
  expect(summary.best?.loss).toBeLessThanOrEqual(summary.val?.loss as number);
  expect(readdirSync(join(run, 'pictures'))).toHaveLength(2);
});

test('without validation images there is no best, and what needs one is refused', async () => {
  const run = newRun();
  await train(run, {}, never, stripeSplits() as never);
  expect(existsSync(join(run, 'best'))).toBe(false);
  expect((await loadRun(run, undefined, known)).state.position.epoch).toBe(2);
  await expect(loadRun(run, 'best', known)).rejects.toThrow(/no best checkpoint.*--val-split/);
  for (const [more, message] of [
    [{ earlyStopping: 3 }, /--early-stopping 3: .*stripes has none.*--val-split/],
    [{ schedule: 'plateau' }, /--schedule plateau: .*stripes has none.*--val-split/],
    [{ valSplit: 0 }, /--val-split 0: /],
    [{ clipNorm: 0 }, /--clip-norm 0: .*above 0/],
  ] as const) {
    const refusal = train(newRun(), more, never, stripeSplits() as never);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(message);
  }
});

// Of every step by itself: resume.test.ts.
test.each<[string, Partial<TrainOptions>, number]>([
  ['the schedule plateau', { schedule: 'plateau', epochs: 8 }, 40],
  ['early stopping', { earlyStopping: 2, epochs: 30 }, 0],
  ['adamw and clipping', { optimizer: 'adamw', weightDecay: 0.1, clipNorm: 0.05, epochs: 3 }, 15],
  ['rmsprop', { optimizer: 'rmsprop', epochs: 3 }, 15],
])('with %s a run that is resumed equals one that never stopped, byte for byte', async (_, options, steps) => {
  const complete = newRun();
  const summary = await train(complete, options, never, negative());
  if (steps > 0) expect(summary.steps).toBe(steps);
  else expect(summary.epochs).toBe((summary.best?.epoch ?? 0) + 2);
  const { position } = (await readRun(complete, 'latest'))?.state ?? {};
  if (options.schedule) expect(position?.plateau?.halvings).toBeGreaterThan(0);
  for (const stop of options.optimizer ? [11] : [11, summary.steps - 1]) {
    const run = newRun();
    await expect(train(run, options, interruptAfter(stop), negative())).rejects.toThrow(Interrupted);
    await train(run, {}, never, negative());
    expect(digestOf(run)).toEqual(digestOf(complete));
  }
  if (steps > 0) return;
  const [before, { notes, hooks }] = [digestOf(complete), listening()];
  expect(await train(complete, { engine: 'onnx' }, hooks, negative())).toMatchObject({ epochs: summary.epochs });
  expect(digestOf(complete)).toEqual(before);
  expect(notes.join('\n')).not.toContain('from here on');
  const longer = await train(complete, { earlyStopping: 4 }, never, negative());
  expect(longer.epochs).toBeGreaterThan(summary.epochs);
});

test('a new learning rate under the schedule plateau is the rate of the next step, and plateau counts epochs of its own', async () => {
  const [run, constant, later] = [newRun(), newRun(), newRun()];
  const begin = { schedule: 'plateau', epochs: 8 } as const;
  await train(run, begin, never, negative());
  expect((await readRun(run, 'latest'))?.state.position.plateau?.halvings).toBeGreaterThan(0);
  cpSync(run, constant, { recursive: true, verbatimSymlinks: true });
  const more = { learningRate: 0.02, epochs: 9 };
  await train(run, more, never, negative());
  await train(constant, { ...more, schedule: 'constant' }, never, negative());
  const weights = (folder: string) => contentsOf(join(folder, 'latest')).get('encoder/weights.bin');
  expect(weights(run)).toEqual(weights(constant));
  await train(later, { ...begin, schedule: 'constant' }, never, negative());
  await train(later, { ...begin, epochs: 9 }, never, negative());
  expect((await readRun(later, 'latest'))?.state.position.plateau).toEqual({ halvings: 0, epoch: 8 });
});

test('a resumed run may have another learning rate, schedule and end; it says so, and goes on alike', async () => {
  const [run, parts] = [newRun(), newRun()];
  const changes = { learningRate: 0.002, schedule: 'cosine', epochs: 5, earlyStopping: 9 } as const;
  const { notes, hooks } = listening();
  for (const each of [run, parts]) await train(each);
  await train(run, changes, hooks);
  expect(notes.slice(0, 4)).toEqual([
    expect.stringMatching(/run: epochs 2 until step 10, 5 from here on/),
    expect.stringMatching(/run: learning rate 0\.01 until step 10, 0\.002 from/),
    expect.stringMatching(/run: schedule constant until step 10, cosine from/),
    expect.stringMatching(/run: early stopping none until step 10, 9 from/),
  ]);
  const { plan } = (await readRun(run, 'latest'))?.state ?? {};
  expect(plan?.recipe).toMatchObject({ epochs: 5, schedule: 'cosine', optimizer: { learningRate: 0.002 } });
  expect(plan?.changes).toEqual([
    { step: 10, name: 'epochs', from: 2, to: 5 },
    { step: 10, name: 'learning rate', from: 0.01, to: 0.002 },
    { step: 10, name: 'schedule', from: 'constant', to: 'cosine' },
  ]);
  expect(readFileSync(join(run, 'recipe.yaml'), 'utf8')).toMatch(
    /^# Resumed at step 10 with another learning rate: 0\.01 before, 0\.002 after$/m,
  );
  await expect(train(parts, changes, interruptAfter(7))).rejects.toThrow(Interrupted);
  await train(parts);
  expect(digestOf(parts)).toEqual(digestOf(run));
});

test('a resumed run goes on with as many of the first images as it began with', async () => {
  const [run, whole] = [newRun(), newRun()];
  const few = { limitTrain: 9, limitTest: 4 };
  await train(whole, { ...few, epochs: 3 });
  await train(run, { ...few, epochs: 2 });
  const { notes, hooks } = listening();
  await train(run, { epochs: 3 }, hooks);
  expect(notes.join('\n')).toMatch(/first 9 training .*\n.*first 4 test /);
  expect(contentsOf(join(run, 'latest')).get('encoder/weights.bin')).toEqual(
    contentsOf(join(whole, 'latest')).get('encoder/weights.bin'),
  );
  expect(readFileSync(join(run, 'recipe.yaml'), 'utf8')).toMatch(/^limit-train: 9\nlimit-test: 4$/m);
  // Other images than those that the run began with.
  const other = { ...validated(), train: stripes(37, { salt: 1 }) };
  await expect(train(run, { epochs: 4 }, never, other)).rejects.toThrow(/number of training images is 9 there and 37/);
});

test('a refusal names three differences, in a short line', async () => {
  const run = newRun();
  await train(run);
  const error = (await train(run, { latent: 7, seed: 4, batchSize: 5, limitTrain: 9 }).catch(
    (e: unknown) => e,
  )) as Error;
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/latent size is 3 there and 7 here, seed is 0 .*batch size is 8 .* and 1 more; /);
  expect(error.message.length - run.length).toBeLessThan(250);
});

test('the best of a run of format 1 was chosen by test loss: it stays, and no later one is chosen', async () => {
  const run = newRun();
  await train(run, { epochs: 2 });
  // As an older convae wrote it: no validation part, a best epoch all the same.
  for (const which of ['latest', 'best']) {
    const folder = join(run, which);
    const files = contentsOf(folder);
    const state = JSON.parse(String(files.get('state.json')));
    state.format = 1;
    delete state.plan.data.val;
    delete state.position.metrics.val;
    files.set('state.json', Buffer.from(JSON.stringify(state)));
    writeFileSync(join(folder, 'state.json'), files.get('state.json') ?? '');
    files.delete('SHA256SUMS');
    const { sha256 } = await import('../../pipeline/io/digest.ts');
    const sums = [...files].map(([file, data]) => `${sha256(data)}  ${file}\n`);
    writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
  }
  expect((await readChosen(run))?.which).toBe('best');
  const done = await trainOn(stripeSplits(), tinyOptions(run, { resume: true }), never);
  expect(done.best).not.toBe(null); // nothing to train, nothing changed
  const { notes, hooks } = listening();
  const summary = await trainOn(stripeSplits(), tinyOptions(run, { resume: true, epochs: 4 }), hooks);
  expect(summary.best).toBe(null);
  expect(notes.join('\n')).toMatch(/best \(epoch 2\) was chosen by test loss/);
  expect((await readRun(run, 'best'))?.state.position.epoch).toBe(2);
  expect((await readChosen(run))?.checkpoint.state.position.epoch).toBe(4);
});

test('the message about a damaged latest checkpoint names an intact best', async () => {
  const run = newRun();
  await train(run, { epochs: 3 }, never, negative());
  const best = (await readRun(run, 'best'))?.state.position.epoch;
  expect(best).toBeLessThan(3);
  writeFileSync(join(run, 'latest', 'optimizer.bin'), 'x');
  for (const failing of [loadRun(run, 'latest', known), train(run)]) {
    await expect(failing).rejects.toThrow(
      new RegExp(`optimizer\\.bin: .*best \\(epoch ${best}\\) is intact: .*--which best.*--init`),
    );
  }
  expect((await loadRun(run, 'best', known)).state.position.epoch).toBe(best);
  writeFileSync(join(run, 'best', 'optimizer.bin'), 'x');
  await expect(loadRun(run, 'latest', known)).rejects.toThrow(/train again/);
});
