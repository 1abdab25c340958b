import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { input, type LayersModel, type layers, model, type SymbolicTensor } from '@tensorflow/tfjs-layers';

export type Layer = InstanceType<typeof layers.Layer>;

/** What an input's numbers are: any, classes 0 to 6, or sequences of which some steps are zero and so masked. */
type Kind = 'float' | 'class' | 'sequence';

export interface InputCase {
  /** Without the batch. */
  readonly shape: readonly (number | null)[];
  readonly kind?: Kind;
}

/** One layer, or a few, with one set of options. */
export interface LayerCase {
  readonly name: string;
  readonly inputs: readonly InputCase[];
  make(inputs: SymbolicTensor[]): SymbolicTensor | SymbolicTensor[];
  /** Whether the training step calls the layers with `training: true`. */
  readonly training?: boolean;
  /** tfjs itself throws. */
  readonly impossible?: 'to build' | 'to run' | 'to train';
  /** The converter refuses it, in the forward graph too or in the training step alone, with this reason. */
  readonly refused?: { readonly when: 'always' | 'to train'; readonly reason: RegExp };
  /** Layers with the same weights that do the same, where tfjs's cpu backend is wrong. */
  readonly truth?: LayerCase['make'];
  /** tfjs's cpu backend has a wrong gradient; another test has the right one. */
  readonly wrongGradient?: true;
}

type Options = Pick<LayerCase, 'training' | 'impossible' | 'refused' | 'truth' | 'wrongGradient'>;
type OneInput = InputCase | readonly (number | null)[];

const inputCase = (given: OneInput): InputCase => ('shape' in given ? given : { shape: given });

/** Layers one after the other. */
export const chain = (name: string, given: OneInput, make: () => Layer[], options: Options = {}): LayerCase => ({
  name,
  inputs: [inputCase(given)],
  make: ([x]) => make().reduce((y, layer) => layer.apply(y) as SymbolicTensor, x as SymbolicTensor),
  ...options,
});

/** A single layer. */
export const one = (name: string, given: OneInput, make: () => Layer, options: Options = {}): LayerCase =>
  chain(name, given, () => [make()], options);

/** Layers of several inputs or outputs. */
export const wired = (
  name: string,
  given: readonly OneInput[],
  make: LayerCase['make'],
  options: Options = {},
): LayerCase => ({ name, inputs: given.map(inputCase), make, ...options });

/** The model of a case, with weights that are the same each time. */
export function modelOf({ inputs, make }: LayerCase): LayersModel {
  const symbols = inputs.map(({ shape, kind }, i) =>
    input({ shape: [...shape], name: `input${i}`, dtype: kind === 'class' ? 'int32' : 'float32' }),
  );
  const built = model({ name: 'model', inputs: symbols, outputs: make(symbols) });
  built.setWeights(
    built.weights.map(({ shape, originalName }, i) => {
      // Variances are positive.
      const low = originalName.includes('variance') ? 0.2 : -0.6;
      return tf.randomUniform(shape as number[], low, 0.6, 'float32', i + 1);
    }),
  );
  return built;
}

/** The size of an input's axes that are open. */
const OPEN = 5;

export const shapeOf = ({ shape }: InputCase): number[] => shape.map((d) => d ?? OPEN);

/** A batch of an input; the same numbers each time. */
export function sample(given: InputCase, n: number, seed: number): Tensor {
  const shape = [n, ...shapeOf(given)];
  if (given.kind === 'class') {
    return tf.tidy(() => tf.cast(tf.floor(tf.randomUniform(shape, 0, 7, 'float32', seed)), 'int32'));
  }
  if (given.kind !== 'sequence') return tf.randomUniform(shape, -1, 1, 'float32', seed);
  return tf.tidy(() => {
    const values = tf.randomUniform(shape, -1, 1, 'float32', seed);
    const kept = tf.greater(tf.randomUniform(shape.slice(0, 2), 0, 1, 'float32', seed + 1), 0.4);
    return tf.mul(values, tf.reshape(kept, [...shape.slice(0, 2), ...shape.slice(2).map(() => 1)]));
  });
}
