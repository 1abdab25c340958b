import './support/tfjs.ts';
import * as tf from '@tensorflow/tfjs-core';
import { expect, test } from 'vitest';
import { cpu, type Graph, lowerTape, portable, trace } from '../../pipeline/tfjs-to-onnx/src/index.ts';
import { layoutOf } from '../../pipeline/tfjs-to-onnx/src/state.ts';
import { withState } from './support/step.ts';

const optimizers: Readonly<Record<string, () => tf.Optimizer>> = {
  adam: () => tf.train.adam(1e-3),
  adadelta: () => tf.train.adadelta(),
  adagrad: () => tf.train.adagrad(1e-2),
  momentum: () => tf.train.momentum(0.1, 0.9),
  rmsprop: () => tf.train.rmsprop(1e-3),
  sgd: () => tf.train.sgd(0.1),
};

/** One step on `count` weights of different lengths, whose gradients are inputs. */
function stepOn(count: number, make: () => tf.Optimizer): { graph: Graph; buffers: number } {
  const weights = Array.from({ length: count }, (_, i) =>
    tf.variable(tf.ones([i + 2]), true, `w${count}/${make}/${i}`),
  );
  const [optimizer, state] = withState(make, weights);
  const named = [...weights, ...state].map((variable, i) => [`v${i}`, variable] as const);
  const tape = trace(
    (gradients) => {
      optimizer.applyGradients(
        Object.fromEntries(weights.map(({ name }, i) => [name, gradients[`g${i}`] as tf.Tensor])),
      );
      return {};
    },
    {
      inputs: Object.fromEntries(weights.map(({ shape }, i) => [`g${i}`, { shape, dtype: 'float32' as const }])),
      variables: Object.fromEntries(named),
      strict: true,
    },
  );
  const layout = layoutOf(tape, portable);
  const graph = lowerTape(tape, portable, { layout });
  expect(lowerTape(tape, cpu(16), { layout: layoutOf(tape, cpu(16)) }).nodes.length).toBe(graph.nodes.length);
  tf.dispose([...weights, ...state]);
  return { graph, buffers: layout.length };
}

test.each(Object.entries(optimizers))('%s: as many nodes for 40 weights as for 3', (_, make) => {
  const [few, many] = [stepOn(3, make), stepOn(40, make)];
  expect(many.graph.nodes.map(({ op }) => op)).toEqual(few.graph.nodes.map(({ op }) => op));
  expect(many.buffers).toBe(few.buffers);
});

test('weights that the program uses after their update are updated one by one', () => {
  const weights = [0, 1].map((i) => tf.variable(tf.ones([3]), true, `used${i}`));
  const tape = trace(
    ({ g }) => {
      for (const weight of weights) weight.assign(tf.sub(weight, tf.mul(g, 0.1)));
      return { sum: tf.sum(tf.add(...(weights as [tf.Variable, tf.Variable]))) };
    },
    {
      inputs: { g: { shape: [3], dtype: 'float32' } },
      variables: { a: weights[0] as tf.Variable, b: weights[1] as tf.Variable },
    },
  );
  expect(layoutOf(tape, portable).map(({ name }) => name)).toEqual(['a', 'b']);
  tf.dispose(weights);
});
