import { type ExecFileException, execFile } from 'node:child_process';
import { availableParallelism, cpus } from 'node:os';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { version_core } from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { checkCuda } from '../devices/cuda.ts';
import { isSoftware, webgpuAdapter } from '../devices/webgpu.ts';
import { Unavailable } from '../io/errors.ts';
import { nodeScript } from '../io/installation.ts';
import { prepareEngine } from '../train/engines/index.ts';
import { fastestTarget } from '../train/engines/onnx.ts';

/** Whether an engine or a device can be used. */
export interface Answer {
  /** Version and hardware, or why it cannot be used. */
  readonly about: string;
  /** How to make it available; null where it can be used. */
  readonly remedy: string | null;
}

const runFile = promisify(execFile);

const checks: Readonly<Record<string, () => Promise<string>>> = {
  '--engine onnx': async () => {
    await prepareEngine('onnx', 'cpu');
    return `onnxruntime-node ${ort.env.versions.node}, ${(await fastestTarget()).name} kernels`;
  },
  '--engine tfjs-node': () => tensorFlow('tfjs-node'),
  '--engine tfjs-node-gpu': () => tensorFlow('tfjs-node-gpu'),
  '--engine tfjs-onnx': async () => `tfjs ${version_core} with onnxruntime-node ${ort.env.versions.node}`,
  '--engine tfjs-cpu': async () => `tfjs ${version_core} in plain JavaScript (slow)`,
  '--device cpu': async () => `${cpus()[0]?.model.trim() ?? process.arch}, ${availableParallelism()} cores`,
  '--device cuda': async () => {
    await checkCuda();
    return gpuNames();
  },
  '--device webgpu': async () => {
    const adapter = await webgpuAdapter();
    return `${adapter} (${isSoftware(adapter) ? 'experimental, computes on the CPU' : 'experimental'})`;
  },
};

/** Tries each engine and device. */
export const diagnose = (): Promise<(Answer & { readonly option: string; readonly usable: boolean })[]> =>
  Promise.all(
    Object.entries(checks).map(async ([option, check]) => {
      try {
        return { option, usable: true, about: await check(), remedy: null };
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        const about = error.reason.replace(`${option}: `, '').replace(/^the engine \S+?:? /, '');
        return { option, usable: false, about, remedy: error.remedy };
      }
    }),
  );

/** Loads an engine in a child process: one process cannot hold two TensorFlows. */
async function tensorFlow(name: string): Promise<string> {
  const command = [...nodeScript(import.meta.dirname, 'engine-probe'), name];
  const options = { cwd: resolve(import.meta.dirname, '../..') };
  const { stdout } = await runFile(process.execPath, command, options).catch((error: ExecFileException) => {
    if (!error.signal) throw error;
    // SIGILL: TensorFlow was built for another processor.
    throw new Unavailable(
      `it ends with ${error.signal} when it is loaded`,
      'install another build',
      'use another engine',
    );
  });
  const { about, remedy } = JSON.parse(stdout) as Answer;
  if (remedy !== null) throw new Unavailable(about, remedy, 'use another engine');
  return about;
}

async function gpuNames(): Promise<string> {
  try {
    const { stdout } = await runFile('nvidia-smi', ['--query-gpu=name', '--format=csv,noheader']);
    return stdout.trim().split('\n').join(', ');
  } catch {
    throw new Unavailable('nvidia-smi finds no GPU', 'run it to see why', 'use --device cpu');
  }
}
