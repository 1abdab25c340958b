import './support/tfjs.ts';
import { readFile } from 'node:fs/promises';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { afterEach, describe, expect, test, vi } from 'vitest';
import {
  type BatchedProgram,
  compile,
  compileGraphs,
  GraphRunner,
  portable,
} from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { blockedTargets } from './support/machine.ts';

const float = (...shape: (number | 'N')[]) => ({ shape, dtype: 'float32' }) as const;

afterEach(() => tf.disposeVariables());

/** Linear regression by gradient descent with momentum; `predict` shares the weights, and `counted` reads the number of steps. */
function regression() {
  const variables = {
    weight: tf.variable(tf.tensor2d([0.5, -1, 2, 0], [2, 2])),
    bias: tf.variable(tf.tensor1d([1, 2])),
    'momentum/weight': tf.variable(tf.zeros([2, 2])),
    'momentum/bias': tf.variable(tf.zeros([2])),
    count: tf.variable(tf.scalar(0)),
  };
  const { weight, bias, count } = variables;
  const predict = (x: tf.Tensor) => tf.add(tf.matMul(x as Tensor2D, weight as Tensor2D), bias);
  const programs = {
    step: {
      inputs: { x: float('N', 2), y: float('N', 2), rate: float(), unused: float('N', 3) },
      compute: ({ x, y, rate }) =>
        tf.tidy(() => {
          const { value, grads } = tf.variableGrads(
            () => tf.mean(tf.squaredDifference(predict(x as tf.Tensor), y as tf.Tensor)) as tf.Scalar,
            [weight, bias] as tf.Variable[],
          );
          for (const name of ['weight', 'bias'] as const) {
            const slot = variables[`momentum/${name}`];
            slot.assign(tf.add(tf.mul(slot, 0.5), grads[variables[name].name] as tf.Tensor));
            variables[name].assign(tf.sub(variables[name], tf.mul(slot, rate as tf.Tensor)));
          }
          count.assign(tf.add(count, 1));
          return { loss: value };
        }),
    },
    predict: { inputs: { x: float('N', 2) }, compute: ({ x }) => ({ y: predict(x as tf.Tensor) }) },
    counted: { inputs: {}, compute: () => ({ double: tf.mul(count, 2) }) },
  } satisfies Record<string, BatchedProgram>;
  return { variables, programs };
}

const valuesOf = (variables: Readonly<Record<string, tf.Variable>>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(variables).map(([name, variable]) => [name, [...variable.dataSync()]]));

const batch = (step: number, n: number) => ({
  x: Float32Array.from({ length: 2 * n }, (_, i) => Math.sin(3 * i + step)),
  y: Float32Array.from({ length: 2 * n }, (_, i) => Math.cos(i + 2 * step)),
  rate: 0.1 * (1 + (step % 3)),
});

const sizes = [4, 4, 3, 4, 1];

describe.each([portable, ...blockedTargets])('$name', (target) => {
  test('programs of any batch size share a state, and give what eager tfjs gives', async () => {
    const { variables, programs } = regression();
    const compiled = await compile(programs, { variables, target, ort });
    const initial = valuesOf(variables);
    const losses: number[] = [];
    for (const [step, n] of sizes.entries()) losses.push((await compiled.run('step', batch(step, n))).loss?.[0] ?? NaN);
    expect(valuesOf(variables)).toEqual(initial);
    const [{ y = [] }, { double = [] }] = [
      await compiled.run('predict', batch(9, 5)),
      await compiled.run('counted', {}),
    ];
    expect(double[0]).toBe(2 * sizes.length);
    await compiled.pull();
    const traced = valuesOf(variables);

    const { variables: twins, programs: eager } = regression();
    for (const [step, n] of sizes.entries()) {
      const { x, y, rate } = batch(step, n);
      const { loss } = eager.step.compute({
        x: tf.tensor2d(x, [n, 2]),
        y: tf.tensor2d(y, [n, 2]),
        rate: tf.scalar(rate),
      });
      expect(losses[step]).toBeCloseTo(loss?.dataSync()[0] ?? NaN, 5);
    }
    const expected = eager.predict.compute({ x: tf.tensor2d(batch(9, 5).x, [5, 2]) }).y.dataSync();
    expect([...y].length).toBe(10);
    for (const [i, value] of [...y].entries()) expect(value).toBeCloseTo(expected[i] ?? NaN, 5);
    for (const [name, values] of Object.entries(valuesOf(twins))) {
      for (const [i, value] of values.entries()) expect(traced[name]?.[i], name).toBeCloseTo(value, 5);
    }
    await compiled.dispose();
  });
});

test('push reads the tfjs variables; the next run starts from them', async () => {
  const { variables, programs } = regression();
  const compiled = await compile(programs, { variables, target: portable, ort });
  await compiled.run('step', batch(0, 2));
  variables.count.assign(tf.scalar(40));
  await compiled.push();
  await compiled.run('step', batch(0, 2));
  await compiled.pull();
  expect(variables.count.dataSync()[0]).toBe(41);
  const once = valuesOf(variables);
  await compiled.pull();
  expect(valuesOf(variables)).toEqual(once);
  await compiled.dispose();
});

test('sessions are created once for each program and batch size', async () => {
  const { variables, programs } = regression();
  const create = vi.spyOn(ort.InferenceSession, 'create');
  const compiled = await compile(programs, { variables, target: portable, ort });
  for (const n of [2, 3, 2, 3]) {
    await compiled.run('step', batch(0, n));
    await compiled.run('predict', batch(0, n));
  }
  expect(create).toHaveBeenCalledTimes(1 + 4); // the first packs the variables
  await compiled.dispose();
  create.mockRestore();
});

test('pulling and running leak no tensors', async () => {
  const { variables, programs } = regression();
  const { numTensors } = tf.memory();
  const compiled = await compile(programs, { variables, target: portable, ort });
  for (let step = 0; step < 3; step++) await compiled.run('step', batch(step, 2));
  await compiled.pull();
  await compiled.dispose();
  expect(tf.memory().numTensors).toBe(numTensors);
});

test('missing feeds and feeds of the wrong size are refused by name', async () => {
  const { variables, programs } = regression();
  const compiled = await compile(programs, { variables, target: portable, ort });
  const { x, y, rate } = batch(0, 4);
  await expect(compiled.run('step', { x, y })).rejects.toThrow(/\brate\b/);
  await expect(compiled.run('step', { x, rate })).rejects.toThrow(/\by\b/);
  await expect(compiled.run('step', { x, y: y.subarray(2), rate })).rejects.toThrow(/\by has 6 .*\[4,2\]/);
  await expect(compiled.run('step', { x: x.subarray(1), y, rate })).rejects.toThrow(/\bx has 7 .*\[N,2\]/);
  await expect(compiled.run('step', { x: x.subarray(8), y, rate })).rejects.toThrow(/\bx has 0 /);
  // A refused run changes nothing.
  expect((await compiled.run('counted', {})).double?.[0]).toBe(0);
  await compiled.dispose();
});

test('a graph takes only the inputs and variables that its program uses', async () => {
  const { variables, programs } = regression();
  const runner = new GraphRunner(compileGraphs(programs, { variables, target: portable }), { ort });
  const inputs = async (name: keyof typeof programs) => (await runner.session(name, 3)).inputNames;
  expect((await inputs('step')).slice(0, 3)).toEqual(['x', 'y', 'rate']);
  expect(await inputs('counted')).toEqual(['count']);
  expect(await inputs('predict')).toEqual(['x', 'state:0.0']); // the weight and the bias
  await runner.dispose();
});

test('undeclared variables are refused', async () => {
  const { variables, programs } = regression();
  const { count, ...others } = variables;
  await expect(compile(programs, { variables: others, target: portable, ort })).rejects.toThrow(/declare/);
  expect(count.dataSync()[0]).toBe(0);
});

describe('a runner of graphs', () => {
  test.each(['swap', 'cpu'] as const)('new state %s: reads what it wrote, and steps from it', async (newState) => {
    const { variables, programs } = regression();
    const graphs = compileGraphs(programs, { variables, target: portable });
    const runner = new GraphRunner(graphs, { ort, newState });
    const state = graphs.state.map(({ name, shape }, i) => {
      return [
        name,
        Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, k) => Math.sin(i + k)),
      ] as const;
    });
    const initial = Object.fromEntries(state);
    runner.write(initial);
    expect(await runner.read()).toEqual(initial);
    const step = async () => [...((await runner.run('step', batch(1, 4))).loss ?? [])];
    const losses = [await step(), await step(), await step()];
    const after = await runner.read();
    expect(after).not.toEqual(initial);
    expect(losses[2]).not.toEqual(losses[0]);
    runner.write(initial);
    expect([await step(), await step(), await step()]).toEqual(losses);
    expect(await runner.read()).toEqual(after);
    const [name = ''] = Object.keys(after);
    expect(Object.keys(await runner.read([name]))).toEqual([name]);
    expect(() => runner.write({ ...initial, [name]: new Float32Array(99) })).toThrow(`${name} has 99 `);
    await runner.dispose();
  });

  test('state on the device: a tensor is freed after the run that reads it, never before', async () => {
    const log: string[] = [];
    class DeviceTensor {
      readonly location: string;
      readonly data: Float32Array;
      constructor(data: Float32Array, _: readonly number[], location = 'cpu') {
        this.data = data;
        this.location = location;
      }
      get size() {
        return this.data.length;
      }
      getData = async () => this.data;
      dispose() {
        expect(this.location).toBe('gpu-buffer');
        log.push(`free ${this.data[0]}`);
      }
    }
    let options: ort.InferenceSession.SessionOptions | undefined;
    const create = async (_: Uint8Array, given: ort.InferenceSession.SessionOptions) => {
      options = given;
      return {
        inputNames: ['s', 'x'],
        outputNames: ['s:next', 'y'],
        async run({ s, x }: Record<string, DeviceTensor>, fetches: object) {
          expect(fetches).toEqual({ 's:next': null, y: null });
          await Promise.resolve();
          const [from = 0, by = 0] = [s?.data[0], x?.data[0]];
          log.push(`run ${from}`);
          const next = new DeviceTensor(Float32Array.of(from + by), [1], 'gpu-buffer');
          return { 's:next': next, y: new DeviceTensor(Float32Array.of(from), [1]) };
        },
        release: async () => log.push('release'),
      };
    };
    const runner = new GraphRunner(
      {
        programs: { step: { inputs: { x: { shape: ['N'] } }, graph: () => new Uint8Array() } },
        state: [{ name: 's', next: 's:next', shape: [1] }],
      },
      { ort: { Tensor: DeviceTensor, InferenceSession: { create } } as never, newState: 'gpu-buffer' },
    );
    runner.write({ s: Float32Array.of(5) });
    for (const x of [1, 2]) await runner.run('step', { x: Float32Array.of(x) });
    expect(options?.preferredOutputLocation).toEqual({ 's:next': 'gpu-buffer' });
    expect(await runner.read()).toEqual({ s: Float32Array.of(8) });
    runner.write({ s: Float32Array.of(1) });
    await runner.run('step', { x: Float32Array.of(1) });
    await runner.dispose();
    expect(log).toEqual(['run 5', 'run 6', 'free 6', 'free 8', 'run 1', 'free 2', 'release']);
  });

  test('its module imports nothing at run time', async () => {
    const text = await readFile(new URL('../../pipeline/tfjs-to-onnx/src/run.ts', import.meta.url), 'utf8');
    expect([...text.matchAll(/\bimport\b(?! type\b)/g)].map(({ index }) => text.slice(index, index + 60))).toEqual([
      "import('onnxruntime-common'), 'InferenceSession' | 'Tensor'>",
    ]);
  });
});
