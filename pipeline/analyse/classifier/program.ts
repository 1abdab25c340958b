import * as tf from '@tensorflow/tfjs-core';
import { applyNetwork, type ClassifierNetwork, scaled } from './network.ts';

/** Adam's learning rate at its highest. */
const LEARNING_RATE = 4e-3;

export interface LabelledBatch {
  /** Pixels 0–255, int32 `[N, H, W, C]`. */
  readonly image: tf.Tensor;
  /** Class indices, int32 `[N]`. */
  readonly label: tf.Tensor;
  /** The learning rate as a share of the highest, a scalar in [0, 1]. */
  readonly rate: tf.Tensor;
}

/** The training of a network as a tfjs program, to be run eagerly or traced. */
export interface ClassifierProgram {
  /** The network's weights and what Adam remembers between steps. */
  readonly variables: Readonly<Record<string, tf.Variable>>;
  /** One step of Adam on the cross-entropy, whose mean over the batch before the step it returns. */
  step(batch: LabelledBatch): { readonly loss: tf.Scalar };
  /** Frees what Adam remembers; the network stays. */
  dispose(): void;
}

/** Every variable exists afterwards, so that a step can be traced at once. */
export function buildProgram(network: ClassifierNetwork): ClassifierProgram {
  const { trunk, head, size } = network;
  const weights = [...trunk.layers, ...head.layers].flatMap((layer) =>
    layer.weights.map((weight) => [weight.originalName, weight.read() as tf.Variable] as const),
  );
  const trainable = weights.map(([, variable]) => variable);
  const { optimizer, state } = createAdam(trainable);
  const loss = ({ image, label }: LabelledBatch): tf.Scalar => {
    const { logits } = applyNetwork(network, scaled(image));
    return tf.losses.softmaxCrossEntropy(tf.oneHot(label, size.classes), logits);
  };
  return {
    variables: Object.fromEntries([...weights, ...state.map((slot, i) => [`adam/${i}`, slot] as const)]),
    step: (batch) =>
      tf.tidy(() => {
        const before = trainable.map((weight) => tf.clone(weight));
        const { value, grads } = tf.variableGrads(() => loss(batch), trainable);
        optimizer.applyGradients(grads);
        // Adam's rate is a constant of the traced graph. Going a part of its way is stepping at a lower rate.
        trainable.forEach((weight, i) => {
          const start = before[i] as tf.Tensor;
          weight.assign(tf.add(start, tf.mul(tf.sub(weight, start), batch.rate)));
        });
        return { loss: value };
      }),
    dispose: () => tf.dispose(state),
  };
}

/** Makes Adam with all its variables: tfjs creates the slots on the first step, which is taken here with no gradient. */
function createAdam(weights: readonly tf.Variable[]): { optimizer: tf.Optimizer; state: tf.Variable[] } {
  const registered = () => Object.values(tf.engine().registeredVariables);
  const others = new Set(registered());
  const optimizer = tf.train.adam(LEARNING_RATE, 0.9, 0.999, 1e-8);
  const powers = registered().filter((variable) => !others.has(variable));
  tf.tidy(() => {
    const initial = powers.map((power) => tf.clone(power));
    optimizer.applyGradients(Object.fromEntries(weights.map((weight) => [weight.name, tf.zerosLike(weight)])));
    powers.forEach((power, i) => {
      power.assign(initial[i] as tf.Tensor);
    });
  });
  return { optimizer, state: registered().filter((variable) => !others.has(variable)) };
}
