import * as tf from '@tensorflow/tfjs-core';
import { explain } from 'tfjs-to-onnx/backend';
import { afterAll, expect, test } from 'vitest';
import { cae } from '../../models/cae.ts';
import { cvae } from '../../models/vae.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { createEngine } from '../../pipeline/train/engines/index.ts';
import { createTfjsEngine } from '../../pipeline/train/engines/tfjs.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

afterAll(() => tf.setBackend('cpu'));

test.for([cae, cvae])('$name: tfjs-onnx has the losses of tfjs-cpu', { timeout: 60_000 }, async (model) => {
  const size = { height: 8, width: 8, channels: 1, latent: 3, classes: 10, seed: 0, filters: 16 };
  const generator = Generator.of(1, 'noise');
  const noise = new Float32Array(12);
  generator.fillNormal(noise);
  const batch = { count: 4, images: Uint8Array.from({ length: 4 * 64 }, (_, i) => (i * i) % 256), noise };
  const losses = async (engine: 'tfjs-cpu' | 'tfjs-onnx') => {
    await tf.setBackend('cpu');
    await createEngine(engine, 'auto', buildProgram(model, size), { threads: 1 });
    const run = await createTfjsEngine(buildProgram(model, size), { name: engine });
    const all: number[] = [];
    for (let step = 0; step < 3; step++) all.push(...Object.values(await run.step(batch)));
    all.push(...Object.values(await run.evaluate(batch)), ...(await run.reconstruct(batch)));
    return all;
  };
  const eager = await losses('tfjs-onnx');
  const { onCpu, graphs } = explain();
  expect({ onCpu, graphs }).toEqual({ onCpu: {}, graphs: 3 });
  const expected = await losses('tfjs-cpu');
  expect(eager.length).toBe(expected.length);
  eager.forEach((value, i) => void expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-4));
});
