import './support/tfjs.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  initializers,
  input,
  type LayersModel,
  layers,
  model as layersModel,
  type SymbolicTensor,
} from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { graphOfLayersModel } from '../../pipeline/tfjs-to-onnx/src/from/layers-model.ts';
import { convertLayersModel } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, hostTensors, openSession } from './support/ort.ts';
import { expectClose, read } from './support/parity.ts';
import { zoo } from './support/zoo.ts';

const models = Object.entries(zoo).map(([name, make]) => ({ name, model: make() }));

function build(name: string): LayersModel {
  const found = models.find((one) => one.name === name);
  if (!found) throw new Error(`no model ${name}`);
  return found.model;
}

function samples({ inputs, inputNames }: LayersModel, n: number): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ shape, dtype }, i) => {
      const sizes = shape.map((d) => d ?? n);
      const values = tf.randomUniform(sizes, dtype === 'int32' ? 0 : -1, dtype === 'int32' ? 7 : 1, 'float32', 11 + i);
      return [inputNames[i] ?? '', dtype === 'int32' ? tf.cast(tf.floor(values), 'int32') : values];
    }),
  );
}

describe('converted layers models agree with predict at batch sizes 1 and 3', () => {
  test.each(models)('$name', async ({ name, model }) => {
    const session = await openSession(convertLayersModel(model));
    expect(session.inputNames).toEqual(model.inputNames);
    for (const n of [1, 3]) {
      const given = samples(model, n);
      const expected = [model.predict(Object.values(given), { batchSize: n })].flat();
      const feeds = Object.fromEntries(Object.entries(given).map(([input, tensor]) => [input, feed(tensor)]));
      const outputs = hostTensors(await session.run(feeds));
      expected.forEach((tensor, i) => {
        expectClose(Object.values(outputs)[i], read(tensor), 2e-5, `${name}, batch ${n}, output ${i}`);
      });
    }
    await session.release();
  });
});

test('the batch size stays open beside sizes of large images', () => {
  const image = input({ shape: [null, null, 3], name: 'image' });
  const large = layers.upSampling2d({ size: [16, 16], interpolation: 'bilinear' }).apply(image) as SymbolicTensor;
  const model = layersModel({ inputs: image, outputs: large });
  const { shapes, notes } = graphOfLayersModel(model, { dynamic: { image: [1, 2] } });
  expect([shapes?.image, notes]).toEqual([['N', 'image_1', 'image_2', 3], undefined]);
});

test('inputs, outputs, nodes and weights have the names of the model and its layers', async () => {
  const session = await openSession(convertLayersModel(build('several inputs and outputs')));
  expect([session.inputNames, session.outputNames]).toEqual([
    ['picture', 'label'],
    ['mean', 'scale'],
  ]);
  await session.release();

  const graph = graphOfLayersModel(build('nested models'));
  expect(graph.nodes.map((node) => node.name)).toMatchInlineSnapshot(`
    [
      "whole/encoder/flat/Reshape",
      "whole/encoder/latent/Gemm",
      "whole/encoder/flat/Reshape_1",
      "whole/encoder/latent/Gemm_1",
      "whole/sum/Add",
      "whole/decoder/out/Gemm",
    ]
  `);
  expect(graph.constants.map((constant) => constant.name)).toMatchInlineSnapshot(`
    [
      "whole/encoder/flat/Reshape/shape",
      "whole/encoder/latent/kernel",
      "whole/encoder/latent/bias",
      "whole/encoder/flat/Reshape_1/shape",
      "whole/decoder/out/kernel",
      "whole/decoder/out/bias",
    ]
  `);
});

describe('every output has a name of its own', () => {
  const x = input({ name: 'x', shape: [4, 3] });
  const seeded = (seed: number) => initializers.glorotNormal({ seed });
  const recurrent = { units: 2, kernelInitializer: seeded(1), recurrentInitializer: seeded(2) };
  const apply = (layer: { apply(x: SymbolicTensor): unknown }, to: SymbolicTensor | undefined) =>
    [layer.apply(to as SymbolicTensor)].flat() as SymbolicTensor[];
  const shared = layers.dense({ name: 'shared', units: 3, kernelInitializer: seeded(3) });
  const y = apply(layers.activation({ name: 'y', activation: 'relu' }), x);
  const cases: Readonly<Record<string, [SymbolicTensor[], string[]]>> = {
    'a layer that gives its states too': [
      apply(layers.lstm({ ...recurrent, name: 'lstm', returnState: true }), x),
      ['lstm', 'lstm_1', 'lstm_2'],
    ],
    'a layer that is applied twice': [
      [...apply(shared, x), ...apply(shared, y[0])],
      ['shared', 'shared_1'],
    ],
    'both directions': [
      apply(layers.bidirectional({ name: 'both', layer: layers.gru(recurrent) as never, mergeMode: null as never }), x),
      ['both', 'both_1'],
    ],
    'one output that is listed twice, and an input': [
      [...y, ...y, x],
      ['y', 'y_1', 'x_out'],
    ],
    'names that are numbered already': [
      [
        ...apply(layers.activation({ name: 'shared_1', activation: 'relu' }), x),
        ...apply(shared, y[0]),
        ...apply(shared, x),
      ],
      ['shared_1', 'shared', 'shared_2'],
    ],
  };

  test.each(Object.entries(cases))('%s', async (_, [outputs, names]) => {
    const model = layersModel({ inputs: x, outputs });
    const session = await openSession(convertLayersModel(model));
    expect(session.outputNames).toEqual(names);
    const given = tf.randomUniform([2, 4, 3], -1, 1, 'float32', 5);
    const got = hostTensors(await session.run({ x: feed(given) }));
    const distinct = [...new Set(outputs)];
    const computed = [layersModel({ inputs: x, outputs: distinct }).predict(given)].flat();
    const expected = outputs.map((output) => computed[distinct.indexOf(output)] as Tensor);
    expected.forEach((tensor, i) => void expectClose(got[names[i] ?? ''], read(tensor), 2e-5, names[i] ?? ''));
    await session.release();
  });
});

test('onnx’s own checker passes every model of the zoo', ({ skip }) => {
  const python = process.env.CONVAE_PEER_PYTHON;
  if (!python) return skip('CONVAE_PEER_PYTHON names no Python with the package onnx');
  const folder = mkdtempSync(join(tmpdir(), 'tfjs-to-onnx-'));
  try {
    for (const [i, { model }] of models.entries()) writeFileSync(join(folder, `${i}.onnx`), convertLayersModel(model));
    const check =
      'import sys, onnx\nfor f in sys.argv[1:]: onnx.checker.check_model(f, full_check=True)\nprint(len(sys.argv) - 1)';
    const files = models.map((_, i) => join(folder, `${i}.onnx`));
    expect(execFileSync(python, ['-c', check, ...files], { encoding: 'utf8' }).trim()).toBe(String(models.length));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
