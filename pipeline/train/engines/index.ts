import { EnvironmentError, InputError } from '../../errors.ts';
import type { Engine } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
import type { DeviceChoice, EngineChoice } from './choices.ts';
import { createTfjsEngine, type TfjsName, usesGpu, useTfjsBackend } from './tfjs.ts';

export * from './choices.ts';

export interface EngineOptions {
  /** How many threads to compute on; 0 leaves it to the engine. */
  readonly threads: number;
  /** Images of a full batch. */
  readonly batchSize: number;
}

/**
 * Decides on an engine and makes ready what building a program for it takes: tfjs's backend.
 * @throws EnvironmentError when what was asked for is not to be had here; the message says how to get it
 * @throws InputError when engine and device contradict each other
 */
export async function prepareEngine(
  choice: EngineChoice,
  device: DeviceChoice,
  threads = 0,
): Promise<'onnx' | TfjsName> {
  const name = resolve(choice, device);
  // The onnx engine keeps weights in tfjs variables while a program is built and traced; they are on the CPU.
  await useTfjsBackend(name === 'onnx' ? 'tfjs-cpu' : name, threads);
  if (device === 'cuda' && !usesGpu()) {
    throw new EnvironmentError(
      'TensorFlow finds no CUDA device: check the driver with nvidia-smi, and that TensorFlow finds its CUDA libraries, or train with --device cpu',
    );
  }
  return name;
}

/**
 * The engine that runs a program.
 * @throws EnvironmentError, InputError as `prepareEngine` does
 */
export async function createEngine(
  choice: EngineChoice,
  device: DeviceChoice,
  program: TrainingProgram,
  options: EngineOptions,
): Promise<Engine> {
  const name = await prepareEngine(choice, device, options.threads);
  if (name !== 'onnx') return createTfjsEngine(program, { name });
  const { createOnnxEngine } = await import('./onnx.ts');
  return createOnnxEngine(program, options);
}

function resolve(choice: EngineChoice, device: DeviceChoice): 'onnx' | TfjsName {
  if (choice === 'auto') return device === 'cuda' ? 'tfjs-node-gpu' : 'onnx';
  if (device === 'cuda' && choice !== 'tfjs-node-gpu') {
    throw new EnvironmentError(
      `the engine ${choice} trains on the CPU: for training on a GPU, install @tensorflow/tfjs-node-gpu and use --engine tfjs-node-gpu --device cuda`,
    );
  }
  if (device === 'cpu' && choice === 'tfjs-node-gpu') {
    throw new InputError('the engine tfjs-node-gpu trains on the GPU: for --device cpu use --engine onnx or tfjs-node');
  }
  return choice;
}
