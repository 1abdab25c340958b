import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, test } from 'vitest';
import type { OptimizerRecipe } from '../../models/kit/model.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { adam, createOptimizer, momentum, sgd } from '../../pipeline/train/optimizers.ts';

beforeAll(() => prepareEngine('tfjs-cpu', 'auto'));

const STEPS = 200;
const shapes = [[3, 4], [4], [2, 2, 2]];

const recipes: Readonly<Record<string, [OptimizerRecipe, () => tf.Optimizer]>> = {
  adam: [{ name: 'adam', learningRate: 1e-3, epsilon: 1e-8 }, () => tf.train.adam(1e-3, 0.9, 0.999, 1e-8)],
  momentum: [{ name: 'momentum', learningRate: 0.03, momentum: 0.9 }, () => tf.train.momentum(0.03, 0.9)],
  sgd: [{ name: 'sgd', learningRate: 0.1 }, () => tf.train.sgd(0.1)],
};

const random = (name: string) => {
  const generator = Generator.of(5, name);
  return (shape: number[]) => {
    const values = new Float32Array(tf.util.sizeFromShape(shape));
    generator.fillNormal(values);
    return tf.tensor(values, shape);
  };
};

/** The values of variables, bit by bit. */
const bits = (variables: readonly tf.Tensor[]) =>
  variables.map((variable) => [...new Uint32Array((variable.dataSync() as Float32Array).slice().buffer)]);

test.each(Object.entries(recipes))(
  '%s equals tfjs in weights and state, bit for bit, after every step',
  (_, [recipe, make]) => {
    const weights = (prefix: string) =>
      shapes.map((shape, i) => tf.variable(random(`weight ${i}`)(shape), true, `${prefix}/${i}`));
    const [ours, theirs] = [weights(`${recipe.name}/ours`), weights(`${recipe.name}/theirs`)];
    const optimizer = createOptimizer(recipe, ours);
    const registered = () => Object.values(tf.engine().registeredVariables);
    const before = new Set(registered());
    const reference = make();
    const next = random('gradients');
    const { numTensors } = tf.memory();
    for (let step = 0; step < STEPS; step++) {
      tf.tidy(() => {
        // Gradients of many magnitudes, and some that are zero.
        const gradients = shapes.map((shape, i) => tf.mul(next(shape), step % 7 === i ? 0 : 10 ** ((step % 9) - 6)));
        const named = (all: tf.Variable[]) => Object.fromEntries(all.map(({ name }, i) => [name, gradients[i]]));
        optimizer.apply(named(ours) as tf.NamedTensorMap, tf.scalar(1));
        reference.applyGradients(named(theirs) as tf.NamedTensorMap);
      });
      expect(bits(ours), `step ${step}`).toEqual(bits(theirs));
      const created = registered().filter((variable) => !before.has(variable));
      expect(bits(optimizer.state), `step ${step}`).toEqual(bits(created));
    }
    const slots = optimizer.state.length;
    expect(tf.memory().numTensors - numTensors).toBe(recipe.name === 'adam' ? slots - 2 : slots); // tfjs's own slots
    tf.disposeVariables();
  },
);

test('optimizers are pure functions of their arguments', () => {
  const [weight, gradient, rate] = [tf.tensor1d([1, 2]), tf.tensor1d([0.5, -4]), tf.scalar(0.25)];
  const moved = sgd([weight], [gradient], [], rate);
  expect([...(moved.weights[0]?.dataSync() ?? [])]).toEqual([0.875, 3]);
  const pushed = momentum([weight], [gradient], [tf.tensor1d([2, 2])], rate, { momentum: 0.5 });
  expect([...(pushed.state[0]?.dataSync() ?? [])]).toEqual([1.5, -3]);
  expect([...(pushed.weights[0]?.dataSync() ?? [])]).toEqual([0.625, 2.75]);
  const state = [tf.scalar(0.9), tf.scalar(0.999), tf.zerosLike(weight), tf.zerosLike(weight)];
  // Adam's first step is the learning rate times the negative sign of the gradient.
  const stepped = adam([weight], [gradient], state, rate, { epsilon: 1e-8 });
  expect(stepped.weights[0]?.dataSync()[0]).toBeCloseTo(0.75, 5);
  expect(stepped.weights[0]?.dataSync()[1]).toBeCloseTo(2.25, 5);
  expect(stepped.state.length).toBe(state.length);
  expect([...weight.dataSync()]).toEqual([1, 2]);
});

test('a weight without a gradient stays unchanged, and the rate is a share of the recipe’s learning rate', () => {
  const weights = [tf.variable(tf.tensor1d([1, 2]), true, 'with'), tf.variable(tf.tensor1d([3, 4]), true, 'without')];
  for (const [recipe] of Object.values(recipes)) {
    const optimizer = createOptimizer(recipe, weights);
    optimizer.apply({ with: tf.tensor1d([1, 1]) }, tf.scalar(0));
    expect(weights.map((weight) => [...weight.dataSync()])).toEqual([
      [1, 2],
      [3, 4],
    ]);
    optimizer.apply({ with: tf.tensor1d([1, 1]) }, tf.scalar(0.5));
    expect([...(weights[1]?.dataSync() ?? [])]).toEqual([3, 4]);
    expect(weights[0]?.dataSync()[0]).toBeLessThan(1);
    weights[0]?.assign(tf.tensor1d([1, 2]));
  }
  tf.disposeVariables();
});
