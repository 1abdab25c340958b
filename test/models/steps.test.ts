import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { portable } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { openMnist } from '../../pipeline/data/mnist.ts';
import type { HostBatch } from '../../pipeline/train/engine.ts';
import { createOnnxEngine, fastestTarget } from '../../pipeline/train/engines/onnx.ts';
import { createTfjsEngine } from '../../pipeline/train/engines/tfjs.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

/** Adam divides by the size of the gradient, so that rounding in a tiny gradient moves a weight; losses hardly notice. */
const TOLERANCE = 2e-5;
const STEPS = 2;
const N = 8;
/** The middle of each image: tfjs's own backend takes seconds for full ones. */
const SIDE = 12;

let batch: HostBatch;
let blocked: Awaited<ReturnType<typeof fastestTarget>>;

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
  blocked = await fastestTarget();
  const mnist = await openMnist('train');
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
  batch = { count: N, images, labels: mnist.labels?.slice(0, N), noise };
  await mnist.close();
});

for (const model of Object.values(models)) {
  test(`${model.name}: traced steps have the losses of eager tfjs`, async () => {
    const size = { height: SIDE, width: SIDE, channels: 1, latent: model.recipe.latent, classes: 10, seed: 0 };
    const losses = async (make: (program: ReturnType<typeof buildProgram>) => ReturnType<typeof createOnnxEngine>) => {
      const program = buildProgram(model, size);
      const engine = await make(program);
      const all: number[] = [];
      for (let step = 0; step < STEPS; step++) all.push(...Object.values(await engine.step(batch)));
      all.push(...Object.values(await engine.evaluate(batch)), ...(await engine.reconstruct(batch)));
      const latents = await engine.encode(batch);
      all.push(...latents, ...(await engine.decode(latents, batch.labels)));
      await engine.dispose();
      for (const { variable } of [...program.weights, ...program.optimizerState]) variable.dispose();
      return all;
    };
    const eager = await losses((program) => createTfjsEngine(program, { name: 'tfjs-cpu' }));
    for (const target of [portable, blocked]) {
      const traced = await losses((program) => createOnnxEngine(program, { threads: 1, target }));
      expect(traced.length).toBe(eager.length);
      const worst = Math.max(...traced.map((value, i) => Math.abs(value - (eager[i] ?? Number.NaN))));
      expect(worst, target.name).toBeLessThan(TOLERANCE);
    }
  }, 60_000);
}
