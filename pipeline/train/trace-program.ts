import type * as tf from '@tensorflow/tfjs-core';
import { type InputSpec, type Tape, trace } from 'tfjs-to-onnx';
import type { TrainingProgram } from './program.ts';

/** The functions of a training program that can be traced. */
export type ProgramPart = 'step' | 'evaluate' | 'reconstruct';

/** Whether a part takes noise. */
export const takesNoise = (program: TrainingProgram, part: ProgramPart): boolean =>
  part !== 'reconstruct' && program.autoencoder.noiseShape(1) !== undefined;

/** Whether a program takes labels. */
export const takesLabels = ({ model: { conditional } }: TrainingProgram): boolean =>
  conditional.encoder || conditional.decoder;

/**
 * Traces one part of a program for batches of `n` images. Its inputs are `image` (uint8 `[n, H, W, C]`), and `label`
 * (int32 `[n]`) and `noise` where the model has them; its outputs the losses, or `reconstruction`; its
 * variables go by the names that checkpoints know.
 * @throws Error when the model uses something that cannot be part of a graph
 */
export function traceProgram(program: TrainingProgram, part: ProgramPart, n: number): Tape {
  const { height, width, channels } = program.size;
  const noise = takesNoise(program, part) ? program.autoencoder.noiseShape(n) : undefined;
  const inputs: Record<string, InputSpec> = {
    image: { shape: [n, height, width, channels], dtype: 'int32', storage: 'uint8' },
    ...(takesLabels(program) && { label: { shape: [n], dtype: 'int32' } }),
    ...(noise && { noise: { shape: noise, dtype: 'float32' } }),
  };
  const variables = part === 'step' ? [...program.weights, ...program.optimizerState] : program.weights;
  return trace(
    (given) => {
      const batch = { image: given.image as tf.Tensor4D, label: given.label as tf.Tensor1D | undefined };
      return part === 'reconstruct'
        ? { reconstruction: program.reconstruct(batch) }
        : { ...program[part](batch, given.noise) };
    },
    {
      inputs,
      variables: Object.fromEntries(variables.map(({ name, variable }) => [name, variable])),
      models: { encoder: program.autoencoder.encoder, decoder: program.autoencoder.decoder },
      strict: true,
    },
  );
}
