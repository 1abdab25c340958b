import * as tf from '@tensorflow/tfjs-core';
import { compile, portable, type Target } from 'tfjs-to-onnx';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  applyNetwork,
  buildNetwork,
  convertNetwork,
  disposeNetwork,
  scaled,
} from '../../../pipeline/analyse/classifier/network.ts';
import { buildProgram, trainClassifier } from '../../../pipeline/analyse/classifier/train-classifier.ts';
import { Generator } from '../../../pipeline/data/generator.ts';
import { Interrupted } from '../../../pipeline/io/errors.ts';
import { prepareEngine } from '../../../pipeline/train/engines/index.ts';
import { fastestTarget, onnxruntime } from '../../../pipeline/train/engines/onnx.ts';
import { stripes } from '../../train/tiny.ts';

const targets: Target[] = [portable];
beforeAll(async () => {
  await prepareEngine('tfjs-cpu', 'auto');
  const fastest = await fastestTarget();
  if (fastest !== portable) targets.push(fastest);
});

const STEPS = 2;
const COUNT = 3;

/** Random images and labels of step `i`, and a learning rate that changes. */
function batchOf(i: number, { height, width, channels, classes }: Record<string, number>) {
  const generator = Generator.of(i, 'test');
  const random = (n: number, below: number) => Array.from({ length: n }, () => Math.floor(generator.uniform() * below));
  const dims = [COUNT, height, width, channels] as [number, number, number, number];
  return {
    dims,
    image: Uint8Array.from(random(dims[0] * dims[1] * dims[2] * dims[3], 256)),
    label: Int32Array.from(random(COUNT, classes as number)),
    rate: (i + 1) / STEPS,
  };
}

type Batch = ReturnType<typeof batchOf>;

const asTensors = ({ dims, image, label, rate }: Batch) => ({
  image: tf.tensor4d(image, dims, 'int32'),
  label: tf.tensor1d(label, 'int32'),
  rate: tf.scalar(rate),
});

describe.each([
  { height: 12, width: 12, channels: 1, classes: 10, seed: 1 },
  { height: 7, width: 12, channels: 3, classes: 4, seed: 2 },
])('$height×$width×$channels', (size) => {
  test('traced steps have the losses and weights of tfjs with Adam at the scheduled rates', {
    timeout: 60_000,
  }, async () => {
    // tfjs's own loop: another network of the same seed, a loss written out, Adam whose rate is set before each step.
    const network = buildNetwork(size);
    const weights = [...network.trunk.layers, ...network.head.layers].flatMap((layer) =>
      layer.weights.map((weight) => weight.read() as tf.Variable),
    );
    const adam = tf.train.adam(0, 0.9, 0.999, 1e-8);
    const eager: number[] = [];
    for (let i = 0; i < STEPS; i++) {
      const { image, label, rate } = asTensors(batchOf(i, size));
      Object.assign(adam, { learningRate: 4e-3 * (rate.dataSync()[0] as number) });
      const value = adam.minimize(
        () => {
          const logits = applyNetwork(network, scaled(image)).logits;
          const chosen = tf.sum(tf.mul(logits, tf.oneHot(label, size.classes)), 1);
          return tf.mean(tf.sub(tf.logSumExp(logits, 1), chosen)) as tf.Scalar;
        },
        true,
        weights,
      );
      eager.push(value?.dataSync()[0] as number);
    }

    for (const target of targets) {
      const twin = buildNetwork(size);
      const program = buildProgram(twin);
      const compiled = await compile({ step: program.step }, { ...program, target, ...onnxruntime(1) });
      for (let i = 0; i < STEPS; i++) {
        const { image, label, rate } = batchOf(i, size);
        const [loss] = (await compiled.run('step', { image, label, rate })).loss ?? [];
        expect(loss, `${target.name}, step ${i}`).toBeCloseTo(eager[i] as number, 5);
      }
      await compiled.pull();
      const after = [...twin.trunk.layers, ...twin.head.layers].flatMap((layer) => layer.weights);
      after.forEach((weight, i) => {
        const expected = (weights[i] as tf.Variable).dataSync();
        const values = weight.read().dataSync() as Float32Array;
        const worst = values.reduce((most, value, k) => Math.max(most, Math.abs(value - (expected[k] as number))), 0);
        expect(worst, `${target.name}, ${weight.name}`).toBeLessThan(2e-4); // Adam's early steps amplify rounding
      });
      await compiled.dispose();
      program.dispose();
      disposeNetwork(twin);
    }
    disposeNetwork(network);
  });
});

const small = { height: 12, width: 12, channels: 1 };

test('the same seed gives the same bytes, another seed others; nothing is left behind', async () => {
  const images = stripes(150, { shape: small });
  const trained = async (seed: number) => {
    const network = await trainClassifier(images, { classes: 12, seed, steps: 5, threads: 1 });
    const bytes = Buffer.from(convertNetwork(network));
    disposeNetwork(network);
    return bytes;
  };
  const first = await trained(7);
  const { numTensors } = tf.memory();
  expect((await trained(7)).equals(first)).toBe(true);
  expect((await trained(8)).equals(first)).toBe(false);
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('learns stripes, also from fewer images than a batch, and reports progress', async () => {
  const reported: { share: number; loss: number }[] = [];
  const progress = (share: number, loss: number) => reported.push({ share, loss });
  const network = await trainClassifier(stripes(24, { shape: small }), {
    classes: 12,
    seed: 0,
    steps: 60,
    threads: 1,
    progress,
  });
  disposeNetwork(network);
  expect(reported.map(({ share }) => share)).toEqual(Array.from({ length: 60 }, (_, i) => (i + 1) / 60));
  expect(reported[0]?.loss).toBeCloseTo(Math.log(12), 0);
  expect(reported.at(-1)?.loss).toBeLessThan(0.01);
});

test('stops when asked, with nothing left behind', async () => {
  const { numTensors } = tf.memory();
  const controller = new AbortController();
  let steps = 0;
  const training = trainClassifier(stripes(24, { shape: small }), {
    classes: 12,
    seed: 0,
    signal: controller.signal,
    progress() {
      steps++;
      if (steps === 3) controller.abort();
    },
  });
  await expect(training).rejects.toThrow(Interrupted);
  expect(steps).toBe(3);
  expect(tf.memory().numTensors).toBe(numTensors);
});
