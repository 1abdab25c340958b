import * as tf from '@tensorflow/tfjs-core';
import type { OptimizerRecipe } from '../../models/model.ts';

type Tensors = readonly tf.Tensor[];

/** New values of the weights and of the optimizer's state, in the order of the old ones. */
export interface Updated {
  readonly weights: Tensors;
  readonly state: Tensors;
}

const [BETA1, BETA2] = [0.9, 0.999];

/**
 * One step of Adam (Kingma & Ba 2015), with the float32 operations of tfjs's.
 * @param gradients one for each weight
 * @param state the powers of β₁ and β₂, then the first and second moment of each weight
 * @param rate the learning rate, a scalar
 */
export function adam(
  weights: Tensors,
  gradients: Tensors,
  state: Tensors,
  rate: tf.Tensor,
  { epsilon }: { readonly epsilon: number },
): Updated {
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
}

/**
 * One step of gradient descent with momentum, with the float32 operations of tfjs's.
 * @param state the accumulated gradient of each weight
 */
export function momentum(
  weights: Tensors,
  gradients: Tensors,
  state: Tensors,
  rate: tf.Tensor,
  { momentum }: { readonly momentum: number },
): Updated {
  const accumulated = state.map((sum, i) => tf.add(tf.mul(sum, momentum), gradients[i] as tf.Tensor));
  return { weights: sgd(weights, accumulated, [], rate).weights, state: accumulated };
}

/** One step of gradient descent, which has no state. */
export function sgd(weights: Tensors, gradients: Tensors, state: Tensors, rate: tf.Tensor): Updated {
  return { weights: weights.map((weight, i) => tf.sub(weight, tf.mul(gradients[i] as tf.Tensor, rate))), state };
}

/** The optimizer of a recipe with its variables, for some weights. */
export interface Optimizer {
  /** Its state, in the order in which tfjs's optimizers create their variables. */
  readonly state: readonly tf.Variable[];
  /**
   * Updates the weights and the state.
   * @param gradients by weight name; a weight without one stays unchanged
   * @param share the learning rate as a share of the recipe's, a scalar
   */
  apply(gradients: Readonly<Record<string, tf.Tensor>>, share: tf.Tensor): void;
}

/** Creates an optimizer in its state before the first step. */
export function createOptimizer(recipe: OptimizerRecipe, weights: readonly tf.Variable[]): Optimizer {
  const state = tf.tidy(() => {
    const powers = recipe.name === 'adam' ? [tf.scalar(BETA1), tf.scalar(BETA2)] : [];
    const slots = weights.flatMap((weight) => Array.from({ length: SLOTS[recipe.name] }, () => tf.zerosLike(weight)));
    return [...powers, ...slots].map((initial) => tf.variable(initial, false));
  });
  return {
    state,
    apply: (gradients, share) =>
      tf.tidy(() => {
        const all = weights.map((weight) => gradients[weight.name] ?? tf.zerosLike(weight));
        const updated = update(recipe, weights, all, state, tf.mul(share, recipe.learningRate));
        for (const [i, weight] of weights.entries()) weight.assign(updated.weights[i] as tf.Tensor);
        for (const [i, variable] of state.entries()) variable.assign(updated.state[i] as tf.Tensor);
      }),
  };
}

/** Variables for each weight. */
const SLOTS = { adam: 2, momentum: 1, sgd: 0 };

function update(recipe: OptimizerRecipe, ...given: [Tensors, Tensors, Tensors, tf.Tensor]): Updated {
  switch (recipe.name) {
    case 'adam':
      return adam(...given, recipe);
    case 'momentum':
      return momentum(...given, recipe);
    case 'sgd':
      return sgd(...given);
  }
}
