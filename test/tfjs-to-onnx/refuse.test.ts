import './support/tfjs.ts';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Tensor, Tensor1D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, describe, expect, test } from 'vitest';
import { convertLayersModel, type TraceOptions, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';

const vector = { x: { shape: [3], dtype: 'float32' } } as const;
const image = { x: { shape: [1, 4, 4, 1], dtype: 'float32' } } as const;
type Given = { x: Tensor };
type Options = Partial<TraceOptions<{ x: { shape: readonly number[]; dtype: 'float32' } }>>;

/** The message of what tracing throws: one line. */
function refusal(program: (given: Given) => Record<string, Tensor>, options: Options = {}): string {
  try {
    trace(program, { inputs: vector, ...options });
  } catch (error) {
    const { message } = error as Error;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('nothing was refused');
}

afterEach(() => {
  expect(tf.getBackend()).toBe('cpu');
});

describe('a strict trace refuses', () => {
  const strict = { strict: true };

  test('random numbers', () => {
    expect(refusal(({ x }) => ({ y: tf.add(x, tf.randomNormal([3])) }), strict)).toMatchInlineSnapshot(
      `"a tensor [3] of numbers made during the trace would be frozen into the graph (random?); give it as an input, or as a declared variable"`,
    );
    expect(refusal(({ x }) => ({ y: tf.dropout(x, 0.5) }), strict)).toMatch(/random/);
  });

  test('a variable that is not declared', () => {
    const weight = tf.variable(tf.tensor1d([1, 2, 3]), true, 'forgotten');
    expect(refusal(({ x }) => ({ y: tf.mul(x, weight) }), strict)).toMatchInlineSnapshot(
      `"tf.mul: kernel Multiply(float32[3], float32[3]): variable forgotten is not declared and would be frozen into the graph; give it as an input, or as a declared variable"`,
    );
    expect(
      refusal(
        ({ x }) => ({
          y: tf.mul(
            tf.tidy(() => x),
            weight,
          ),
        }),
        strict,
      ),
    ).toContain('forgotten');
    weight.dispose();
  });
});

describe('any trace refuses', () => {
  test('reading values', async () => {
    expect(refusal(({ x }) => ({ y: tf.mul(x, tf.sum(x).dataSync()[0] ?? 0) }))).toMatchInlineSnapshot(
      `"the values of a traced tensor were asked for: a graph cannot depend on them; keep data(), dataSync(), array() and print() out of the traced program"`,
    );
    expect(refusal(({ x }) => ({ y: tf.tensor(x.arraySync() as number[]) }))).toContain('values of a traced tensor');
    expect(refusal(({ x }) => ({ y: tf.tensor(x.bufferSync().values) }))).toContain('values of a traced tensor');
  });

  test('a kernel that has no rule, with op and layer', () => {
    const boxes = tf.tensor2d([[0, 0, 1, 1]]);
    const crop = ({ x }: Given) => ({
      y: tf.image.cropAndResize(x as Tensor4D, boxes, tf.tensor1d([0], 'int32'), [2, 2]),
    });
    expect(refusal(crop, { inputs: image })).toMatchInlineSnapshot(
      `"tf.cropAndResize: kernel CropAndResize(float32[1,4,4,1], float32[1,4], int32[1]): it has no lowering to ONNX; rewrite the program without it, or add a rule to kernels/"`,
    );

    const model = sequential({ name: 'volumes' });
    model.add(layers.conv3dTranspose({ name: 'up', filters: 2, kernelSize: 2, inputShape: [2, 2, 2, 1] }));
    expect(() => convertLayersModel(model)).toThrow(
      /^layer volumes\/up: tf\.conv3dTranspose.*: kernel Conv3DBackpropInputV2\(.*\): it has no lowering to ONNX; .*$/,
    );
  });

  test('images with the channels first', () => {
    const filter = tf.zeros<tf.Rank.R4>([3, 3, 4, 2]);
    expect(
      refusal(({ x }) => ({ y: tf.conv2d(x as Tensor4D, filter, 1, 'same', 'NCHW') }), {
        inputs: { x: { shape: [1, 4, 4, 4], dtype: 'float32' } },
      }),
    ).toMatchInlineSnapshot(
      `"tf.conv2d: kernel Conv2D(float32[1,4,4,4], float32[3,3,4,2]): dataFormat NCHW is not lowered; use NHWC, the default of tfjs"`,
    );
  });

  test('a pad for which tfjs computes a part of the output', () => {
    const filter = tf.zeros<tf.Rank.R4>([3, 1, 1, 2]);
    expect(
      refusal(({ x }) => ({ y: tf.conv2d(x as Tensor4D, filter, [2, 1], 1) }), { inputs: image }),
    ).toMatchInlineSnapshot(
      `"tf.conv2d: kernel Conv2D(float32[1,4,4,1], float32[3,1,1,2]): tfjs computes only 2×2 of the output; give a pad for each side, not one number"`,
    );
  });

  test('tensors of strings and complex numbers', () => {
    expect(refusal(({ x }) => ({ y: x, s: tf.tensor(['a', 'b']) }))).toMatchInlineSnapshot(
      `"tensors of strings cannot be traced"`,
    );
    expect(refusal(({ x }) => ({ y: tf.real(tf.complex(x, x)) }))).toMatchInlineSnapshot(
      `"tf.complex: kernel Complex(float32[3], float32[3]): it has no lowering to ONNX; rewrite the program without it, or add a rule to kernels/"`,
    );
  });

  test('a trace within a trace', () => {
    expect(
      refusal((given) => {
        trace((inner) => inner, { inputs: vector });
        return given;
      }),
    ).toMatchInlineSnapshot(`"a trace is in progress; traces cannot be nested"`);
  });

  test('a program that is asynchronous', () => {
    expect(refusal((async ({ x }: Given) => ({ y: x })) as never)).toMatchInlineSnapshot(
      `"the traced program is asynchronous: it has to return tensors"`,
    );
  });

  test('variables that are assigned and not declared, which keep their values', () => {
    const counter = tf.variable(tf.tensor1d([1, 2, 3]), true, 'counter');
    expect(
      refusal((given) => {
        counter.assign(given.x as Tensor1D);
        return given;
      }),
    ).toMatchInlineSnapshot(`"variable counter is assigned and not declared: its new value would be lost; declare it"`);
    expect([...counter.dataSync()]).toEqual([1, 2, 3]);
    counter.assign(tf.tensor1d([4, 5, 6]));
    expect([...counter.dataSync()]).toEqual([4, 5, 6]);
    counter.dispose();
  });

  test('variables that an optimizer makes during the trace', () => {
    const weight = tf.variable(tf.tensor1d([1, 2, 3]), true, 'weight');
    const before = Object.keys(tf.engine().registeredVariables);
    const optimizer: tf.Optimizer = tf.train.momentum(0.1, 0.9);
    const step = ({ x }: Given) => {
      const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(x, weight)), [weight]);
      optimizer.applyGradients(grads);
      return { loss: value };
    };
    expect(refusal(step, { variables: { weight } })).toMatchInlineSnapshot(
      `"variable 0 was made during the trace; make it before, and declare it (an optimizer makes its own when it first applies gradients)"`,
    );
    expect(Object.keys(tf.engine().registeredVariables)).toEqual(before);
    expect([...weight.dataSync()]).toEqual([1, 2, 3]);
    weight.dispose();
  });

  test('a model with a free size other than the batch', () => {
    const model = sequential({
      name: 'free',
      layers: [layers.conv2d({ name: 'any', filters: 1, kernelSize: 1, inputShape: [null, null, 3] })],
    });
    expect(() => convertLayersModel(model)).toThrow(
      'input any_input of model free has no fixed size on axis 1; give the model a fixed inputShape',
    );
  });
});

test('outside a trace its backend says so', async () => {
  trace(({ x }) => ({ y: x }), { inputs: vector });
  await tf.setBackend('onnx');
  try {
    expect(() => tf.tensor1d([1, 2])).toThrow(
      'a tensor was made outside a trace: the backend "onnx" only records; use trace()',
    );
  } finally {
    await tf.setBackend('cpu');
  }
});

test('a trace can be the first thing that tfjs does, where it has a backend', () => {
  const code = `
    import * as tf from '@tensorflow/tfjs-core';
    import { trace } from './pipeline/tfjs-to-onnx/src/index.ts';
    const run = () => trace(({ x }) => ({ y: tf.relu(x) }), { inputs: { x: { shape: [2], dtype: 'float32' } } });
    try { run(); } catch (error) { console.log(error.message); }
    await import('@tensorflow/tfjs-backend-cpu');
    console.log(run().ops.length, tf.getBackend());`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  expect(execFileSync(process.execPath, args, { cwd, encoding: 'utf8' })).toBe(
    'TensorFlow.js has no backend yet; import one, such as @tensorflow/tfjs-backend-cpu\n1 cpu\n',
  );
});

test('a trace leaves nothing behind', () => {
  const weight = tf.variable(tf.tensor1d([1, 2, 3]));
  const step = ({ x }: Given) => {
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(tf.mul(x, weight))), [weight]);
    weight.assign(tf.sub(weight, grads[weight.name] as Tensor));
    return { loss: value };
  };
  const run = () => trace(step, { inputs: vector, variables: { weight }, strict: true });
  run();
  const { numTensors, numDataBuffers } = tf.memory();
  run();
  run();
  expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
  expect([...weight.dataSync()]).toEqual([1, 2, 3]);
});
