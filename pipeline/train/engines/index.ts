import { INSTALL_DRIVER, missingLibrary } from '../../devices/cuda.ts';
import { checkDevice } from '../../devices/device.ts';
import { InputError, Unavailable } from '../../io/errors.ts';
import type { DeviceChoice, Engine, EngineChoice } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
import { createTfjsEngine, type TfjsName, usesGpu, useTfjsBackend } from './tfjs.ts';

type EngineName = 'onnx' | TfjsName;

/**
 * Chooses an engine and prepares the tfjs backend on which programs for it are built.
 * @throws EnvironmentError when the choice is unavailable here; the message says how to install it
 * @throws InputError when engine and device contradict each other
 */
export async function prepareEngine(choice: EngineChoice, device: DeviceChoice, threads = 0): Promise<EngineName> {
  const name = resolve(choice, device);
  if (name === 'onnx') await checkDevice(device);
  // For the onnx engine tfjs only builds and traces programs, on the CPU.
  await useTfjsBackend(name === 'onnx' ? 'tfjs-cpu' : name, threads);
  if (name === 'tfjs-node-gpu' && !usesGpu()) throw noGpu();
  return name;
}

/**
 * Creates the engine for a program.
 * @param threads how many threads to compute on; 0 leaves it to the engine
 * @param slices into how many a batch is divided at most, as `createOnnxEngine` takes it
 * @throws EnvironmentError, InputError as `prepareEngine` does
 */
export async function createEngine(
  choice: EngineChoice,
  device: DeviceChoice,
  program: TrainingProgram,
  { threads, slices }: { readonly threads: number; readonly slices?: number | undefined },
): Promise<Engine> {
  const name = await prepareEngine(choice, device, threads);
  if (name !== 'onnx') return createTfjsEngine(program, { name });
  const { createOnnxEngine } = await import('./onnx.ts');
  return createOnnxEngine(program, { threads, slices, device: device === 'auto' ? 'cpu' : device });
}

/** The error for a missing GPU, without which TensorFlow would silently compute on the CPU. */
function noGpu(): Unavailable {
  const driver = missingLibrary('libcuda.so.1');
  const [reason, remedy] = driver
    ? [`there is no NVIDIA driver (${driver})`, INSTALL_DRIVER]
    : ['TensorFlow finds no CUDA device', 'check the output of nvidia-smi'];
  return new Unavailable(`the engine tfjs-node-gpu: ${reason}`, remedy, 'train with --engine onnx or tfjs-node');
}

function resolve(choice: EngineChoice, device: DeviceChoice): EngineName {
  if (choice === 'auto') return 'onnx';
  if (device === 'cuda' && choice !== 'tfjs-node-gpu' && choice !== 'onnx') {
    throw new InputError(`the engine ${choice} trains on the CPU: to train on a GPU, use --engine onnx`);
  }
  if (device === 'cpu' && choice === 'tfjs-node-gpu') {
    throw new InputError('the engine tfjs-node-gpu trains on the GPU: for --device cpu use --engine onnx or tfjs-node');
  }
  if (device === 'webgpu' && choice !== 'onnx') {
    throw new InputError(`the engine ${choice} has no WebGPU: for --device webgpu use --engine onnx`);
  }
  return choice;
}
