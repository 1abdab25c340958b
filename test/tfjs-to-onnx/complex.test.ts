import './support/tfjs.ts';
import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { lowerTape, portable, print, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { runOnce } from './support/ort.ts';

test('complex inputs, constants and outputs are pairs of reals', async () => {
  const turn = tf.complex([0, 1], [1, 0]);
  const tape = trace(({ x }) => ({ y: tf.mul(x, turn) }), { inputs: { x: { shape: [2], dtype: 'complex64' } } });
  const graph = lowerTape(tape, portable);
  expect(graph.outputs[0]?.ref).toMatchObject({ type: 'float', shape: [2, 2] });
  const { y } = await runOnce(graph, { x: new ort.Tensor('float32', Float32Array.of(1, 2, 3, 4), [2, 2]) });
  expect([...(y?.values ?? [])]).toEqual([-2, 1, 3, 4]);
  turn.dispose();
});

test('parts that are given apart are not joined for arithmetic', () => {
  const inputs = { a: { shape: [2], dtype: 'float32' }, b: { shape: [2], dtype: 'float32' } } as const;
  const tape = trace(({ a, b }) => ({ y: tf.imag(tf.add(tf.complex(a, b), tf.complex(b, a))) }), { inputs });
  expect(print(lowerTape(tape, portable))).toMatchInlineSnapshot(`
    "graph(a: float[2], b: float[2])
      Add_1 = Add(b, a)
      return y = Add_1: float[2]"
  `);
});

// Where two complex tensors have not the same rank, tfjs's `cpu` backend reads beyond the smaller one and gives NaN.
test('complex numbers broadcast over leading axes', async () => {
  const tape = trace(({ x }) => ({ y: tf.real(tf.mul(x, tf.complex([1, 2], [0, 1]))) }), {
    inputs: { x: { shape: [2, 2], dtype: 'complex64' } },
  });
  const feeds = { x: new ort.Tensor('float32', Float32Array.of(1, 0, 1, 1, 2, 0, 2, 2), [2, 2, 2]) };
  expect([...((await runOnce(lowerTape(tape, portable), feeds)).y?.values ?? [])]).toEqual([1, 1, 2, 2]);
});
