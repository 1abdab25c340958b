import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, test } from 'vitest';
import { cae } from '../../models/cae.ts';
import type { ModelSize } from '../../models/kit/model.ts';
import { cvae } from '../../models/vae.ts';
import { trainStepSchema } from '../../pipeline/artifacts/card.ts';
import { type OnnxModels, traceModel } from '../../pipeline/export/trace-model.ts';
import { traceTrainStep } from '../../pipeline/export/train-step.ts';
import { placeWeights } from '../../pipeline/export/weight-places.ts';
import { buildProgram, type TrainingProgram } from '../../pipeline/train/program.ts';

const size: ModelSize = { height: 12, width: 12, channels: 1, latent: 3, classes: 4, seed: 7 };

beforeAll(async () => {
  await tf.setBackend('cpu');
});

test('equal weights have places of their own', () => {
  const program = buildProgram(cvae, size);
  const equal = ['encoder/mu/bias', 'encoder/logvar/bias'];
  for (const { name, variable } of program.weights) if (equal.includes(name)) variable.assign(tf.zeros(variable.shape));
  const places = placeWeights(program.weights, traceModel(cvae, program.autoencoder, size));
  expect(new Set(places.map(({ file, offset }) => `${file} ${offset}`)).size).toBe(program.weights.length);
});

describe('weights that cannot be placed are named', () => {
  let exported: { readonly program: TrainingProgram; readonly files: OnnxModels };
  beforeAll(() => {
    const program = buildProgram(cae, size);
    exported = { program, files: traceModel(cae, program.autoencoder, size) };
  });

  test('one that neither file has', () => {
    const { program, files } = exported;
    const other = { name: 'encoder/other/kernel', variable: tf.variable(tf.zeros([2, 3])) };
    expect(() => placeWeights([...program.weights, other], files)).toThrow(
      'weight encoder/other/kernel is in neither encoder.onnx nor decoder.onnx',
    );
  });

  test('one that a file has with other numbers', () => {
    const { program, files } = exported;
    const folded = program.weights.map(({ name, variable }) =>
      name === 'decoder/deconv2/kernel' ? { name, variable: tf.variable(tf.mul(variable, 2)) } : { name, variable },
    );
    expect(() => placeWeights(folded, files)).toThrow(
      'initializer decoder/deconv2/kernel is not weight decoder/deconv2/kernel [5,5,32,64] with its axes in another order',
    );
  });

  test('one whose axes could be in any order', () => {
    const program = buildProgram(cae, size);
    const kernel = program.weights.find(({ name }) => name === 'encoder/conv2/kernel')?.variable;
    kernel?.assign(tf.fill(kernel.shape, 0.25));
    expect(() => placeWeights(program.weights, traceModel(cae, program.autoencoder, size))).toThrow(
      'the order of axes of weight encoder/conv2/kernel cannot be told',
    );
  });

  test('and a section that contradicts itself does not fit the card', () => {
    const { program, files } = exported;
    const { section, bytes } = traceTrainStep(program, cae.recipe.optimizer, files, 2);
    const good = { ...section, bytes: bytes.length, sha256: '0'.repeat(64) };
    const [first, ...others] = good.weights;
    const complaint = (weights: unknown) => trainStepSchema.safeParse({ ...good, weights }).error?.message;
    expect(complaint(good.weights)).toBeUndefined();
    expect(complaint([{ ...first, permutation: [3, 2, 0, 0] }, ...others])).toContain('the numbers from 0 to 3');
    expect(complaint([{ ...first, bytes: 4 }, ...others])).toContain('expected 3200 bytes, got 4');
    expect(complaint(others)).toContain('expected weights to have encoder/conv1/kernel');
  });
});
