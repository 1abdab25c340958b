import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { type BatchedProgram, compile, compileGraphs, gpu, portable } from 'tfjs-to-onnx';
import { beforeAll, describe, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import type { ModelDefinition } from '../../models/kit/model.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import type { HostBatch, Metrics } from '../../pipeline/train/engine.ts';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { onnxruntime } from '../../pipeline/train/engines/onnx.ts';
import { buildProgram, type TrainingProgram } from '../../pipeline/train/program.ts';
import { trainOn } from '../../pipeline/train/train.ts';
import { noWebgpu } from '../devices/adapter.ts';
import { temporaryFolder } from './folders.ts';
import { never, stripeSplits, stripes, tinyOptions } from './tiny.ts';

/** Halved three times, its sides are 2 or 1, and 1. A software adapter takes seconds for more pixels and filters. */
const SHAPE = { height: 12, width: 8, channels: 1, filters: 8 };
/** The last batch of an epoch is smaller. */
const SIZES = Array.from({ length: 100 }, (_, step) => (step % 5 === 4 ? 2 : 3));
const real = Object.values(models);

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('engines that have no WebGPU are refused', async () => {
  for (const engine of ['tfjs-cpu', 'tfjs-node', 'tfjs-node-gpu'] as const) {
    const refusal = prepareEngine(engine, 'webgpu');
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(`the engine ${engine} has no WebGPU: for --device webgpu use --engine onnx`);
  }
});

const build = (model: ModelDefinition) =>
  buildProgram(model, { ...SHAPE, latent: model.recipe.latent, classes: 10, seed: 0 });

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
  const target = new Float32Array(count * 10).fill(0.05);
  for (let i = 0; i < count; i++) target[10 * i + i] = 0.55;
  return { count, images, labels: Int32Array.from(chosen, (index) => index % 10), noise, target };
}

interface Trained {
  readonly losses: readonly Metrics[];
  /** What training changed, by variable. */
  readonly changes: ReadonlyMap<string, Float64Array>;
  readonly reconstruction: Float32Array;
}

/** Trains, evaluates and reconstructs. */
async function trained(device: 'cpu' | 'webgpu', model: ModelDefinition): Promise<Trained> {
  const program = build(model);
  const variables = [...program.weights, ...program.optimizerState];
  const before = variables.map(({ variable }) => variable.dataSync().slice());
  const engine = await createEngine('onnx', device, program, { threads: 1 });
  try {
    expect(engine.description).toContain(device === 'cpu' ? ', CPU, ' : ', WebGPU (experimental) on ');
    const losses: Metrics[] = [];
    for (const [step, size] of SIZES.entries()) losses.push(await engine.step(await batch(program, size, step)));
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

describe.skipIf(noWebgpu !== undefined)('on WebGPU', () => {
  test.each(real)(
    '$name: 100 steps have the losses of the CPU',
    async (model) => {
      const [gpu, cpu] = [await trained('webgpu', model), await trained('cpu', model)];
      expect(gpu.losses).toHaveLength(SIZES.length + 1);
      for (const [step, losses] of cpu.losses.entries()) {
        expect(Object.keys(gpu.losses[step] ?? {})).toEqual(Object.keys(losses));
        const found = Object.values(gpu.losses[step] ?? {});
        expect(largest(Object.values(losses), found), `step ${step}`).toBeLessThan(1e-4);
      }
      expect(gpu.losses.at(-2)?.loss).toBeLessThan((gpu.losses[0]?.loss ?? 0) * 0.95);
      for (const [name, change] of cpu.changes)
        expect(distance(gpu.changes.get(name), change), name).toBeLessThan(2e-3);
      expect(largest(gpu.reconstruction, cpu.reconstruction)).toBeLessThan(1e-4);
    },
    300_000,
  );

  /** What the engine runs there, and what an export has for the page. */
  test.each([gpu, portable].flatMap((target) => real.map((model) => ({ target, model, name: model.name }))))(
    'every operator of $name runs there, none on the CPU ($target.name)',
    async ({ target, model }) => {
      const program = build(model);
      const { programs } = compileGraphs(program.programs, { target, ...program });
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

  /** ONNX Runtime's WebGPU forgets pads at the ends alone, where a kernel is one pixel or as large as the image. */
  test.each([
    { image: 2, kernel: 3, strides: 2, about: 'dy of one pixel' },
    { image: 3, kernel: 2, strides: 1, about: 'dy as large as the image' },
    { image: 2, kernel: 2, strides: 1, about: 'the kernel as large as the image' },
  ])('a convolution with pads at the ends alone, and its gradient: $about', async ({ image, kernel, strides }) => {
    const [x, w] = [
      tf.randomNormal([2, image, image, 4], 0, 1, 'float32', 1) as tf.Tensor4D,
      tf.randomNormal([kernel, kernel, 4, 8], 0, 1, 'float32', 2) as tf.Tensor4D,
    ];
    const byKernel = (x: tf.Tensor4D, w: tf.Tensor4D) =>
      tf.grad((w) => tf.sum(tf.square(tf.conv2d(x, w as tf.Tensor4D, strides, 'same'))))(w);
    const gradient: BatchedProgram = {
      inputs: { x: { shape: ['N', ...x.shape.slice(1)], dtype: 'float32' }, w: { shape: w.shape, dtype: 'float32' } },
      compute: ({ x, w }) => ({
        y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, strides, 'same'),
        dw: byKernel(x as tf.Tensor4D, w as tf.Tensor4D),
      }),
    };
    const feeds = { x: x.dataSync() as Float32Array, w: w.dataSync() as Float32Array };
    for (const target of [gpu, portable]) {
      const compiled = await compile({ gradient }, { target, variables: {}, ...onnxruntime(1, 'webgpu') });
      const { y, dw } = await compiled.run('gradient', feeds).finally(() => compiled.dispose());
      expect(largest(y as Float32Array, tf.conv2d(x, w, strides, 'same').dataSync()), target.name).toBeLessThan(1e-4);
      expect(largest(dw as Float32Array, byKernel(x, w).dataSync()), target.name).toBeLessThan(1e-4);
    }
  });

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
