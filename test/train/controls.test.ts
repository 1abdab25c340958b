import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { portable } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import { cvae } from '../../models/vae.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { InputError, Interrupted } from '../../pipeline/io/errors.ts';
import { controlsAt } from '../../pipeline/train/controls.ts';
import type { Engine, HostBatch } from '../../pipeline/train/engine.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { createOnnxEngine, fastestTarget } from '../../pipeline/train/engines/onnx.ts';
import { createTfjsEngine } from '../../pipeline/train/engines/tfjs.ts';
import type { TrainOptions } from '../../pipeline/train/options.ts';
import { buildProgram, type TrainingProgram } from '../../pipeline/train/program.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { temporaryFolder } from './folders.ts';
import { digestOf } from './run-digest.ts';
import { interruptAfter, never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

const recipe = { ...tiny.recipe, epochs: 4 };

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('schedules and weights, step by step', () => {
  for (const step of [0, 17, 40]) expect(controlsAt(recipe, step, 10)).toEqual({ rate: 1, klWeight: 1 });
  const rates = (schedule: 'linear' | 'cosine') =>
    [0, 10, 20, 30, 40].map((step) => controlsAt({ ...recipe, schedule }, step, 10).rate);
  expect(rates('linear')).toEqual([1, 0.75, 0.5, 0.25, 0]);
  const plateau = (halvings?: number) => controlsAt({ ...recipe, schedule: 'plateau' }, 30, 10, halvings).rate;
  expect([plateau(), plateau(1), plateau(3)]).toEqual([1, 0.5, 0.125]);
  const half = Math.SQRT1_2 / 2;
  for (const [i, rate] of [1, 0.5 + half, 0.5, 0.5 - half, 0].entries())
    expect(rates('cosine')[i]).toBeCloseTo(rate, 12);
  const weights = [0, 5, 10, 20, 35].map((step) => controlsAt({ ...recipe, beta: 3, klWarmUp: 2 }, step, 10).klWeight);
  expect(weights).toEqual([0, 0.75, 1.5, 3, 3]);
});

const size = { height: 6, width: 5, channels: 1, latent: 3, classes: 6, seed: 0 };
const weightsOf = ({ weights }: TrainingProgram) => weights.flatMap(({ variable }) => [...variable.dataSync()]);

async function batchOf(count: number, shape = { height: 6, width: 5, channels: 1 }, latent = 3): Promise<HostBatch> {
  const images = new Uint8Array(count * shape.height * shape.width);
  const data = stripes(40, { shape });
  await data.read(
    Array.from({ length: count }, (_, i) => i),
    images,
  );
  const noise = new Float32Array(count * latent);
  Generator.of(3, 'noise').fillNormal(noise);
  return { count, images, noise };
}

test.each([
  { name: 'sgd', learningRate: 0.5 },
  { name: 'momentum', learningRate: 0.5, momentum: 0.9 },
  { name: 'adam', learningRate: 0.01, epsilon: 1e-8 },
] as const)('$name at a share of its learning rate is $name at that rate', async (optimizer) => {
  const batch = await batchOf(8);
  const after = async (learningRate: number, rate: number | undefined) => {
    const program = buildProgram(tiny, size, { ...optimizer, learningRate });
    const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
    for (let step = 0; step < 3; step++) {
      await engine.step(rate === undefined ? batch : { ...batch, controls: { rate } });
    }
    return weightsOf(program);
  };
  const scaled = await after(optimizer.learningRate, 0.25);
  (await after(optimizer.learningRate / 4, undefined)).forEach((weight, i) => {
    expect(scaled[i]).toBeCloseTo(weight, 6);
  });
});

test('the KL weight scales the divergence in the loss, traced and eager', async () => {
  const shape = { height: 12, width: 12, channels: 1 };
  const batch = await batchOf(4, shape, 2);
  const targets = [portable, await fastestTarget()];
  const run = async (make: (program: TrainingProgram) => Promise<Engine>) => {
    const program = buildProgram(cvae, { ...shape, latent: 2, classes: 0, seed: 0, filters: 8 });
    const engine = await make(program);
    const losses: number[] = [];
    for (const controls of [
      { rate: 1, klWeight: 0 },
      { rate: 0.5, klWeight: 4 },
      { rate: 0, klWeight: 0.5 },
    ]) {
      const { loss = 0, reconstruction = 0, kl = 0 } = await engine.step({ ...batch, controls });
      expect(loss).toBeCloseTo(reconstruction + controls.klWeight * kl, 6);
      losses.push(loss, kl);
    }
    const before = await engine.evaluate({ ...batch, controls: { klWeight: 2 } });
    await engine.step({ ...batch, controls: { rate: 0, klWeight: 1 } });
    expect(await engine.evaluate({ ...batch, controls: { klWeight: 2 } })).toEqual(before);
    await engine.pull();
    losses.push(before.loss ?? 0);
    await engine.dispose();
    return losses;
  };
  const eager = await run((program) => createTfjsEngine(program, { name: 'tfjs-cpu' }));
  for (const target of targets) {
    const traced = await run((program) => createOnnxEngine(program, { threads: 1, target }));
    traced.forEach((value, i) => {
      expect(value, target.name).toBeCloseTo(eager[i] ?? Number.NaN, 4);
    });
  }
  tf.disposeVariables();
});

test.each([
  { name: 'adamw', learningRate: 0.01, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0.01 },
  { name: 'rmsprop', learningRate: 0.01, decay: 0.99, epsilon: 1e-8, clipNorm: 10 },
] as const)('$name trains alike, traced and eager', async (optimizer) => {
  const batch = await batchOf(8);
  const after = async (make: (program: TrainingProgram) => Promise<Engine>) => {
    const program = buildProgram(tiny, size, optimizer);
    const engine = await make(program);
    for (let step = 0; step < 4; step++) await engine.step({ ...batch, controls: { rate: 0.5 } });
    await engine.pull();
    await engine.dispose();
    return weightsOf(program);
  };
  const eager = await after((program) => createTfjsEngine(program, { name: 'tfjs-cpu' }));
  for (const target of [portable, await fastestTarget()]) {
    const traced = await after((program) => createOnnxEngine(program, { threads: 1, target }));
    expect(Math.max(...traced.map((value, i) => Math.abs(value - (eager[i] ?? Number.NaN))))).toBeLessThan(1e-5);
  }
  tf.disposeVariables();
});

test('a run with a schedule resumes where it was interrupted, byte for byte', async () => {
  const options = (run: string): TrainOptions => tinyOptions(run, { resume: true, schedule: 'cosine' });
  const [uninterrupted, parts, constant] = ['uninterrupted', 'parts', 'constant'].map((name) =>
    join(temporaryFolder(), name),
  );
  await trainOn(stripeSplits(), options(uninterrupted as string), never);
  await expect(trainOn(stripeSplits(), options(parts as string), interruptAfter(3))).rejects.toThrow(Interrupted);
  await trainOn(stripeSplits(), options(parts as string), never);
  expect(digestOf(parts as string)).toEqual(digestOf(uninterrupted as string));
  await trainOn(stripeSplits(), tinyOptions(constant as string), never);
  expect(digestOf(constant as string)).not.toEqual(digestOf(uninterrupted as string));
});

test('a model without a KL divergence refuses a KL weight', async () => {
  const run = join(temporaryFolder(), 'run');
  for (const [option, choice] of [
    ['--beta', { beta: 2 }],
    ['--kl-warm-up', { klWarmUp: 1 }],
  ] as const) {
    const refusal = trainOn(stripeSplits(), tinyOptions(run, choice), never);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(`${option}: tiny has no KL divergence`);
  }
});
