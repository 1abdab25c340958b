import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerRecipe } from '../../models/kit/model.ts';

/**
 * One step of an optimizer, as a pure function with the float32 operations of tfjs's optimizer.
 * @param gradients one for each weight
 * @param rate the learning rate, a scalar
 * @returns the new weights and the new state, in the order of the old ones
 */
export type OptimizerStep<Options> = (
  weights: readonly tf.Tensor[],
  gradients: readonly tf.Tensor[],
  state: readonly tf.Tensor[],
  rate: tf.Tensor,
  options: Options,
) => { readonly weights: readonly tf.Tensor[]; readonly state: readonly tf.Tensor[] };

const [BETA1, BETA2] = [0.9, 0.999];

/** Adam (Kingma & Ba 2015). Its state: the powers of β₁ and β₂, then the first and second moment of each weight. */
export const adam: OptimizerStep<{ readonly epsilon: number }> = (weights, gradients, state, rate, { epsilon }) => {
  const [power1, power2, ...moments] = state as [tf.Tensor, tf.Tensor, ...tf.Tensor[]];
  const [correction1, correction2] = [tf.sub(1, power1), tf.sub(1, power2)];
  const updated = weights.map((weight, i) => {
    const [first, second] = moments.slice(2 * i) as [tf.Tensor, tf.Tensor];
    const gradient = gradients[i] as tf.Tensor;
    const m = tf.add(tf.mul(first, BETA1), tf.mul(gradient, 1 - BETA1));
    const v = tf.add(tf.mul(second, BETA2), tf.mul(tf.square(gradient), 1 - BETA2));
    const direction = tf.div(tf.div(m, correction1), tf.add(tf.sqrt(tf.div(v, correction2)), epsilon));
    return { weight: tf.sub(weight, tf.mul(direction, rate)), moments: [m, v] };
  });
  return {
    weights: updated.map(({ weight }) => weight),
    state: [tf.mul(power1, BETA1), tf.mul(power2, BETA2), ...updated.flatMap((each) => each.moments)],
  };
};

/** Gradient descent with momentum. Its state: the accumulated gradient of each weight. */
export const momentum: OptimizerStep<{ readonly momentum: number }> = (weights, gradients, state, rate, options) => {
  const sums = state.map((sum, i) => tf.add(tf.mul(sum, options.momentum), gradients[i] as tf.Tensor));
  return { weights: sgd(weights, sums, [], rate).weights, state: sums };
};

/** Gradient descent. It has no state. */
export const sgd = ((weights, gradients, state, rate) => ({
  weights: weights.map((weight, i) => tf.sub(weight, tf.mul(gradients[i] as tf.Tensor, rate))),
  state,
})) satisfies OptimizerStep<object>;

/**
 * Creates the optimizer of a recipe in its state before the first step.
 * @returns `state`, its variables, in the order in which tfjs's optimizers create theirs; and `apply`, which updates
 * weights and state by the gradients (by weight name; a weight without one stays unchanged) and a scalar, the learning
 * rate as a share of the recipe's
 */
export function createOptimizer(recipe: OptimizerRecipe, weights: readonly tf.Variable[]) {
  const step = { adam, momentum, sgd }[recipe.name] as OptimizerStep<OptimizerRecipe>;
  const slots = { adam: 2, momentum: 1, sgd: 0 }[recipe.name];
  const state = tf.tidy(() => {
    const powers = recipe.name === 'adam' ? [tf.scalar(BETA1), tf.scalar(BETA2)] : [];
    const zeros = weights.flatMap((weight) => Array.from({ length: slots }, () => tf.zerosLike(weight)));
    return [...powers, ...zeros].map((initial) => tf.variable(initial, false));
  });
  return {
    state,
    apply: (gradients: Readonly<Record<string, tf.Tensor>>, share: tf.Tensor): void =>
      tf.tidy(() => {
        const all = weights.map((weight) => gradients[weight.name] ?? tf.zerosLike(weight));
        const updated = step(weights, all, state, tf.mul(share, recipe.learningRate), recipe);
        for (const [i, weight] of weights.entries()) weight.assign(updated.weights[i] as tf.Tensor);
        for (const [i, variable] of state.entries()) variable.assign(updated.state[i] as tf.Tensor);
      }),
  };
}
