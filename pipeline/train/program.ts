import * as tf from '@tensorflow/tfjs-core';
import { type BatchedInput, type BatchedProgram, shapeAt } from 'tfjs-to-onnx';
import type { Autoencoder, ImageBatch, ModelDefinition, ModelSize } from '../../models/kit/model.ts';
import type { Generator } from '../data/generator.ts';
import { createOptimizer } from './optimizers.ts';

/** A tfjs variable under its name in checkpoints. */
export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

type Tensors = Parameters<BatchedProgram['compute']>[0];

/** One model with its optimizer, as tfjs programs that every engine runs, eagerly or traced. */
export type TrainingProgram = ReturnType<typeof buildProgram>;
export type ProgramName = keyof TrainingProgram['programs'];

/**
 * Builds a model with its optimizer and all of its variables.
 * @throws RangeError when the model cannot be built for that size, or its `noiseShape` is unsuitable
 */
export function buildProgram(model: ModelDefinition, size: ModelSize, recipe = model.recipe.optimizer) {
  const autoencoder = model.build(size);
  const { encoder, decoder } = autoencoder;
  const weights = [...namedWeights('encoder', encoder), ...namedWeights('decoder', decoder)];
  const trained = weights.map(({ variable }) => variable);
  const optimizer = createOptimizer(recipe, trained);
  const optimizerState = optimizer.state.map((variable, i) => ({ name: `optimizer/${i}`, variable }));

  const { height, width, channels, latent: latentSize } = size;
  /** Pixels 0–255. */
  const image: BatchedInput = { shape: ['N', height, width, channels], dtype: 'int32', storage: 'uint8' };
  const latent: BatchedInput = { shape: ['N', latentSize], dtype: 'float32' };
  /** Class indices; only conditional models read them. */
  const label: BatchedInput = { shape: ['N'], dtype: 'int32' };
  const noise = noiseInput(autoencoder);
  const target = targetInput(autoencoder);
  /** The learning rate as a share of the recipe's. */
  const rate: BatchedInput = { shape: [], dtype: 'float32' };
  /** The weight of the KL divergence in the loss; only models with a KL divergence read it. */
  const klWeight: BatchedInput = { shape: [], dtype: 'float32' };

  const labelIn = (given: Tensors) => given.label as tf.Tensor1D | undefined;
  const batchOf = (given: Tensors): ImageBatch => ({
    image: tf.div(tf.cast(given.image as tf.Tensor4D, 'float32'), 255), // [N, H, W, C] in [0, 1]
    label: labelIn(given),
    target: given.target as tf.Tensor2D | undefined,
  });
  const lossesOf = (given: Tensors) => autoencoder.loss(batchOf(given), given.noise, given.klWeight as tf.Scalar);
  const latentOf = (given: Tensors) => autoencoder.encode(batchOf(given)).latent;
  const clusterOf = (given: Tensors) => {
    const { cluster } = autoencoder.encode(batchOf(given));
    if (cluster) return cluster;
    throw new Error(`${model.name} has no clusters`);
  };
  const decoded = (z: tf.Tensor, given: Tensors) => ({
    reconstruction: autoencoder.decode(z as tf.Tensor2D, labelIn(given)),
  });

  /** The losses on a batch, and their gradients by the names of the variables. */
  const gradientsOf = (given: Tensors) => differentiate(() => lossesOf(given), trained);
  /** Changes weights and optimizer state. */
  const update = (gradients: Readonly<Record<string, tf.Tensor>>, given: Tensors): void =>
    optimizer.apply(gradients, given.rate as tf.Scalar);

  return {
    model,
    size,
    autoencoder,
    gradientsOf,
    update,
    /** The weights, encoder's then decoder's; names such as `encoder/conv1/kernel`. */
    weights,
    /** The optimizer's state; names such as `optimizer/3`. */
    optimizerState,
    /** All of them by name, in this order. */
    variables: Object.fromEntries([...weights, ...optimizerState].map(({ name, variable }) => [name, variable])),
    models: { encoder, decoder },
    /** `step` trains on a batch; `evaluate` computes the same losses and changes nothing. */
    programs: {
      step: {
        inputs: { image, label, ...noise, ...target, rate, klWeight },
        compute(given) {
          const { losses, gradients } = gradientsOf(given);
          update(gradients, given);
          return losses;
        },
      },
      evaluate: {
        inputs: { image, label, ...noise, ...target, klWeight },
        compute: (given) => ({ ...lossesOf(given) }),
      },
      reconstruct: { inputs: { image, label }, compute: (given) => decoded(latentOf(given), given) },
      encode: { inputs: { image, label }, compute: (given) => ({ latent: latentOf(given) }) },
      assign: { inputs: { image, label }, compute: (given) => ({ cluster: clusterOf(given) }) },
      decode: { inputs: { latent, label }, compute: (given) => decoded(given.latent as tf.Tensor, given) },
    } satisfies Record<string, BatchedProgram>,
  };
}

/** Losses, and the gradient of `loss` by variable name. */
function differentiate(compute: () => ReturnType<Autoencoder['loss']>, variables: tf.Variable[]) {
  const kept: Record<string, tf.Tensor> = {};
  const { grads } = tf.variableGrads(() => {
    const losses = compute();
    for (const [name, loss] of Object.entries(losses)) kept[name] = tf.keep(loss); // variableGrads frees the others
    return losses.loss;
  }, variables);
  const losses = Object.entries(kept).map(([name, loss]) => [name, tf.clone(loss)]);
  tf.dispose(kept);
  return { losses: Object.fromEntries(losses) as Record<string, tf.Tensor>, gradients: grads };
}

/** Draws the standard-normal noise of a batch of `count`; undefined where the model needs none. */
export function drawNoise(program: TrainingProgram, count: number, generator: Generator): Float32Array | undefined {
  const shape = program.autoencoder.noiseShape(count);
  if (!shape) return undefined;
  const noise = new Float32Array(tf.util.sizeFromShape(shape));
  generator.fillNormal(noise);
  return noise;
}

/** The input of a model with clusters. */
const targetInput = ({ clusters }: Autoencoder): { target?: BatchedInput } =>
  clusters === undefined ? {} : { target: { shape: ['N', clusters], dtype: 'float32' } };

/** The input of a model that needs noise. @throws RangeError when a dimension is neither the batch size nor constant */
function noiseInput({ noiseShape }: Autoencoder): { noise?: BatchedInput } {
  const [two, three] = [noiseShape(2), noiseShape(3)];
  if (!two || !three) return {};
  const shape = two.map((d, axis) => (d === three[axis] ? d : 'N'));
  if (`${shapeAt(shape, 2)}` !== `${two}` || `${shapeAt(shape, 3)}` !== `${three}`) {
    throw new RangeError(
      `noiseShape(2) is [${two}] and noiseShape(3) is [${three}]; each dimension must be n itself or a constant, as in [n, 2, latent]`,
    );
  }
  return { noise: { shape, dtype: 'float32' } };
}

const namedWeights = (part: string, { layers }: Autoencoder['encoder']): NamedVariable[] =>
  layers
    .flatMap(({ weights }) => weights)
    .map((weight) => ({ name: `${part}/${weight.originalName}`, variable: weight.read() as tf.Variable }));
