import * as tf from '@tensorflow/tfjs-core';
import type { Autoencoder, Losses, ModelDefinition, ModelSize, OptimizerRecipe } from '../../models/kit/model.ts';

/** A tfjs variable under the name that checkpoints know it by. */
export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** A batch as the loop has it: raw pixels. */
export interface PixelBatch {
  /** Pixels 0–255, int32 `[N, H, W, C]`. */
  readonly image: tf.Tensor4D;
  /** Class indices, int32 `[N]`. */
  readonly label?: tf.Tensor1D | undefined;
}

/** What a step can be told anew each time: the learning rate, as a share of the optimizer's, and the KL's weight. */
export type Control = 'rate' | 'klWeight';

/** One model with its optimizer: the tfjs program that every engine runs, eagerly or traced. */
export interface TrainingProgram {
  readonly model: ModelDefinition;
  readonly size: ModelSize;
  readonly autoencoder: Autoencoder;
  /** The weights, encoder's then decoder's; names such as `encoder/conv1/kernel`. */
  readonly weights: readonly NamedVariable[];
  /** What the optimizer remembers between steps; names such as `optimizer/3`. */
  readonly optimizerState: readonly NamedVariable[];
  /** The controls that its steps take. */
  readonly controls: readonly Control[];
  /** One training step: computes the loss on the batch and updates the variables. */
  step(batch: PixelBatch, noise: tf.Tensor | undefined, controls?: Controls): Losses;
  /** The losses on a batch, changing nothing. */
  evaluate(batch: PixelBatch, noise: tf.Tensor | undefined, controls?: Controls): Losses;
  /** Reconstructions at the mean of the code, in [0, 1], `[N, H, W, C]`. */
  reconstruct(batch: PixelBatch): tf.Tensor4D;
  /** The code of each image (a VAE's mean), `[N, D]`. */
  encode(batch: PixelBatch): tf.Tensor2D;
  /** Images in [0, 1], `[N, H, W, C]`, from codes `[N, D]`. */
  decode(latent: tf.Tensor2D, label: tf.Tensor1D | undefined): tf.Tensor4D;
}

export type Controls = { readonly [name in Control]?: tf.Scalar };

/**
 * Builds a model with its optimizer. Every variable that training changes exists afterwards, so that a step can be
 * traced at once.
 * @throws RangeError when the model cannot be built for that size
 */
export function buildProgram(
  model: ModelDefinition,
  size: ModelSize,
  recipe: OptimizerRecipe = model.recipe.optimizer,
  controls: readonly Control[] = [],
): TrainingProgram {
  const autoencoder = model.build(size);
  const weights = [...namedWeights('encoder', autoencoder.encoder), ...namedWeights('decoder', autoencoder.decoder)];
  const trainable = weights.map(({ variable }) => variable);
  const { optimizer, state } = createOptimizer(recipe, trainable);
  const scaled = ({ image, label }: PixelBatch) => ({
    image: tf.div(tf.cast(image, 'float32'), 255) as tf.Tensor4D, // [N, H, W, C] in [0, 1]
    label,
  });
  const evaluate = (batch: PixelBatch, noise: tf.Tensor | undefined, { klWeight }: Controls = {}): Losses =>
    tf.tidy(() => ({ ...autoencoder.loss(scaled(batch), noise, klWeight) }));
  return {
    model,
    size,
    autoencoder,
    weights,
    optimizerState: state.map((variable, i) => ({ name: `optimizer/${i}`, variable })),
    controls,
    evaluate,
    step: (batch, noise, { rate, klWeight } = {}) =>
      tf.tidy(() => {
        let losses: Losses | undefined;
        const { grads } = tf.variableGrads(() => {
          losses = autoencoder.loss(scaled(batch), noise, klWeight);
          for (const loss of Object.values(losses)) tf.keep(loss);
          return losses.loss;
        }, trainable);
        const before = rate && trainable.map((variable) => tf.clone(variable));
        optimizer.applyGradients(grads);
        // Each of these optimizers moves weights in proportion to its learning rate, which tfjs takes as a number.
        before?.forEach((old, i) => {
          const variable = trainable[i] as tf.Variable;
          variable.assign(tf.add(old, tf.mul(tf.sub(variable, old), rate as tf.Scalar)));
        });
        // Kept above because `variableGrads` tidies; clones hand them to the caller's own tidy.
        const kept = losses as Losses;
        const out = Object.fromEntries(Object.entries(kept).map(([name, loss]) => [name, tf.clone(loss)]));
        tf.dispose(Object.values(kept));
        return out as unknown as Losses;
      }),
    reconstruct: (batch) =>
      tf.tidy(() => {
        const { image, label } = scaled(batch);
        return autoencoder.decode(autoencoder.encode({ image, label }).latent, label);
      }),
    encode: (batch) => tf.tidy(() => autoencoder.encode(scaled(batch)).latent),
    decode: (latent, label) => tf.tidy(() => autoencoder.decode(latent, label)),
  };
}

function namedWeights(part: string, model: Autoencoder['encoder']): NamedVariable[] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((weight) => ({
      name: `${part}/${weight.originalName}`,
      variable: weight.read() as tf.Variable,
    })),
  );
}

/**
 * Creates an optimizer together with all of its variables. tfjs creates the slots on the first `applyGradients`, so
 * that is called once with zero gradients, which leaves every slot at its initial value and every weight unchanged;
 * what it did to the variables of the constructor (Adam's beta powers) is undone.
 */
function createOptimizer(
  recipe: OptimizerRecipe,
  weights: readonly tf.Variable[],
): { optimizer: tf.Optimizer; state: tf.Variable[] } {
  const registered = () => Object.values(tf.engine().registeredVariables);
  const before = new Set(registered());
  const optimizer = newOptimizer(recipe);
  const own = registered().filter((variable) => !before.has(variable));
  const initial = own.map((variable) => tf.clone(variable));
  tf.tidy(() => {
    optimizer.applyGradients(Object.fromEntries(weights.map((weight) => [weight.name, tf.zerosLike(weight)])));
  });
  own.forEach((variable, i) => {
    variable.assign(initial[i] as tf.Tensor);
  });
  tf.dispose(initial);
  return { optimizer, state: registered().filter((variable) => !before.has(variable)) };
}

function newOptimizer(recipe: OptimizerRecipe): tf.Optimizer {
  switch (recipe.name) {
    case 'adam':
      return tf.train.adam(recipe.learningRate, 0.9, 0.999, recipe.epsilon);
    case 'momentum':
      return tf.train.momentum(recipe.learningRate, recipe.momentum);
    case 'sgd':
      return tf.train.sgd(recipe.learningRate);
  }
}
