import './support/tfjs.ts';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { afterEach, describe, expect, test, vi } from 'vitest';
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
    const drawnOnce = ({ x }: Given) => {
      const [factor = 0] = tf.randomUniform([1], 0, 1, 'float32', 7).dataSync();
      return { y: tf.mul(x, factor) };
    };
    expect(refusal(drawnOnce, strict)).toMatch(/^tf\.randomUniform: .*\[1\] random .* as an input$/);
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
  test('random numbers, naming op and layer', () => {
    expect(refusal(({ x }) => ({ y: tf.add(x, tf.truncatedNormal([3])) }))).toMatch(
      /^tf\.truncatedNormal: .*\[3\] random .*input/,
    );
    expect(refusal(({ x }) => ({ y: tf.dropout(x, 0.5) }))).toMatch(/^tf\.dropout → randomUniform: .*random/);
    expect(refusal(({ x }) => ({ y: tf.mul(x, Math.random()) }))).toMatch(/^tf\.mul: the \[\] random .*input/);
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const seeded = ({ x }: Given) => ({ y: tf.add(x, tf.randomNormal([3], 0, 1, 'float32', 7).dataSync()) });
    expect(trace(seeded, { inputs: vector }).ops).toHaveLength(1);
    expect(warn.mock.calls).toEqual([[expect.stringMatching(/^tf\.randomNormal: .*\[3\] random/)]]);
    warn.mockRestore();
    const model = sequential({
      name: 'noisy',
      layers: [layers.gaussianNoise({ name: 'noise', stddev: 1, inputShape: [3] })],
    });
    const training = ({ x }: Given) => ({ y: model.apply(tf.reshape(x, [1, 3]), { training: true }) as Tensor });
    expect(refusal(training, { models: { noisy: model } })).toMatch(/^layer noisy\/noise: tf\.randomNormal.*random/);
  });

  test('reading values', async () => {
    expect(refusal(({ x }) => ({ y: tf.mul(x, tf.sum(x).dataSync()[0] ?? 0) }))).toMatch(/dataSync\(\)/);
    expect(refusal(({ x }) => ({ y: tf.tensor(x.arraySync() as number[]) }))).toMatch(/dataSync\(\)/);
    expect(refusal(({ x }) => ({ y: tf.tensor(x.bufferSync().values) }))).toMatch(/dataSync\(\)/);
  });

  test('a kernel without a rule, naming op and layer', () => {
    expect(refusal(({ x }) => ({ y: tf.unique(x as Tensor1D).values }))).toMatch(
      /^tf\.unique: kernel Unique\(float32\[3\]\): /,
    );

    const distinct = layers.dense({ name: 'distinct', units: 2, inputShape: [3] });
    distinct.call = (inputs) => tf.unique([inputs].flat()[0] as Tensor2D, 0).values;
    const model = sequential({ name: 'rows', layers: [distinct] });
    expect(() => convertLayersModel(model)).toThrow(/^layer rows\/distinct: tf\.unique: kernel Unique\(/);
  });

  test('depthwise convolutions of channels-first images, which tfjs takes for channels-last ones', () => {
    const filter = tf.zeros<tf.Rank.R4>([3, 3, 4, 2]);
    expect(
      refusal(({ x }) => ({ y: tf.depthwiseConv2d(x as Tensor4D, filter, 1, 'same', 'NCHW') }), {
        inputs: { x: { shape: [1, 4, 4, 4], dtype: 'float32' } },
      }),
    ).toMatch(
      /^tf\.depthwiseConv2d: kernel DepthwiseConv2dNative\(float32\[1,4,4,4\], float32\[3,3,4,2\]\): .*NCHW.*NHWC/,
    );
  });

  test('windows that do not fit', () => {
    const filter = tf.zeros<tf.Rank.R4>([7, 7, 1, 2]);
    const large = ({ x }: Given) => ({ y: tf.conv2d(x as Tensor4D, filter, 1, 'valid') });
    expect(refusal(large, { inputs: image })).toMatch(/^tf\.conv2d: kernel Conv2D.*\b7,7\b.*\b4,4\b/);
    const up = ({ x }: Given) => ({
      y: tf.conv2dTranspose(x as Tensor4D, tf.zeros([3, 3, 2, 1]), [1, 9, 9, 2], 2, 'same'),
    });
    expect(refusal(up, { inputs: image })).toMatch(/^tf\.conv2dTranspose.*\b9,9\b.*\b5,5\b.*\b4,4\b.*\boutputShape\b/);
  });

  test('an einsum of terms that have more axes than its equation', () => {
    const rows = ({ x }: Given) => ({ y: tf.einsum('i,i->i', tf.reshape(x, [1, 3]), tf.reshape(x, [1, 3])) });
    expect(refusal(rows)).toMatch(/^tf\.einsum: kernel Einsum\(float32\[1,3\], float32\[1,3\]\): i,i->i /);
  });

  test('normalizations of integers, to which tfjs gives fractions', () => {
    const whole = ({ x }: Given) => tf.cast(x, 'int32') as Tensor4D;
    const statistics = [tf.tensor1d([0.5]), tf.tensor1d([2])] as const;
    expect(refusal((given) => ({ y: tf.batchNorm(whole(given), ...statistics) }), { inputs: image })).toMatch(
      /\bFusedBatchNorm\(.*\bint32\b/,
    );
    expect(refusal((given) => ({ y: tf.localResponseNormalization(whole(given)) }), { inputs: image })).toMatch(
      /\bLRN\(.*\bint32\b/,
    );
  });

  test('tensors of strings, and complex numbers where the kernel takes none', () => {
    expect(refusal(({ x }) => ({ y: x, s: tf.tensor(['a', 'b']) }))).toMatch(/strings/);
    expect(refusal(({ x }) => ({ y: tf.exp(tf.complex(x, x)) }))).toMatch(
      /^tf\.exp: kernel Exp\(complex64\[3\]\): .*\btf\.real\b/,
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

  test('an asynchronous program', async () => {
    expect(refusal((async ({ x }: Given) => ({ y: x })) as never)).toMatch(/asynchronous/);
    const failing = async ({ x }: Given) => {
      await Promise.resolve();
      return { y: tf.relu(x) }; // after the trace: tfjs refuses, and nobody waits for it
    };
    expect(refusal(failing as never)).toMatch(/asynchronous/);
    await new Promise((done) => setImmediate(done)); // a rejection that nobody handles would fail this run
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
    expect(() => convertLayersModel(model)).toThrow(/\bany_input\b.*\bfree\b.*\baxis 1\b.*--shape\b.*--dynamic\b/);
  });
});

test('the backend refuses tensors outside a trace', async () => {
  trace(({ x }) => ({ y: x }), { inputs: vector });
  await tf.setBackend('onnx-trace');
  try {
    expect(() => tf.tensor1d([1, 2])).toThrow(/"onnx-trace".*trace\(\)/);
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
