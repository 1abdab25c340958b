import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { compileGraphs, portable } from 'tfjs-to-onnx';
import { beforeAll, describe, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import type { HostBatch, Metrics } from '../../pipeline/train/engine.ts';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { buildProgram, type TrainingProgram } from '../../pipeline/train/program.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { noWebgpu } from '../devices/adapter.ts';
import { temporaryFolder } from './folders.ts';
import { never, stripeSplits, stripes, tiny, tinyOptions } from './tiny.ts';

/** Halved three times, its sides are 6, 3 and 1. */
const SHAPE = { height: 12, width: 12, channels: 1 };
const real = Object.values(models);

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('engines that have no WebGPU are refused', async () => {
  for (const engine of ['tfjs-cpu', 'tfjs-node', 'tfjs-node-gpu'] as const) {
    const refusal = prepareEngine(engine, 'webgpu');
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(`the engine ${engine} has no WebGPU: for --device webgpu use --engine onnx`);
  }
});

const build = (model: ModelDefinition, shape = SHAPE) =>
  buildProgram(model, { ...shape, latent: model.recipe.latent, classes: 10, seed: 0 });

async function batch(program: TrainingProgram, count: number, step: number): Promise<HostBatch> {
  const { height, width, channels } = program.size;
  const dataset = stripes(200, { shape: { height, width, channels } });
  const generator = Generator.of(step, 'noise');
  const chosen = generator.shuffled(200).subarray(0, count);
  const images = new Uint8Array(count * height * width * channels);
  await dataset.read(chosen, images);
  const shape = program.autoencoder.noiseShape(count);
  const noise = shape && new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (noise) generator.fillNormal(noise);
  return { count, images, labels: Int32Array.from(chosen, (index) => index % 10), noise };
}

interface Trained {
  readonly losses: readonly Metrics[];
  /** What training changed, by variable. */
  readonly changes: ReadonlyMap<string, Float64Array>;
  readonly reconstruction: Float32Array;
}

/** Trains on batches of these sizes, evaluates and reconstructs. */
async function trained(
  device: 'cpu' | 'webgpu',
  model: ModelDefinition,
  sizes: readonly number[],
  shape = SHAPE,
): Promise<Trained> {
  const program = build(model, shape);
  const variables = [...program.weights, ...program.optimizerState];
  const before = variables.map(({ variable }) => variable.dataSync().slice());
  const engine = await createEngine('onnx', device, program, { threads: 1 });
  try {
    expect(engine.description).toContain(device === 'cpu' ? ', CPU, ' : ', WebGPU (experimental) on ');
    const losses: Metrics[] = [];
    for (const [step, size] of sizes.entries()) losses.push(await engine.step(await batch(program, size, step)));
    losses.push(await engine.evaluate(await batch(program, 3, -1)));
    const reconstruction = await engine.reconstruct(await batch(program, 3, -2));
    await engine.pull();
    const changes = variables.map(({ name, variable }, v) => {
      const after = variable.dataSync();
      return [name, Float64Array.from(after, (value, i) => value - (before[v]?.[i] ?? Number.NaN))] as const;
    });
    return { losses, changes: new Map(changes), reconstruction };
  } finally {
    await engine.dispose();
    tf.dispose(variables.map(({ variable }) => variable));
  }
}

/** ‖a − b‖ / ‖b‖ */
function distance(a: Float64Array | undefined, b: Float64Array): number {
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  return norm(b.map((value, i) => (a?.[i] ?? Number.NaN) - value)) / norm(b);
}

const largest = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN))));

function expectSameLosses(got: Trained, expected: Trained, tolerance: number): void {
  expect(got.losses.length).toBe(expected.losses.length);
  for (const [step, losses] of expected.losses.entries()) {
    expect(Object.keys(got.losses[step] ?? {})).toEqual(Object.keys(losses));
    const found = Object.values(got.losses[step] ?? {});
    expect(largest(Object.values(losses), found), `step ${step}`).toBeLessThan(tolerance);
  }
}

describe.skipIf(noWebgpu !== undefined)('on WebGPU', () => {
  test.each(real)(
    '$name trains as on the CPU, batches of two sizes',
    async (model) => {
      const sizes = [4, 4, 3, 4];
      const [gpu, cpu] = [await trained('webgpu', model, sizes), await trained('cpu', model, sizes)];
      expectSameLosses(gpu, cpu, 2e-5);
      for (const [name, change] of cpu.changes)
        expect(distance(gpu.changes.get(name), change), name).toBeLessThan(2e-3);
      expect(largest(gpu.reconstruction, cpu.reconstruction)).toBeLessThan(1e-4);
    },
    120_000,
  );

  test.each(real)(
    'every operator of $name runs there, none on the CPU',
    async (model) => {
      const program = build(model);
      const { programs } = compileGraphs(program.programs, { target: portable, ...program });
      for (const part of ['step', 'evaluate', 'reconstruct'] as const) {
        const session = await ort.InferenceSession.create(programs[part].graph(4), {
          executionProviders: ['webgpu'],
          logSeverityLevel: 4,
          extra: { session: { disable_cpu_ep_fallback: '1' } },
        });
        await session.release();
      }
    },
    120_000,
  );

  test('the losses of 100 steps are those of the CPU', async () => {
    const sizes = Array.from({ length: 100 }, (_, step) => (step % 5 === 4 ? 5 : 8));
    const shape = { height: 6, width: 5, channels: 1 };
    const [gpu, cpu] = [await trained('webgpu', tiny, sizes, shape), await trained('cpu', tiny, sizes, shape)];
    expectSameLosses(gpu, cpu, 1e-5);
    expect(gpu.losses.at(-2)?.loss).toBeLessThan((gpu.losses[0]?.loss ?? 0) * 0.8);
  }, 60_000);

  test('a run that began on WebGPU resumes on the CPU', async () => {
    const folder = temporaryFolder();
    const options = (run: string, device: 'cpu' | 'webgpu', epochs: number) =>
      tinyOptions(`${folder}/${run}`, { engine: 'onnx', device, epochs, resume: true });
    const first = await trainOn(stripeSplits(), options('both', 'webgpu', 1), never);
    expect(first.engine).toContain('WebGPU');
    const both = await trainOn(stripeSplits(), options('both', 'cpu', 2), never);
    const single = await trainOn(stripeSplits(), options('single', 'cpu', 2), never);
    expect([both.epochs, both.steps]).toEqual([single.epochs, single.steps]);
    expect(both.test?.loss).toBeCloseTo(single.test?.loss ?? Number.NaN, 5);
  }, 60_000);
});
