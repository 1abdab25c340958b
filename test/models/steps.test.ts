import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { gpu, portable } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { type ModelDefinition, withLossOf } from '../../models/kit.ts';
import { openSplit } from '../../pipeline/data/open.ts';
import type { HostBatch } from '../../pipeline/train/engine.ts';
import { createOnnxEngine, fastestTarget } from '../../pipeline/train/engines/onnx.ts';
import { createTfjsEngine } from '../../pipeline/train/engines/tfjs.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

/** Adam divides by the size of the gradient, so that rounding in a tiny gradient moves a weight; losses hardly notice. */
const TOLERANCE = 2e-5;
const N = 2;
/** The middle of each image: tfjs's own backend takes seconds for full ones. */
const SIDE = 12;

let batch: HostBatch;
let coloured: HostBatch;
let blocked: Awaited<ReturnType<typeof fastestTarget>>;

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
  blocked = await fastestTarget();
  const mnist = await openSplit('mnist', 'train');
  const full = new Uint8Array(N * 28 * 28);
  await mnist.read(
    Array.from({ length: N }, (_, i) => i),
    full,
  );
  const images = Uint8Array.from({ length: N * SIDE * SIDE }, (_, i) => {
    const [n, y, x] = [Math.floor(i / SIDE ** 2), Math.floor(i / SIDE) % SIDE, i % SIDE];
    return full[(n * 28 + y + 8) * 28 + x + 8] ?? 0;
  });
  const noise = tf.randomNormal([N * 10], 0, 1, 'float32', 7).dataSync() as Float32Array;
  const target = new Float32Array(N * 10).fill(0.05);
  for (let i = 0; i < N; i++) target[10 * i + i] = 0.55;
  batch = { count: N, images, labels: mnist.labels?.slice(0, N), noise, target };
  coloured = {
    count: N,
    images: Uint8Array.from({ length: N * 8 * 9 * 3 }, (_, i) => (i * i * 7 + 31 * i) % 256),
    labels: Int32Array.of(2, 9),
    noise,
    target,
  };
  await mnist.close();
});

interface Case {
  readonly model: ModelDefinition;
  readonly shape: readonly number[];
  readonly filters?: number;
  readonly steps: number;
  readonly batch: () => HostBatch;
  /** Whether only the loss is another than in a case before: then encoding and decoding are not compared again. */
  readonly onlyLoss?: true;
}

/** The size that recipes are for; one that is padded, in colour; and the gradient of a loss with SSIM and colour. */
const programs = new Map(Object.values(models).map((model) => [model.build, model])); // cae-tsne is cae2 of another size
const cases: Case[] = [...programs.values()].flatMap((model) => [
  ...(model.name.startsWith('res')
    ? []
    : [{ model, shape: [SIDE, SIDE, 1], filters: 16, steps: 2, batch: () => batch }]),
  { model, shape: [8, 9, 3], filters: 8, steps: 2, batch: () => coloured },
  {
    model: withLossOf(model, { pixelLoss: 'l1', ssim: 0.3, colour: 2 }),
    shape: [8, 9, 3],
    filters: 8,
    steps: 1,
    batch: () => coloured,
    onlyLoss: true,
  },
]);
for (const { model, shape, filters, steps, batch: batchOf, onlyLoss } of cases) {
  test(`${model.name}, ${model.pixelLoss}, ${shape.join('×')}: traced steps have the losses of eager tfjs`, async () => {
    const [height = 0, width = 0, channels = 0] = shape;
    const batch = batchOf();
    const size = { height, width, channels, latent: model.recipe.latent, classes: 10, seed: 0, filters };
    const losses = async (make: (program: ReturnType<typeof buildProgram>) => ReturnType<typeof createOnnxEngine>) => {
      const program = buildProgram(model, size);
      const engine = await make(program);
      const all: number[] = [];
      for (let step = 0; step < steps; step++) all.push(...Object.values(await engine.step(batch)));
      all.push(...Object.values(await engine.evaluate(batch)), ...(await engine.reconstruct(batch)));
      if (!onlyLoss) {
        const latents = await engine.encode(batch);
        all.push(...latents, ...(await engine.decode(latents, batch.labels)));
        if (program.autoencoder.clusters) all.push(...(await engine.assign(batch)));
      }
      await engine.dispose();
      for (const { variable } of [...program.weights, ...program.optimizerState]) variable.dispose();
      return all;
    };
    const eager = await losses((program) => createTfjsEngine(program, { name: 'tfjs-cpu' }));
    for (const target of model.startsFrom ? [portable, blocked, gpu] : [portable, blocked]) {
      const traced = await losses((program) => createOnnxEngine(program, { threads: 1, target }));
      expect(traced.length).toBe(eager.length);
      const worst = Math.max(...traced.map((value, i) => Math.abs(value - (eager[i] ?? Number.NaN))));
      // The gradient of an absolute error jumps, and Adam makes a step of that.
      expect(worst, target.name).toBeLessThan(model.pixelLoss === 'mean absolute error' ? 10 * TOLERANCE : TOLERANCE);
    }
  }, 60_000);
}
