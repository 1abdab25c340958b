import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import ort from 'onnxruntime-node';
import { beforeAll, expect, test } from 'vitest';
import { models } from '../../models/index.ts';
import { withLossOf } from '../../models/kit.ts';
import { traceModel } from '../../pipeline/export/trace-model.ts';
import { traceTrainStep } from '../../pipeline/export/train-step.ts';
import { buildProgram } from '../../pipeline/train/program.ts';

beforeAll(async () => {
  tf.enableProdMode();
  await tf.setBackend('cpu');
});

const [HEIGHT, WIDTH, CHANNELS, CLASSES] = [9, 13, 3, 3];

const worst = (got: ort.Tensor | undefined, expected: tf.Tensor): number => {
  expect(got?.dims).toEqual(expected.shape);
  const values = expected.dataSync();
  return Math.max(...values.map((value, i) => Math.abs(value - Number(got?.data[i]))));
};

test.each(Object.values(models))('$name with images that do not halve: ONNX computes what tfjs does', async (own) => {
  const model = withLossOf(own, { pixelLoss: 'l1' });
  const size = { height: HEIGHT, width: WIDTH, channels: CHANNELS, latent: 4, classes: CLASSES, seed: 3, filters: 8 };
  const program = buildProgram(model, size);
  const traced = traceModel(model, program.autoencoder, size);
  const step = traceTrainStep(program, model.recipe.optimizer, traced, 2);
  expect(step.section.state.length).toBeGreaterThan(program.weights.length);
  const [encoder, decoder] = await Promise.all(
    [traced.encoder, traced.decoder].map((bytes) => ort.InferenceSession.create(bytes)),
  );
  for (const n of [1, 2, 5]) {
    const pixels = Uint8Array.from({ length: n * HEIGHT * WIDTH * CHANNELS }, (_, i) => (i * i * 7 + 31 * i) % 256);
    const classes = Int32Array.from({ length: n }, (_, i) => i % CLASSES);
    const label = tf.tensor1d(classes, 'int32');
    const shape = [n, HEIGHT, WIDTH, CHANNELS] as [number, number, number, number];
    const image = tf.div(tf.tensor4d(pixels, shape, 'int32'), 255) as tf.Tensor4D;
    const { latent } = program.autoencoder.encode({ image, label });
    const given = (part: 'encoder' | 'decoder') =>
      model.conditional[part] ? { label: new ort.Tensor('int32', classes, [n]) } : {};
    const found = await encoder?.run({ image: new ort.Tensor('uint8', pixels, shape), ...given('encoder') });
    expect(worst(found?.latent, latent)).toBeLessThan(1e-5);
    const decoded = await decoder?.run({ latent: found?.latent as ort.Tensor, ...given('decoder') });
    expect(worst(decoded?.image, program.autoencoder.decode(latent, label))).toBeLessThan(1e-5);
  }
  await Promise.all([encoder?.release(), decoder?.release()]);
  for (const variable of Object.values(program.variables)) variable.dispose();
});
