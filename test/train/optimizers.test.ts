import * as tf from '@tensorflow/tfjs-core';
import { lowerTape, portable, trace } from 'tfjs-to-onnx';
import { beforeAll, expect, test } from 'vitest';
import type { OptimizerRecipe } from '../../models/kit/model.ts';
import { Generator } from '../../pipeline/data/generator.ts';
import { layoutOf } from '../../pipeline/tfjs-to-onnx/src/state.ts';
import { prepareEngine } from '../../pipeline/train/engines/index.ts';
import { adam, clipped, createOptimizer, momentum, rmsprop, sgd } from '../../pipeline/train/optimizers.ts';

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

/** AdamW in scalars, as PyTorch's documentation writes it. */
function adamwByHand(
  weight: number,
  gradients: readonly number[],
  rate: number,
  decay: number,
  epsilon: number,
): number {
  let [w, m, v] = [weight, 0, 0];
  for (const [t, g] of gradients.entries()) {
    w -= rate * decay * w;
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    w -= (rate * (m / (1 - 0.9 ** (t + 1)))) / (Math.sqrt(v / (1 - 0.999 ** (t + 1))) + epsilon);
  }
  return w;
}

/** The weights after steps on the given gradients, the same for each element. */
function trained(recipe: OptimizerRecipe, weights: tf.Variable[], gradients: readonly number[]): number[][] {
  const optimizer = createOptimizer(recipe, weights);
  for (const gradient of gradients) {
    const named = weights.map((weight) => [weight.name, tf.fill(weight.shape, gradient)] as const);
    optimizer.apply(Object.fromEntries(named), tf.scalar(1));
  }
  return weights.map((weight) => [...weight.dataSync()]);
}

const kernelAndBias = () => [tf.variable(tf.fill([2, 1], 3)), tf.variable(tf.fill([2], 3))];

test('adamw lets kernels decay apart from the gradient, and biases not', () => {
  const gradients = [0.5, -2, 0.25, 0];
  const recipe = { name: 'adamw', learningRate: 0.1, epsilon: 1e-8, weightDecay: 0.2 } as const;
  const [kernel, bias] = trained(recipe, kernelAndBias(), gradients);
  for (const value of kernel ?? []) expect(value).toBeCloseTo(adamwByHand(3, gradients, 0.1, 0.2, 1e-8), 5);
  for (const value of bias ?? []) expect(value).toBeCloseTo(adamwByHand(3, gradients, 0.1, 0, 1e-8), 5);
  expect(trained({ ...recipe, name: 'adam' }, kernelAndBias(), gradients)).toEqual([kernel, bias]);
});

test('without decay and clipping, or with gradients below the norm, adam is adam bit for bit', () => {
  const recipe = { name: 'adam', learningRate: 0.1, epsilon: 1e-8 } as const;
  const plain = trained(recipe, kernelAndBias(), [0.5, -2]);
  expect(trained({ ...recipe, weightDecay: 0 }, kernelAndBias(), [0.5, -2])).toEqual(plain);
  expect(trained({ ...recipe, clipNorm: 1e6 }, kernelAndBias(), [0.5, -2])).toEqual(plain);
});

test('rmsprop divides by the root of the mean square', () => {
  const [weight, gradient, rate] = [tf.tensor1d([1, 1]), tf.tensor1d([0.5, -4]), tf.scalar(0.1)];
  const stepped = rmsprop([weight], [gradient], [tf.tensor1d([0, 4])], rate, { decay: 0.99, epsilon: 1e-8 });
  // 0.01 · 0.25 = 0.0025, whose root is 0.05; 0.99 · 4 + 0.01 · 16 = 4.12.
  expect(stepped.state[0]?.dataSync()[0]).toBeCloseTo(0.0025, 8);
  expect(stepped.weights[0]?.dataSync()[0]).toBeCloseTo(0, 6);
  expect(stepped.weights[0]?.dataSync()[1]).toBeCloseTo(1 + 0.4 / Math.sqrt(4.12), 6);
});

test('gradients are scaled to a common norm', () => {
  const values = (most: number) => clipped([tf.tensor1d([3, 0]), tf.scalar(4)], most).map((g) => [...g.dataSync()]);
  const [a, b] = values(1);
  expect(a?.[0]).toBeCloseTo(0.6, 6);
  expect(b?.[0]).toBeCloseTo(0.8, 6);
  expect(values(6)).toEqual([[3, 0], [4]]);
});

test.each([
  { name: 'adamw', learningRate: 0.01, epsilon: 1e-8, weightDecay: 0.5 },
  { name: 'rmsprop', learningRate: 0.01, decay: 0.9, epsilon: 1e-8 },
] as const)('$name is computed by as many nodes for 40 kernels as for 3', (recipe) => {
  const nodes = (count: number) => {
    const weights = Array.from({ length: count }, (_, i) => tf.variable(tf.ones([i + 2, 2])));
    const optimizer = createOptimizer(recipe, weights);
    const named = [...weights, ...optimizer.state].map((variable, i) => [`v${i}`, variable] as const);
    const tape = trace(
      (gradients) => {
        const byName = weights.map(({ name }, i) => [name, gradients[`g${i}`] as tf.Tensor]);
        optimizer.apply(Object.fromEntries(byName), tf.scalar(1));
        return {};
      },
      {
        inputs: Object.fromEntries(weights.map(({ shape }, i) => [`g${i}`, { shape, dtype: 'float32' as const }])),
        variables: Object.fromEntries(named),
        strict: true,
      },
    );
    const { nodes } = lowerTape(tape, portable, { layout: layoutOf(tape, portable) });
    return nodes.map(({ op }) => op).filter((op) => op !== 'Reshape'); // gradients are flattened one by one
  };
  expect(nodes(40)).toEqual(nodes(3));
});
