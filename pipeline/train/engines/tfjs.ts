import * as tf from '@tensorflow/tfjs-core';
import { bytesPerImage } from '../../data/dataset.ts';
import type { Engine, HostBatch, Metrics } from '../engine.ts';
import type { Control, Controls, PixelBatch, TrainingProgram } from '../program.ts';
import { loadTensorFlow } from './tensorflow.ts';

/** The ways to run a tfjs program eagerly in Node. */
export type TfjsName = 'tfjs-cpu' | 'tfjs-node' | 'tfjs-node-gpu';

/**
 * Loads a tfjs backend and makes it the current one: there the variables of programs are created and kernels run.
 * @param threads how many TensorFlow may use; 0 leaves it to TensorFlow
 * @throws EnvironmentError when it is not installed or does not load; the message says how to get it
 */
export async function useTfjsBackend(name: TfjsName, threads: number): Promise<void> {
  tf.enableProdMode(); // no banner on stderr
  if (name === 'tfjs-cpu') {
    await import('@tensorflow/tfjs-backend-cpu');
    await tf.setBackend('cpu');
    return;
  }
  await loadTensorFlow(name, threads);
  await tf.setBackend('tensorflow');
}

/** Whether the current tfjs backend computes on a GPU. */
export function usesGpu(): boolean {
  const backend: object = tf.backend();
  return 'isUsingGpuDevice' in backend && backend.isUsingGpuDevice === true;
}

/**
 * Runs a program as tfjs does, kernel by kernel, on tfjs's current backend.
 * @param backend what the engine is called
 */
export async function createTfjsEngine(
  program: TrainingProgram,
  backend: { readonly name: TfjsName },
): Promise<Engine> {
  const { height, width, channels } = program.size;
  const imageShape = { height, width, channels };

  /** Runs `compute` on the batch as tensors and reads what it returns; every tensor is gone afterwards. */
  async function run<T extends Record<string, tf.Tensor>>(
    batch: HostBatch,
    compute: (pixels: PixelBatch, noise: tf.Tensor | undefined, controls: Controls) => T,
  ): Promise<Record<keyof T, Float32Array>> {
    const { count, labels, noise } = batch;
    const noiseShape = program.autoencoder.noiseShape(count);
    const outputs = tf.tidy(() =>
      compute(
        {
          image: tf.tensor4d(
            batch.images.subarray(0, count * bytesPerImage(imageShape)),
            [count, height, width, channels],
            'int32',
          ),
          label: labels && tf.tensor1d(labels.slice(0, count), 'int32'),
        },
        // Copied: a tensor keeps the array that it is made from, the batch's goes on to be another batch's.
        noiseShape && noise && tf.tensor(noise.slice(0, tf.util.sizeFromShape(noiseShape)), noiseShape, 'float32'),
        scalarsOf(program.controls, batch.controls),
      ),
    );
    const read = await Promise.all(
      Object.entries(outputs).map(async ([name, tensor]) => [name, Float32Array.from(await tensor.data())] as const),
    );
    tf.dispose(outputs);
    return Object.fromEntries(read) as Record<keyof T, Float32Array>;
  }

  const metrics = (values: Record<string, Float32Array>): Metrics =>
    Object.fromEntries(Object.entries(values).map(([name, [value = Number.NaN]]) => [name, value]));

  return {
    name: backend.name,
    description: describeTfjs(backend.name),
    imageShape,
    step: async (batch) => metrics(await run(batch, (...given) => ({ ...program.step(...given) }))),
    evaluate: async (batch) => metrics(await run(batch, (...given) => ({ ...program.evaluate(...given) }))),
    reconstruct: async (batch) => (await run(batch, (pixels) => ({ image: program.reconstruct(pixels) }))).image,
    encode: async (batch) => (await run(batch, (pixels) => ({ latent: program.encode(pixels) }))).latent,
    async decode({ count, latents, labels }) {
      const { latent } = program.size;
      const image = tf.tidy(() =>
        program.decode(
          tf.tensor2d(latents.slice(0, count * latent), [count, latent]),
          labels && tf.tensor1d(labels.slice(0, count), 'int32'),
        ),
      );
      const pixels = Float32Array.from(await image.data());
      image.dispose();
      return pixels;
    },
    // The program's variables are the only place where weights are.
    pull: async () => {},
    push: async () => {},
    dispose: async () => {},
  };
}

function scalarsOf(names: readonly Control[], values: HostBatch['controls'] = {}): Controls {
  const given = names.flatMap((name) => (values[name] === undefined ? [] : [[name, tf.scalar(values[name])] as const]));
  return Object.fromEntries(given);
}

/** One line for people: library, version, device. */
export function describeTfjs(name: TfjsName): string {
  if (name === 'tfjs-cpu') return `tfjs ${tf.version_core} in plain JavaScript (slow)`;
  const { binding } = tf.backend() as { binding?: { TF_Version?: string } };
  return `${name} ${tf.version_core} on TensorFlow ${binding?.TF_Version ?? ''}, ${usesGpu() ? 'GPU' : 'CPU'}`;
}
