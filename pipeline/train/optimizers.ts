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

/**
 * RMSprop (Tieleman & Hinton 2012) in PyTorch's form, with epsilon outside the root. Its state: the mean squared gradient of
 * each weight.
 */
export const rmsprop: OptimizerStep<{ readonly decay: number; readonly epsilon: number }> = (
  weights,
  gradients,
  state,
  rate,
  { decay, epsilon },
) => {
  const squares = state.map((square, i) =>
    tf.add(tf.mul(square, decay), tf.mul(tf.square(gradients[i] as tf.Tensor), 1 - decay)),
  );
  const directions = squares.map((square, i) => tf.div(gradients[i] as tf.Tensor, tf.add(tf.sqrt(square), epsilon)));
  return { weights: sgd(weights, directions, [], rate).weights, state: squares };
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
 * Gradients, scaled down where their common norm √Σg² is above `most`: by most / (norm + 10⁻⁶), as PyTorch's
 * `clip_grad_norm_`.
 */
export function clipped(gradients: readonly tf.Tensor[], most: number): readonly tf.Tensor[] {
  const norm = tf.sqrt(tf.addN(gradients.map((gradient) => tf.sum(tf.square(gradient)))));
  const scale = tf.minimum(1, tf.div(most, tf.add(norm, 1e-6)));
  return gradients.map((gradient) => tf.mul(gradient, scale));
}

/**
 * Weights after decoupled decay (Loshchilov & Hutter 2019): kernels times 1 − rate × decay. What has one axis, biases and the
 * scales and offsets of norms, stays.
 */
function decayed(weights: readonly tf.Tensor[], rate: tf.Tensor, decay: number): readonly tf.Tensor[] {
  const kept = tf.sub(1, tf.mul(rate, decay));
  return weights.map((weight) => (weight.rank > 1 ? tf.mul(weight, kept) : weight));
}

/**
 * Creates the optimizer of a recipe in its state before the first step.
 * @returns `state`, its variables, in the order in which tfjs's optimizers create theirs; and `apply`, which updates
 * weights and state by the gradients (by weight name; a weight without one stays unchanged) and a scalar, the learning
 * rate as a share of the recipe's
 */
export function createOptimizer(recipe: OptimizerRecipe, weights: readonly tf.Variable[]) {
  const { learningRate, weightDecay, clipNorm } = recipe;
  const step = { adam, adamw: adam, momentum, sgd, rmsprop }[recipe.name] as OptimizerStep<OptimizerRecipe>;
  const slots = { adam: 2, adamw: 2, momentum: 1, sgd: 0, rmsprop: 1 }[recipe.name];
  const state = tf.tidy(() => {
    const powers = slots === 2 ? [tf.scalar(BETA1), tf.scalar(BETA2)] : [];
    const zeros = weights.flatMap((weight) => Array.from({ length: slots }, () => tf.zerosLike(weight)));
    return [...powers, ...zeros].map((initial) => tf.variable(initial, false));
  });
  return {
    state,
    apply: (gradients: Readonly<Record<string, tf.Tensor>>, share: tf.Tensor): void =>
      tf.tidy(() => {
        const all = weights.map((weight) => gradients[weight.name] ?? tf.zerosLike(weight));
        const rate = tf.mul(share, learningRate);
        const before = weightDecay ? decayed(weights, rate, weightDecay) : weights;
        const updated = step(before, clipNorm ? clipped(all, clipNorm) : all, state, rate, recipe);
        for (const [i, weight] of weights.entries()) weight.assign(updated.weights[i] as tf.Tensor);
        for (const [i, variable] of state.entries()) variable.assign(updated.state[i] as tf.Tensor);
      }),
  };
}
