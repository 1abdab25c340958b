import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { type BatchedProgram, compile, cpu, gpu, portable, type RunOptions, type Target } from 'tfjs-to-onnx';
import { defaultThreads } from '../../devices/device.ts';
import { deviceFailure } from '../../devices/failure.ts';
import { webgpuAdapter } from '../../devices/webgpu.ts';
import { type Engine, engineOf, type ProgramRunner } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';
import { comparedWithCpu } from './first-step.ts';
import { compileSliced } from './slices.ts';

/**
 * The traced program, run by onnxruntime-node. The engine throws EnvironmentError when memory is short or CUDA fails.
 * @throws Unavailable when WebGPU is asked for and there is none, and from the first step where it computes the model wrong;
 * EnvironmentError as the engine
 */
export async function createOnnxEngine(
  program: TrainingProgram,
  { threads, device = 'cpu', target, slices }: EngineOptions,
): Promise<Engine> {
  const most = slices ?? (threads || defaultThreads());
  const where = {
    cpu: () => (most > 1 ? `CPU, batches in ${most} slices` : 'CPU'),
    cuda: () => 'CUDA',
    webgpu: async () => `WebGPU (experimental) on ${await webgpuAdapter()}`,
  }[device]();
  const options = {
    target: target ?? (await targetFor(device)),
    ...(await runOptions(threads, device)),
  };
  const compiled: ProgramRunner = await onDevice(() =>
    device === 'cpu' && most > 1
      ? compileSliced(program, { ...options, threads: threads || defaultThreads(), slices: most })
      : compile(program.programs, { ...program, ...options }),
  );
  const onCpu = async () =>
    compile(program.programs, { ...program, ...onnxruntime(threads), target: await fastestTarget() });
  const runner = device === 'webgpu' ? comparedWithCpu(compiled, program, onCpu) : compiled;
  const run: ProgramRunner['run'] = (name, feeds) => onDevice(() => runner.run(name, feeds));
  const pull = () => onDevice(() => runner.pull());
  return engineOf(
    { run, pull, dispose: () => runner.dispose() },
    `onnxruntime-node ${ort.env.versions.node}, ${await where}, ${options.target.name} kernels`,
  );
}

/** Runs `work`. @throws EnvironmentError where the machine fails rather than the program */
async function onDevice<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw (error instanceof Error && deviceFailure(error.message, 'a batch')) || error;
  }
}

export type OnnxDevice = 'cpu' | 'cuda' | 'webgpu';

interface EngineOptions {
  /** Threads that compute; 0 leaves the choice to ONNX Runtime. */
  readonly threads: number;
  /** The CPU by default; on a GPU the state stays there. WebGPU is experimental. */
  readonly device?: OnnxDevice;
  /** Of the lowering; by default the fastest that this machine computes correctly. */
  readonly target?: Target;
  /**
   * Slices of a batch that are computed side by side on a CPU, at most; by default one for each thread. The last digits of the
   * weights depend on their number, and not on the number of threads.
   */
  readonly slices?: number | undefined;
}

/** How training runs graphs on a device. On a GPU the state stays there from step to step. */
export async function runOptions(threads: number, device: OnnxDevice): Promise<RunOptions> {
  if (device === 'cpu') return onnxruntime(threads);
  if (device === 'webgpu') return { ...onnxruntime(threads, device), newState: 'gpu-buffer' };
  const [common, { cudaSessions }] = await Promise.all([
    import('onnxruntime-common'),
    import('../../devices/cuda-sessions.ts'),
  ]);
  const { session } = onnxruntime(threads, cudaSessions());
  return { ort: common, session: session ?? {}, newState: 'gpu-swap' };
}

/**
 * How training runs graphs in onnxruntime-node.
 * @param threads inside an operator; 0 leaves the choice to ONNX Runtime
 */
export const onnxruntime = (threads: number, provider = 'cpu'): RunOptions => ({
  ort,
  session: {
    executionProviders: [provider],
    ...(threads > 0 && { intraOpNumThreads: threads }),
    logSeverityLevel: 3,
    // Denormals stay. ONNX Runtime would set them to 0 in a session's own threads, but in the thread that runs it only where
    // the first session of the process asks for that.
  },
});

/** The target whose graphs are the fastest on a device. */
export const targetFor = async (device: OnnxDevice): Promise<Target> => (device === 'cpu' ? fastestTarget() : gpu);

let fastest: Target | undefined;

/**
 * The fastest target that this machine's ONNX Runtime computes correctly: its blocked kernels in the block size of the
 * machine's vector registers, or standard operators. Found once, by running one small convolution each way.
 */
export async function fastestTarget(): Promise<Target> {
  fastest ??= await findFastest();
  return fastest;
}

async function findFastest(): Promise<Target> {
  const [x, w] = [6 * 6 * 16, 3 * 3 * 16 * 16].map((length) => Float32Array.from({ length }, (_, i) => Math.sin(i)));
  const conv: BatchedProgram = {
    inputs: { x: { shape: ['N', 6, 6, 16], dtype: 'float32' }, w: { shape: [3, 3, 16, 16], dtype: 'float32' } },
    compute: ({ x, w }) => ({ y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same') }),
  };
  const run = async (target: Target): Promise<Float32Array> => {
    const compiled = await compile({ conv }, { variables: {}, target, ort, session: { logSeverityLevel: 4 } });
    const { y } = await compiled.run('conv', { x, w }).finally(() => compiled.dispose());
    return y as Float32Array;
  };
  const expected = await run(portable);
  for (const block of [16, 8]) {
    try {
      const got = await run(cpu(block));
      if (got.every((value, i) => Math.abs(value - (expected[i] ?? Number.NaN)) < 1e-4)) return cpu(block);
    } catch {
      // This build of ONNX Runtime has no blocked kernels.
    }
  }
  return portable;
}
