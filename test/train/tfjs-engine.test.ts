import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import { Generator } from '../../pipeline/data/generator.ts';
import { InputError } from '../../pipeline/io/errors.ts';
import type { HostBatch } from '../../pipeline/train/engine.ts';
import { createEngine, prepareEngine } from '../../pipeline/train/engines/index.ts';
import { createTfjsEngine } from '../../pipeline/train/engines/tfjs.ts';
import { buildProgram } from '../../pipeline/train/program.ts';
import { stripes, tiny } from './tiny.ts';

const size = { height: 6, width: 5, channels: 1, latent: 3, classes: 6, seed: 0 };

async function batch(count: number, generator = Generator.of(1, 'noise')): Promise<HostBatch> {
  const images = new Uint8Array(count * 30);
  await stripes(40).read(generator.shuffled(40).subarray(0, count), images);
  const noise = new Float32Array(count * 3);
  generator.fillNormal(noise);
  return { count, images, noise };
}

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('training lowers the loss, and leaves no tensor behind', async () => {
  const program = buildProgram(tiny, size);
  const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
  const generator = Generator.of(2, 'noise');
  const losses: number[] = [];
  await engine.step(await batch(8, generator));
  const { numTensors } = tf.memory();
  for (let i = 0; i < 60; i++) {
    const { loss } = await engine.step(await batch(i % 2 ? 8 : 5, generator));
    losses.push(loss as number);
    await engine.evaluate(await batch(3, generator));
    await engine.reconstruct(await batch(2, generator));
    await engine.pull();
    expect(tf.memory().numTensors).toBe(numTensors);
  }
  expect(losses.at(-1)).toBeLessThan((losses[0] as number) * 0.8);
});

test('a step is the gradient step of the loss, written out by hand', async () => {
  // SGD on the mean of softplus(l) − l·x, l = W₂ᵀ(W₁ᵀx + b₁ + 0.1 ε) + b₂, differentiated on paper in float64.
  const rate = 0.5;
  const program = buildProgram(tiny, size, { name: 'sgd', learningRate: rate });
  const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
  const value = (name: string) => {
    const found = program.weights.find((weight) => weight.name === name);
    if (!found) throw new Error(`no ${name}`);
    return Float64Array.from(found.variable.dataSync());
  };
  const [w1, b1] = [value('encoder/embedding/kernel'), value('encoder/embedding/bias')];
  const [w2, b2] = [value('decoder/expand/kernel'), value('decoder/expand/bias')];
  const { count, images, noise = new Float32Array() } = await batch(4);
  const [pixels, latent] = [30, 3];
  const at = (values: ArrayLike<number>, i: number) => values[i] as number;
  let loss = 0;
  const [dw2, db2, db1] = [new Float64Array(w2.length), new Float64Array(pixels), new Float64Array(latent)];
  for (let n = 0; n < count; n++) {
    const x = (p: number) => at(images, n * pixels + p) / 255;
    const z = Array.from({ length: latent }, (_, k) => {
      let sum = at(b1, k) + 0.1 * at(noise, n * latent + k);
      for (let p = 0; p < pixels; p++) sum += x(p) * at(w1, p * latent + k);
      return sum;
    });
    for (let p = 0; p < pixels; p++) {
      let logit = at(b2, p);
      for (let k = 0; k < latent; k++) logit += at(z, k) * at(w2, k * pixels + p);
      loss += (Math.log1p(Math.exp(-Math.abs(logit))) + Math.max(logit, 0) - logit * x(p)) / (count * pixels);
      const slope = (1 / (1 + Math.exp(-logit)) - x(p)) / (count * pixels);
      db2[p] = at(db2, p) + slope;
      for (let k = 0; k < latent; k++) {
        dw2[k * pixels + p] = at(dw2, k * pixels + p) + slope * at(z, k);
        db1[k] = at(db1, k) + slope * at(w2, k * pixels + p);
      }
    }
  }
  const metrics = await engine.step({ count, images, noise });
  expect(metrics.loss).toBeCloseTo(loss, 6);
  await engine.pull();
  for (const [name, before, slope] of [
    ['decoder/expand/kernel', w2, dw2],
    ['decoder/expand/bias', b2, db2],
    ['encoder/embedding/bias', b1, db1],
  ] as const) {
    const after = value(name);
    after.forEach((weight, i) => {
      expect(weight).toBeCloseTo(at(before, i) - rate * at(slope, i), 6);
    });
  }
});

test('evaluate changes nothing, and a batch may be overwritten after its step', async () => {
  const program = buildProgram(tiny, size);
  const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
  const weights = () => program.weights.map(({ variable }) => [...variable.dataSync()]);
  const before = weights();
  const first = await engine.evaluate(await batch(8));
  expect(await engine.evaluate(await batch(8))).toEqual(first);
  expect(weights()).toEqual(before);
  const reused = await batch(8);
  await engine.step(reused);
  const after = weights();
  reused.images.fill(255);
  reused.noise?.fill(1e9);
  expect(weights()).toEqual(after);
  expect(after).not.toEqual(before);
});

test('reconstruct returns images in [0, 1] that differ between images', async () => {
  const program = buildProgram(tiny, size);
  const engine = await createTfjsEngine(program, { name: 'tfjs-cpu' });
  const images = await engine.reconstruct(await batch(8));
  expect(images).toBeInstanceOf(Float32Array);
  expect(images.length).toBe(8 * 30);
  expect(images.every((value) => value > 0 && value < 1)).toBe(true);
  expect(images.slice(0, 30)).not.toEqual(images.slice(30, 60));
});

test('engines and devices that do not go together are refused with a pointer', async () => {
  const program = buildProgram(tiny, size);
  const options = { threads: 1 };
  for (const engine of ['tfjs-onnx', 'tfjs-cpu', 'tfjs-node'] as const) {
    const refusal = createEngine(engine, 'cuda', program, options);
    await expect(refusal).rejects.toThrow(InputError);
    await expect(refusal).rejects.toThrow(
      `the engine ${engine} trains on the CPU: to train on a GPU, use --engine onnx`,
    );
  }
  await expect(createEngine('tfjs-node-gpu', 'cpu', program, options)).rejects.toThrow(InputError);
});
