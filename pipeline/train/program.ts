import * as tf from '@tensorflow/tfjs-core';
import { type BatchedInput, type BatchedProgram, type ProgramContext, shapeAt } from 'tfjs-to-onnx';
import type { Autoencoder, ImageBatch, ModelDefinition, ModelSize, OptimizerRecipe } from '../../models/model.ts';
import { createOptimizer, type Optimizer } from './optimizers.ts';

/** A tfjs variable under its name in checkpoints. */
export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** `step` trains on a batch; `evaluate` computes the same losses and changes nothing. */
export type ProgramName = 'step' | 'evaluate' | 'reconstruct' | 'encode' | 'decode';

/** One model with its optimizer, as tfjs programs that every engine runs, eagerly or traced. */
export interface TrainingProgram {
  readonly model: ModelDefinition;
  readonly size: ModelSize;
  readonly autoencoder: Autoencoder;
  /** The weights, encoder's then decoder's; names such as `encoder/conv1/kernel`. */
  readonly weights: readonly NamedVariable[];
  /** What the optimizer remembers between steps; names such as `optimizer/3`. */
  readonly optimizerState: readonly NamedVariable[];
  readonly programs: { readonly [name in ProgramName]: BatchedProgram };
}

/**
 * Builds a model with its optimizer and all of its variables.
 * @throws RangeError when the model cannot be built for that size, or its noise has another shape than programs can take
 */
export function buildProgram(
  model: ModelDefinition,
  size: ModelSize,
  recipe: OptimizerRecipe = model.recipe.optimizer,
): TrainingProgram {
  const autoencoder = model.build(size);
  const weights = [...namedWeights('encoder', autoencoder.encoder), ...namedWeights('decoder', autoencoder.decoder)];
  const trained = weights.map(({ variable }) => variable);
  const optimizer = createOptimizer(recipe, trained);
  return {
    model,
    size,
    autoencoder,
    weights,
    optimizerState: optimizer.state.map((variable, i) => ({ name: `optimizer/${i}`, variable })),
    programs: programsOf(autoencoder, size, trained, optimizer),
  };
}

/** The variables and models of a program, as tracing needs them. */
export const contextOf = ({ weights, optimizerState, autoencoder }: TrainingProgram): ProgramContext => ({
  variables: Object.fromEntries([...weights, ...optimizerState].map(({ name, variable }) => [name, variable])),
  models: { encoder: autoencoder.encoder, decoder: autoencoder.decoder },
});

/** What programs take, by input name; a model need not use all of it. */
interface Inputs {
  /** Pixels 0–255, int32 `[N, H, W, C]`. */
  readonly image: tf.Tensor4D;
  /** Latents, float32 `[N, D]`. */
  readonly latent: tf.Tensor2D;
  /** Class indices, int32 `[N]`. */
  readonly label?: tf.Tensor1D;
  /** Standard-normal noise, float32, in the model's noise shape. */
  readonly noise?: tf.Tensor;
  /** The learning rate as a share of the recipe's. */
  readonly rate: tf.Scalar;
  /** The weight of the KL divergence in the loss. */
  readonly klWeight: tf.Scalar;
}

function programsOf(
  autoencoder: Autoencoder,
  size: ModelSize,
  weights: tf.Variable[],
  optimizer: Optimizer,
): TrainingProgram['programs'] {
  const image: BatchedInput = {
    shape: ['N', size.height, size.width, size.channels],
    dtype: 'int32',
    storage: 'uint8',
  };
  const latent: BatchedInput = { shape: ['N', size.latent], dtype: 'float32' };
  const label: BatchedInput = { shape: ['N'], dtype: 'int32' };
  const scalar: BatchedInput = { shape: [], dtype: 'float32' };
  const noise = noiseInput(autoencoder);

  const program = (
    inputs: BatchedProgram['inputs'],
    compute: (given: Inputs) => Record<string, tf.Tensor>,
  ): BatchedProgram => ({ inputs, compute: (given) => tf.tidy(() => compute(given as unknown as Inputs)) });
  const scaled = (given: Inputs): ImageBatch => ({
    image: tf.div(tf.cast(given.image, 'float32'), 255), // [N, H, W, C] in [0, 1]
    label: given.label,
  });
  const lossesOf = (given: Inputs) => ({ ...autoencoder.loss(scaled(given), given.noise, given.klWeight) });

  return {
    step: program({ image, label, ...noise, rate: scalar, klWeight: scalar }, (given) => {
      let kept: Record<string, tf.Scalar> = {};
      const { grads } = tf.variableGrads(() => {
        const losses = lossesOf(given);
        kept = losses;
        for (const loss of Object.values(kept)) tf.keep(loss); // from the tidying of variableGrads
        return losses.loss;
      }, weights);
      optimizer.apply(grads, given.rate);
      const losses = Object.entries(kept).map(([name, loss]) => [name, tf.clone(loss)]);
      tf.dispose(kept);
      return Object.fromEntries(losses);
    }),
    evaluate: program({ image, label, ...noise, klWeight: scalar }, lossesOf),
    reconstruct: program({ image, label }, (given) => {
      const batch = scaled(given);
      return { reconstruction: autoencoder.decode(autoencoder.encode(batch).latent, batch.label) };
    }),
    encode: program({ image, label }, (given) => ({ latent: autoencoder.encode(scaled(given)).latent })),
    decode: program({ latent, label }, (given) => ({ reconstruction: autoencoder.decode(given.latent, given.label) })),
  };
}

/** The input of a model that needs noise. */
function noiseInput({ noiseShape }: Autoencoder): { noise?: BatchedInput } {
  const [two, three] = [noiseShape(2), noiseShape(3)];
  if (!two || !three) return {};
  const shape = two.map((d, axis) => (d === three[axis] ? d : 'N'));
  if (`${shapeAt(shape, 2)}` !== `${two}` || `${shapeAt(shape, 3)}` !== `${three}`) {
    throw new RangeError(`noiseShape(2) is [${two}] and noiseShape(3) [${three}]; a dimension must be n or constant`);
  }
  return { noise: { shape, dtype: 'float32' } };
}

function namedWeights(part: string, model: Autoencoder['encoder']): NamedVariable[] {
  return model.layers.flatMap((layer) =>
    layer.weights.map((weight) => ({
      name: `${part}/${weight.originalName}`,
      variable: weight.read() as tf.Variable,
    })),
  );
}
