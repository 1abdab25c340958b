import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { type BatchedProgram, batchSizeOf, type Feeds, shapeAt } from 'tfjs-to-onnx';
import { setUpOnGpu } from '../../devices/cuda.ts';
import { Unavailable } from '../../io/errors.ts';
import { type Engine, engineOf, type ProgramRunner } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';

/** The engines that run a tfjs program eagerly. */
export type TfjsName = 'tfjs-cpu' | 'tfjs-onnx' | TensorFlowName;
type TensorFlowName = 'tfjs-node' | 'tfjs-node-gpu';

/** The names that tfjs has for the backends. */
const BACKENDS: Readonly<Record<TfjsName, string>> = {
  'tfjs-cpu': 'cpu',
  'tfjs-onnx': 'onnx',
  'tfjs-node': 'tensorflow',
  'tfjs-node-gpu': 'tensorflow',
};

/**
 * Loads a tfjs backend and makes it the current one, on which variables are created and kernels run.
 * @param threads of the library that computes; 0 leaves it to the library
 * @throws Unavailable when it is not installed or does not load; the message says how to install it
 */
export async function useTfjsBackend(name: TfjsName, threads: number): Promise<void> {
  tf.enableProdMode(); // no banner on stderr
  if (name === 'tfjs-cpu') await import('@tensorflow/tfjs-backend-cpu');
  else if (name === 'tfjs-onnx') (await import('tfjs-to-onnx/backend')).configure({ threads });
  else await loadTensorFlow(name, threads);
  await tf.setBackend(BACKENDS[name]);
}

/** Whether the current tfjs backend computes on a GPU. */
export const usesGpu = (): boolean =>
  (tf.backend() as { readonly isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;

/** Runs a program eagerly, kernel by kernel, on tfjs's current backend. */
export async function createTfjsEngine(program: TrainingProgram, { name }: { name: TfjsName }): Promise<Engine> {
  const nothing = async () => {}; // the program's variables are the only place for weights
  const run: ProgramRunner['run'] = (part, feeds) => runEagerly(program.programs[part], feeds);
  return engineOf({ run, pull: nothing, dispose: nothing }, describeTfjs(name));
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

/** One line for the log: library, version, device. */
export function describeTfjs(name: TfjsName): string {
  if (name === 'tfjs-cpu') return `tfjs ${tf.version_core} in plain JavaScript (slow)`;
  if (name === 'tfjs-onnx') return `tfjs ${tf.version_core} on its backend onnx, CPU`;
  const { binding } = tf.backend() as { binding?: { TF_Version?: string } };
  return `${name} ${tf.version_core} on TensorFlow ${binding?.TF_Version ?? ''}, ${usesGpu() ? 'GPU' : 'CPU'}`;
}

const require = createRequire(import.meta.url);

/**
 * Loads tfjs-node or tfjs-node-gpu, which registers the tfjs backend `tensorflow`, with stderr silenced.
 * @param threads TensorFlow's threads; 0 leaves it to TensorFlow
 * @throws Unavailable when it is not set up or does not load
 */
export async function loadTensorFlow(name: TensorFlowName, threads: number): Promise<void> {
  const remedy = name === 'tfjs-node-gpu' ? setUpOnGpu(name) : `run \`npx convae setup ${name}\``;
  const alternative = 'use --engine onnx, which needs nothing';
  const unavailable = (reason: string, cause?: unknown) =>
    new Unavailable(`the engine ${name} ${reason}`, remedy, alternative, { cause });
  const entry = installed(`@tensorflow/${name}`);
  if (!entry) throw unavailable('is not set up');
  // TensorFlow reads these once, when it is loaded.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  if (threads > 0) process.env.TF_NUM_INTRAOP_THREADS = String(threads);
  restoreUtil();
  const addon = join(addonFolder(entry), 'stderr.node'); // npx convae setup tfjs-node puts it there
  const stderr = existsSync(addon) ? (require(addon) as { silence(): void; restore(): void }) : undefined;
  const { noDeprecation } = process;
  process.noDeprecation = true; // its dependencies call deprecated functions
  stderr?.silence();
  try {
    require(entry);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw unavailable(`does not load (${message})`, cause);
  } finally {
    stderr?.restore();
    process.noDeprecation = noDeprecation ?? false;
  }
}

/** Whether the engine's package and its binding are installed. */
export function isSetUp(name: TensorFlowName): boolean {
  const entry = installed(`@tensorflow/${name}`);
  return entry !== undefined && existsSync(join(addonFolder(entry), 'tfjs_binding.node'));
}

function installed(library: string): string | undefined {
  try {
    return require.resolve(library);
  } catch {
    return undefined;
  }
}

const addonFolder = (entry: string) => join(dirname(dirname(entry)), 'lib', 'napi-v8');

/** tfjs-node calls two functions of `util` that Node 23 removed. */
function restoreUtil(): void {
  const target: Record<string, unknown> = util as never;
  target.isArray ??= Array.isArray;
  target.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
}
