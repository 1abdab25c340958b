import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import ort from 'onnxruntime-node';
import { expect } from 'vitest';
import { faultOfLayers } from '../../../pipeline/tfjs-to-onnx/src/from/topology.ts';
import { compile, convertLayersModel, portable } from '../../../pipeline/tfjs-to-onnx/src/index.ts';
import { feed, type HostTensor, hostTensors, openSession } from '../support/ort.ts';
import { expectClose, read } from '../support/parity.ts';
import { type InputCase, type LayerCase, modelOf, sample, shapeOf } from './case.ts';

const BATCHES = [1, 3, 8];
const TOLERANCE = 2e-5;
const SESSION: ort.InferenceSession.SessionOptions = { logSeverityLevel: 4, intraOpNumThreads: 1 };

/** Converts a case's model once, and compares what it gives for several batch sizes with `predict`. */
export async function expectValues(one: LayerCase): Promise<void> {
  if (one.impossible === 'to build') return expect(() => modelOf(one)).toThrow();
  const model = modelOf(one);
  if (one.impossible === 'to run') return expect(() => predict(model, samples(one.inputs, 1))).toThrow();
  if (one.refused?.when === 'always') return expect(() => convertLayersModel(model)).toThrow(one.refused.reason);
  expect(faultOfLayers(model.toJSON(null, false) as object, model.countParams())).toBe(undefined);
  const session = await openSession(convertLayersModel(model));
  const truth = truthOf(one, model);
  for (const n of BATCHES) {
    const given = samples(one.inputs, n);
    const expected = predict(truth, given);
    const outputs = Object.values(hostTensors(await session.run(feeds(given))));
    expect(outputs.length).toBe(expected.length);
    expected.forEach((want, i) => {
      expectClose(outputs[i], want, TOLERANCE, `${one.name}, batch ${n}, output ${i}`);
    });
  }
  await session.release();
  model.dispose();
}

/** Compares one step of gradient descent, compiled and eager, by the model's weights and by a factor of each input. */
export async function expectStep(one: LayerCase): Promise<void> {
  if (one.impossible === 'to build' || one.impossible === 'to run' || one.wrongGradient) return;
  const model = modelOf(one);
  const factors = one.inputs.map((given) => (given.kind ? undefined : tf.variable(tf.ones(shapeOf(given)))));
  const weights = model.weights.map((weight) => weight.read() as Variable);
  const trained = [...model.trainableWeights.map((weight) => weight.read() as Variable), ...factors.filter(isDefined)];
  const variables = Object.fromEntries(
    [...weights, ...factors.filter(isDefined)].map((variable, i) => [`v${i}`, variable] as const),
  );
  const sgd = tf.train.sgd(0.1);
  const names = one.inputs.map((_, i) => `input${i}`);
  const compute = (given: Readonly<Record<string, Tensor>>) => {
    const { value, grads } = tf.variableGrads(() => {
      const scaled = names.map((name, i) => {
        const [x, factor] = [given[name] as Tensor, factors[i]];
        return factor ? tf.mul(x, factor) : x;
      });
      const outputs = [model.apply(scaled, { training: one.training ?? true })].flat() as Tensor[];
      // Its derivative differs from place to place.
      return tf.addN(outputs.map((output) => tf.sum(tf.sin(output)))) as tf.Scalar;
    }, trained);
    sgd.applyGradients(grads);
    return { loss: value };
  };
  const inputs = Object.fromEntries(
    one.inputs.map((input, i) => {
      const shape = ['N', ...shapeOf(input)] as ['N', ...number[]];
      return [names[i] ?? '', { shape, dtype: input.kind === 'class' ? ('int32' as const) : ('float32' as const) }];
    }),
  );
  const compiling = () =>
    compile({ step: { inputs, compute } }, { variables, models: { model }, target: portable, ort, session: SESSION });
  const initial = Object.values(variables).map((variable) => variable.clone());
  const restore = () => Object.values(variables).forEach((variable, i) => void variable.assign(initial[i] as Tensor));

  if (one.impossible === 'to train') return expect(() => compute(samples(one.inputs, 1))).toThrow();
  if (one.refused) return expect(compiling).rejects.toThrow(one.refused.reason);
  const compiled = await compiling();
  for (const n of BATCHES) {
    const given = samples(one.inputs, n);
    restore();
    const loss = read(compute(given).loss);
    const expected = Object.values(variables).map(read);
    restore();
    await compiled.push();
    const outputs = await compiled.run(
      'step',
      Object.fromEntries(Object.entries(given).map(([k, v]) => [k, v.dataSync()])),
    );
    await compiled.pull();
    const host: HostTensor = { shape: [], dtype: 'float32', values: outputs.loss as Float32Array };
    expectClose(host, loss, TOLERANCE * 5, `${one.name}, batch ${n}, loss`);
    Object.values(variables).forEach((variable, i) => {
      const want = expected[i] as HostTensor;
      expectClose(read(variable), want, TOLERANCE, `${one.name}, batch ${n}, variable ${i} [${variable.shape}]`);
    });
  }
  await compiled.dispose();
  model.dispose();
}

/** The model that tells what is right. */
function truthOf(one: LayerCase, model: LayersModel): LayersModel {
  if (!one.truth) return model;
  const truth = modelOf({ ...one, make: one.truth });
  truth.setWeights(model.getWeights());
  return truth;
}

const isDefined = <T>(value: T | undefined): value is T => value !== undefined;

const samples = (inputs: readonly InputCase[], n: number): Record<string, Tensor> =>
  Object.fromEntries(inputs.map((input, i) => [`input${i}`, sample(input, n, 11 + i)]));

const predict = (model: LayersModel, given: Readonly<Record<string, Tensor>>): HostTensor[] =>
  [model.predict(Object.values(given), { batchSize: Object.values(given)[0]?.shape[0] ?? 1 })].flat().map(read);

const feeds = (given: Readonly<Record<string, Tensor>>) =>
  Object.fromEntries(Object.entries(given).map(([name, tensor]) => [name, feed(tensor)]));
