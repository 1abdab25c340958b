import * as tf from '@tensorflow/tfjs-core';
import ort from 'onnxruntime-node';
import { type BatchedProgram, compile, cpu, portable, type RunOptions, type Target } from 'tfjs-to-onnx';
import { webgpuAdapter } from '../../devices/webgpu.ts';
import { type Engine, engineOf } from '../engine.ts';
import type { TrainingProgram } from '../program.ts';

export interface OnnxEngineOptions {
  /** Threads inside an operator; 0 leaves the choice to ONNX Runtime. */
  readonly threads: number;
  /** Where to compute, the CPU by default. WebGPU is experimental. */
  readonly device?: 'cpu' | 'webgpu';
  /** The target of lowering; by default the fastest that this machine computes correctly. */
  readonly target?: Target;
}

/**
 * The traced program, run by onnxruntime-node.
 * @throws Unavailable when WebGPU is asked for and there is none
 */
export async function createOnnxEngine(
  program: TrainingProgram,
  { threads, device = 'cpu', target }: OnnxEngineOptions,
): Promise<Engine> {
  const adapter = device === 'webgpu' ? await webgpuAdapter() : undefined;
  const options = { target: target ?? (adapter ? portable : await fastestTarget()), ...onnxruntime(threads, device) };
  const runner = await compile(program.programs, { ...program, ...options });
  const where = adapter === undefined ? `CPU, ${threads || 'all'} threads` : `WebGPU (experimental) on ${adapter}`;
  const description = `onnxruntime-node ${ort.env.versions.node}, ${where}, ${options.target.name} kernels`;
  return engineOf(program, runner, description);
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
    extra: { session: { set_denormal_as_zero: '1' } },
  },
});

/**
 * The fastest target that this machine's ONNX Runtime computes correctly: its blocked kernels in the block size of the
 * machine's vector registers, or standard operators. Found by running one small convolution each way.
 */
export async function fastestTarget(): Promise<Target> {
  const shapes = { x: [1, 6, 6, 16], w: [3, 3, 16, 16] };
  const [x, w] = Object.values(shapes).map((shape) => {
    return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(i));
  });
  const conv: BatchedProgram = {
    inputs: { x: { shape: shapes.x, dtype: 'float32' }, w: { shape: shapes.w, dtype: 'float32' } },
    compute: ({ x, w }) => ({ y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same') }),
  };
  const run = async (target: Target): Promise<Float32Array> => {
    const compiled = await compile({ conv }, { variables: {}, target, ort, session: { logSeverityLevel: 4 } });
    try {
      return (await compiled.run('conv', { x, w })).y as Float32Array;
    } finally {
      await compiled.dispose();
    }
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
