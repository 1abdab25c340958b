import './support/tfjs.ts';
import * as tf from '@tensorflow/tfjs-core';
import { layers, sequential } from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { cpu, lowerTape, portable, print, type Target, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';

const name = 'small';
const model = sequential({
  name: 'm',
  layers: [layers.dense({ name: 'latent', units: 2, activation: 'tanh', kernelInitializer: 'ones', inputShape: [3] })],
});

test('a dense layer', () => {
  const tape = trace(({ x }) => ({ y: model.apply(x) as tf.Tensor }), {
    inputs: { x: { shape: [4, 3], dtype: 'float32' } },
    models: { m: model },
  });
  expect(print(lowerTape(tape, portable, { name }))).toMatchInlineSnapshot(`
    "small(x: float[4,3])
      m/latent/Gemm = Gemm(x, [1,1,1,1,1,1], [0,0]) transA=0 transB=0
      m/latent/Tanh = Tanh(m/latent/Gemm)
      return y = m/latent/Tanh: float[4,2]"
  `);
});

describe('a convolution with bias and relu, and its gradients', () => {
  const inputs = {
    x: { shape: [2, 6, 6, 16], dtype: 'float32' },
    w: { shape: [3, 3, 16, 16], dtype: 'float32' },
    b: { shape: [16], dtype: 'float32' },
  } as const;
  const layer = (x: tf.Tensor, w: tf.Tensor, b: tf.Tensor) =>
    tf.relu(tf.add(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 2, 'same'), b));
  const forward = (target: Target) => {
    const tape = trace(({ x, w, b }) => ({ y: layer(x, w, b) }), { inputs });
    return print(lowerTape(tape, target, { name }));
  };

  test('in standard operators', () => {
    expect(forward(portable)).toMatchInlineSnapshot(`
      "small(x: float[2,6,6,16], w: float[3,3,16,16], b: float[16])
        Transpose = Transpose(x) perm=0,3,1,2
        Transpose_1 = Transpose(w) perm=3,2,0,1
        Conv = Conv(Transpose, Transpose_1, b) kernel_shape=3,3 strides=2,2 dilations=1,1 pads=0,0,1,1
        Relu = Relu(Conv)
        Transpose_2 = Transpose(Relu) perm=0,2,3,1
        return y = Transpose_2: float[2,3,3,16]"
    `);
  });

  test('in blocked ones', () => {
    expect(forward(cpu(16))).toMatchInlineSnapshot(`
      "small(x: float[2,6,6,16], w: float[3,3,16,16], b: float[16])
        nchwc.ReorderInput = nchwc.ReorderInput(x) channels_last=1
        Reshape_2 = Reshape(w, [16,16,3,3])
        nchwc.Conv = nchwc.Conv(nchwc.ReorderInput, Reshape_2, b) kernel_shape=3,3 strides=2,2 dilations=1,1 pads=0,0,1,1 activation=Relu
        nchwc.ReorderOutput = nchwc.ReorderOutput(nchwc.Conv) channels=16 channels_last=1
        return y = nchwc.ReorderOutput: float[2,3,3,16]"
    `);
  });

  test('backward, in standard operators', () => {
    const tape = trace(
      ({ x, w, b }) => {
        const [dx, dw, db] = tf.grads((...args: tf.Tensor[]) =>
          tf.sum(layer(...(args as [tf.Tensor, tf.Tensor, tf.Tensor]))),
        )([x, w, b]);
        return { dx, dw, db } as Record<string, tf.Tensor>;
      },
      { inputs: { ...inputs, w: { shape: [2, 1, 16, 16], dtype: 'float32' } } },
    );
    expect(print(lowerTape(tape, portable, { name }))).toMatchInlineSnapshot(`
      "small(x: float[2,6,6,16], w: float[2,1,16,16], b: float[16])
        Transpose = Transpose(x) perm=0,3,1,2
        Transpose_1 = Transpose(w) perm=3,2,0,1
        Conv = Conv(Transpose, Transpose_1, b) kernel_shape=2,1 strides=2,2 dilations=1,1 pads=0,0,0,0
        Ceil = Ceil(Conv)
        Clip = Clip(Ceil, 0, 1)
        ReduceSum = ReduceSum(Clip, [2,3]) keepdims=0
        ReduceSum_1 = ReduceSum(ReduceSum, [0]) keepdims=0
        ConvTranspose = ConvTranspose(Clip, Transpose_1) kernel_shape=2,1 strides=2,2 dilations=1,1 pads=0,0,0,0 output_padding=0,1
        Slice = Slice(x, [0,0], [5,5], [1,2], [2,2])
        Slice_1 = Slice(x, [1,0], [6,5], [1,2], [2,2])
        Concat = Concat(Slice, Slice_1) axis=3
        Reshape = Reshape(Concat, [18,32])
        Transpose_2 = Transpose(Clip) perm=0,2,3,1
        Reshape_1 = Reshape(Transpose_2, [18,16])
        Gemm = Gemm(Reshape, Reshape_1) transA=1
        Reshape_2 = Reshape(Gemm, [2,1,16,16])
        Transpose_3 = Transpose(ConvTranspose) perm=0,2,3,1
        return dx = Transpose_3: float[2,6,6,16], dw = Reshape_2: float[2,1,16,16], db = ReduceSum_1: float[16]"
    `);
  });
});

test('a training step', () => {
  const weight = tf.variable(tf.ones([3]), true, 'weight');
  const tape = trace(
    ({ x }) => {
      const { value, grads } = tf.variableGrads(() => tf.mean(tf.square(tf.sub(tf.mul(x, weight), 1))), [weight]);
      weight.assign(tf.sub(weight, tf.mul(grads[weight.name] as tf.Tensor, 0.1)));
      return { loss: value };
    },
    { inputs: { x: { shape: [3], dtype: 'float32' } }, variables: { weight } },
  );
  expect(print(lowerTape(tape, portable, { name: 'step' }))).toMatchInlineSnapshot(`
    "step(x: float[3], weight: float[3])
      Mul = Mul(x, weight)
      Sub = Sub(Mul, 1)
      Mul_1 = Mul(Sub, Sub)
      ReduceMean = ReduceMean(Mul_1) keepdims=0
      Mul_2 = Mul(Sub, 2)
      Mul_3 = Mul(0.3333333, Mul_2)
      Mul_4 = Mul(Mul_3, x)
      Mul_5 = Mul(Mul_4, 0.1)
      Sub_1 = Sub(weight, Mul_5)
      return loss = ReduceMean: float[], weight:next = Sub_1: float[3]"
  `);
});
