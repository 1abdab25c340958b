import * as tf from '@tensorflow/tfjs-core';
import { compile, portable } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import { cae } from '../../models/cae.ts';
import { Unavailable } from '../../pipeline/io/errors.ts';
import type { ProgramRunner } from '../../pipeline/train/engine.ts';
import { comparedWithCpu, mostDifferent } from '../../pipeline/train/engines/first-step.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { onnxruntime } from '../../pipeline/train/engines/onnx.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

test('changes are compared with the expected ones, and the smallest with a hundredth of the largest', () => {
  const values = (...lists: number[][]) => lists.map((list) => Float32Array.from(list));
  const before = values([1, 1], [0]);
  expect(mostDifferent(before, values([4, 5], [2]), values([4, 5], [2]))).toBe(0);
  expect(mostDifferent(before, values([4, 5], [2]), values([4, 5], [1]))).toBe(0.5);
  // 0.03 beside a hundredth of 5.
  expect(mostDifferent(before, values([4, 5], [0.01]), values([4, 5], [0.04]))).toBeCloseTo(0.6, 5);
  expect(mostDifferent(before, values([4, 5], [2]), values([4, Number.NaN], [2]))).toBe(Number.POSITIVE_INFINITY);
  expect(mostDifferent(before, before, before)).toBe(0);
});

test('a device whose first step differs from the CPU’s is refused, and one whose step is the same goes on from it', async () => {
  const build = () =>
    buildProgram(cae, { height: 8, width: 8, channels: 1, latent: 2, classes: 0, seed: 0, filters: 4 });
  const images = Uint8Array.from({ length: 2 * 64 }, (_, i) => (37 * i) % 256);
  const feeds = { image: images, rate: 1, klWeight: 1 };
  const other = { ...feeds, image: images.toReversed() };
  /** A device that computes on `given`, and the losses and the weights of two steps. */
  const trained = async (given: typeof feeds, compared: boolean) => {
    const program = build();
    const onCpu = () => compile(program.programs, { ...program, ...onnxruntime(1), target: portable });
    const device = await onCpu();
    const wrong: ProgramRunner = {
      run: (name) => device.run(name, given),
      pull: () => device.pull(),
      dispose: () => device.dispose(),
    };
    const runner = compared ? comparedWithCpu(wrong, program, onCpu) : wrong;
    try {
      const losses = [await runner.run('step', feeds), await runner.run('step', feeds)];
      await runner.pull();
      return { losses, weights: program.weights.map(({ variable }) => variable.dataSync().slice()) };
    } finally {
      await runner.dispose();
      tf.dispose(program.variables);
    }
  };
  await expect(trained(other, true)).rejects.toThrow(Unavailable);
  expect(await trained(feeds, true)).toEqual(await trained(feeds, false));
});
