import * as tf from '@tensorflow/tfjs-core';
import { type BatchedProgram, batchSizeOf, type Feeds, shapeAt } from 'tfjs-to-onnx';
import { type Engine, engineOf, type ProgramRunner } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
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
 * Runs a program as tfjs does, kernel by kernel, on tfjs's current backend. Weights stay in the program's variables.
 * @param backend the name of the engine
 */
export async function createTfjsEngine(
  program: TrainingProgram,
  { name }: { readonly name: TfjsName },
): Promise<Engine> {
  const nothing = async () => {};
  const runner: ProgramRunner = {
    run: (part, feeds) => runEagerly(program.programs[part], feeds),
    pull: nothing,
    push: nothing,
    dispose: nothing,
  };
  return engineOf(program, { name, description: describeTfjs(name), runner });
}

/** Runs a program on feeds as tensors and reads its outputs. No tensor is left. */
async function runEagerly({ inputs, compute }: BatchedProgram, feeds: Feeds): Promise<Record<string, Float32Array>> {
  const n = batchSizeOf(inputs, feeds);
  const outputs = tf.tidy(() => {
    const tensors = Object.entries(inputs).flatMap(([name, { shape, dtype }]) => {
      const values = feeds[name];
      if (values === undefined) return [];
      // Copied, because a tensor keeps its array and the caller overwrites it with the next batch.
      const data = typeof values === 'number' ? values : values.slice();
      return [[name, tf.tensor(data, shapeAt(shape, n), dtype)]];
    });
    return { ...compute(Object.fromEntries(tensors)) };
  });
  const read = Object.entries(outputs).map(async ([name, tensor]) => [name, Float32Array.from(await tensor.data())]);
  const values = Object.fromEntries(await Promise.all(read));
  tf.dispose(outputs);
  return values;
}

/** One line for people: library, version, device. */
export function describeTfjs(name: TfjsName): string {
  if (name === 'tfjs-cpu') return `tfjs ${tf.version_core} in plain JavaScript (slow)`;
  const { binding } = tf.backend() as { binding?: { TF_Version?: string } };
  return `${name} ${tf.version_core} on TensorFlow ${binding?.TF_Version ?? ''}, ${usesGpu() ? 'GPU' : 'CPU'}`;
}
