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
    expect(refusal(({ x }) => ({ y: tf.add(x, tf.randomNormal([3])) }), strict)).toMatch(/\[3\].*random/);
    expect(refusal(({ x }) => ({ y: tf.dropout(x, 0.5) }), strict)).toMatch(/random/);
  });

  test('an undeclared variable', () => {
    const weight = tf.variable(tf.tensor1d([1, 2, 3]), true, 'forgotten');
    expect(refusal(({ x }) => ({ y: tf.mul(x, weight) }), strict)).toMatch(
      /^tf\.mul: kernel Multiply\(float32\[3\], float32\[3\]\): .*\bforgotten\b/,
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
    expect(refusal(({ x }) => ({ y: tf.mul(x, tf.sum(x).dataSync()[0] ?? 0) }))).toMatch(/dataSync\(\)/);
    expect(refusal(({ x }) => ({ y: tf.tensor(x.arraySync() as number[]) }))).toMatch(/dataSync\(\)/);
    expect(refusal(({ x }) => ({ y: tf.tensor(x.bufferSync().values) }))).toMatch(/dataSync\(\)/);
  });

  test('a kernel without a rule, naming op and layer', () => {
    const boxes = tf.tensor2d([[0, 0, 1, 1]]);
    const crop = ({ x }: Given) => ({
      y: tf.image.cropAndResize(x as Tensor4D, boxes, tf.tensor1d([0], 'int32'), [2, 2]),
    });
    expect(refusal(crop, { inputs: image })).toMatch(
      /^tf\.cropAndResize: kernel CropAndResize\(float32\[1,4,4,1\], float32\[1,4\], int32\[1\]\): /,
    );

    const model = sequential({ name: 'volumes' });
    model.add(layers.conv3dTranspose({ name: 'up', filters: 2, kernelSize: 2, inputShape: [2, 2, 2, 1] }));
    expect(() => convertLayersModel(model)).toThrow(
      /^layer volumes\/up: tf\.conv3dTranspose.*: kernel Conv3DBackpropInputV2\(/,
    );
  });

  test('channels-first images', () => {
    const filter = tf.zeros<tf.Rank.R4>([3, 3, 4, 2]);
    expect(
      refusal(({ x }) => ({ y: tf.conv2d(x as Tensor4D, filter, 1, 'same', 'NCHW') }), {
        inputs: { x: { shape: [1, 4, 4, 4], dtype: 'float32' } },
      }),
    ).toMatch(/^tf\.conv2d: kernel Conv2D\(float32\[1,4,4,4\], float32\[3,3,4,2\]\): .*NCHW.*NHWC/);
  });

  test('a pad for which tfjs computes only part of the output', () => {
    const filter = tf.zeros<tf.Rank.R4>([3, 1, 1, 2]);
    expect(refusal(({ x }) => ({ y: tf.conv2d(x as Tensor4D, filter, [2, 1], 1) }), { inputs: image })).toMatch(
      /^tf\.conv2d: kernel Conv2D\(float32\[1,4,4,1\], float32\[3,1,1,2\]\): .*\b2×2\b.*\bpad\b/,
    );
  });

  test('tensors of strings and complex numbers', () => {
    expect(refusal(({ x }) => ({ y: x, s: tf.tensor(['a', 'b']) }))).toMatch(/strings/);
    expect(refusal(({ x }) => ({ y: tf.real(tf.complex(x, x)) }))).toMatch(
      /^tf\.complex: kernel Complex\(float32\[3\], float32\[3\]\): /,
    );
  });

  test('a trace within a trace', () => {
    expect(
      refusal((given) => {
        trace((inner) => inner, { inputs: vector });
        return given;
      }),
    ).toMatch(/nested/);
  });

  test('an asynchronous program', () => {
    expect(refusal((async ({ x }: Given) => ({ y: x })) as never)).toMatch(/asynchronous/);
  });

  test('undeclared variables that are assigned, and restores them', () => {
    const counter = tf.variable(tf.tensor1d([1, 2, 3]), true, 'counter');
    expect(
      refusal((given) => {
        counter.assign(given.x as Tensor1D);
        return given;
      }),
    ).toMatch(/\bcounter\b.*\bdeclare\b/);
    expect([...counter.dataSync()]).toEqual([1, 2, 3]);
    counter.assign(tf.tensor1d([4, 5, 6]));
    expect([...counter.dataSync()]).toEqual([4, 5, 6]);
    counter.dispose();
  });

  test('variables that an optimizer creates during the trace', () => {
    const weight = tf.variable(tf.tensor1d([1, 2, 3]), true, 'weight');
    const before = Object.keys(tf.engine().registeredVariables);
    const optimizer: tf.Optimizer = tf.train.momentum(0.1, 0.9);
    const step = ({ x }: Given) => {
      const { value, grads } = tf.variableGrads(() => tf.sum(tf.mul(x, weight)), [weight]);
      optimizer.applyGradients(grads);
      return { loss: value };
    };
    expect(refusal(step, { variables: { weight } })).toMatch(/\bvariable 0\b.*\bdeclare\b.*\boptimizer\b/);
    expect(Object.keys(tf.engine().registeredVariables)).toEqual(before);
    expect([...weight.dataSync()]).toEqual([1, 2, 3]);
    weight.dispose();
  });

  test('a model with a free size other than the batch', () => {
    const model = sequential({
      name: 'free',
      layers: [layers.conv2d({ name: 'any', filters: 1, kernelSize: 1, inputShape: [null, null, 3] })],
    });
    expect(() => convertLayersModel(model)).toThrow(/\bany_input\b.*\bfree\b.*\baxis 1\b.*\binputShape\b/);
  });
});

test('the backend refuses tensors outside a trace', async () => {
  trace(({ x }) => ({ y: x }), { inputs: vector });
  await tf.setBackend('onnx');
  try {
    expect(() => tf.tensor1d([1, 2])).toThrow(/"onnx".*trace\(\)/);
  } finally {
    await tf.setBackend('cpu');
  }
});

test('a trace can be the first use of tfjs if a backend is registered', () => {
  const code = `
    import * as tf from '@tensorflow/tfjs-core';
    import { trace } from './pipeline/tfjs-to-onnx/src/index.ts';
    const run = () => trace(({ x }) => ({ y: tf.relu(x) }), { inputs: { x: { shape: [2], dtype: 'float32' } } });
    try { run(); } catch (error) { console.log(error.message); }
    await import('@tensorflow/tfjs-backend-cpu');
    console.log(run().ops.length, tf.getBackend());`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const output = execFileSync(process.execPath, args, { cwd, encoding: 'utf8' });
  expect(output).toMatch(/^.*@tensorflow\/tfjs-backend-cpu\n1 cpu\n$/);
});

test('a trace leaks no tensors', () => {
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
