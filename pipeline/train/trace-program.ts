import type * as tf from '@tensorflow/tfjs-core';
import { type InputSpec, type Tape, trace } from 'tfjs-to-onnx';
import type { Control, Controls, TrainingProgram } from './program.ts';

/** The functions of a training program that can be traced. */
export type ProgramPart = 'step' | 'evaluate' | 'reconstruct' | 'encode' | 'decode';

/** Whether a part takes noise. */
const takesNoise = (program: TrainingProgram, part: ProgramPart): boolean =>
  (part === 'step' || part === 'evaluate') && program.autoencoder.noiseShape(1) !== undefined;

/** The controls that a part takes. */
const controlsOf = ({ controls }: TrainingProgram, part: ProgramPart): readonly Control[] =>
  controls.filter((control) => part === 'step' || (part === 'evaluate' && control === 'klWeight'));

/** Whether a program takes labels. */
const takesLabels = ({ model: { conditional } }: TrainingProgram): boolean =>
  conditional.encoder || conditional.decoder;

/**
 * Traces one part of a program for batches of `n` images. Its inputs are `image` (uint8 `[n, H, W, C]`; `latent`, float32
 * `[n, D]`, of `decode`), and where the program has them `label` (int32 `[n]`), `noise` and the scalar controls; its outputs
 * the losses, or `reconstruction` or `latent`; its variables go by the names that checkpoints know.
 * @throws Error when the model uses something that cannot be part of a graph
 */
export function traceProgram(program: TrainingProgram, part: ProgramPart, n: number): Tape {
  const { height, width, channels, latent } = program.size;
  const noise = takesNoise(program, part) ? program.autoencoder.noiseShape(n) : undefined;
  const controls = controlsOf(program, part);
  const inputs: Record<string, InputSpec> = {
    ...(part === 'decode'
      ? { latent: { shape: [n, latent], dtype: 'float32' } }
      : { image: { shape: [n, height, width, channels], dtype: 'int32', storage: 'uint8' } }),
    ...(takesLabels(program) && { label: { shape: [n], dtype: 'int32' } }),
    ...(noise && { noise: { shape: noise, dtype: 'float32' } }),
    ...Object.fromEntries(controls.map((control) => [control, { shape: [], dtype: 'float32' }])),
  };
  const variables = part === 'step' ? [...program.weights, ...program.optimizerState] : program.weights;
  return trace((given) => compute(program, part, given), {
    inputs,
    variables: Object.fromEntries(variables.map(({ name, variable }) => [name, variable])),
    models: { encoder: program.autoencoder.encoder, decoder: program.autoencoder.decoder },
    strict: true,
  });
}

function compute(
  program: TrainingProgram,
  part: ProgramPart,
  given: Readonly<Record<string, tf.Tensor>>,
): Record<string, tf.Tensor> {
  const label = given.label as tf.Tensor1D | undefined;
  const batch = { image: given.image as tf.Tensor4D, label };
  switch (part) {
    case 'reconstruct':
      return { reconstruction: program.reconstruct(batch) };
    case 'encode':
      return { latent: program.encode(batch) };
    case 'decode':
      return { reconstruction: program.decode(given.latent as tf.Tensor2D, label) };
    default:
      return { ...program[part](batch, given.noise, given as Controls) };
  }
}
