import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { DataType } from '@tensorflow/tfjs-core';
import type { InferenceSession, Tensor, TensorConstructor } from 'onnxruntime-common';
import type { Values } from '../run.ts';

/**
 * ONNX Runtime, called synchronously: tfjs's `dataSync` cannot wait for a promise. onnxruntime-node's own `run` does
 * the same call one turn of the event loop later.
 */

/** The native session that onnxruntime-node wraps. */
interface NativeSession {
  loadModel(file: ArrayBufferLike, offset: number, length: number, options: InferenceSession.SessionOptions): void;
  run(feeds: Tensors, fetches: Tensors, options: object): Tensors;
  dispose(): void;
}
type Tensors = Record<string, Tensor>;

interface Runtime {
  readonly Tensor: TensorConstructor;
  newSession(): NativeSession;
}

let runtime: Runtime | undefined;

/** @throws Error where onnxruntime-node is not installed, or has no binding for this machine */
function loaded(): Runtime {
  if (runtime) return runtime;
  const require = createRequire(import.meta.url);
  let entry: string;
  try {
    entry = require.resolve('onnxruntime-node');
  } catch (cause) {
    throw new Error('the backend "onnx" needs onnxruntime-node; run npm install onnxruntime-node', { cause });
  }
  const { Tensor } = require(entry) as { Tensor: TensorConstructor };
  const native = require(join(dirname(entry), 'binding.js')) as {
    initOrt(): void;
    binding: { InferenceSession: new () => NativeSession };
  };
  process.env.ORT_DISABLE_TELEMETRY ??= '1'; // ONNX Runtime 1.29 and later send data about graphs to Microsoft
  native.initOrt();
  runtime = { Tensor, newSession: () => new native.binding.InferenceSession() };
  return runtime;
}

/** A tensor on values in host memory, which it shares. */
export function hostTensor(values: Values, shape: readonly number[], dtype: DataType): Tensor {
  const type = dtype as 'float32' | 'int32' | 'bool';
  return new (loaded().Tensor)(type, values as Float32Array, shape);
}

/** How many threads an operator may use; 0 leaves it to ONNX Runtime. */
export type Threads = number;

/** A graph that ONNX Runtime has loaded. */
export class Session {
  readonly #native: NativeSession;

  /** @param file the bytes of an ONNX file */
  constructor(file: Uint8Array, threads: Threads) {
    this.#native = loaded().newSession();
    this.#native.loadModel(file.buffer, file.byteOffset, file.byteLength, {
      logSeverityLevel: 4,
      ...(threads > 0 && { intraOpNumThreads: threads }),
      extra: { session: { set_denormal_as_zero: '1' } },
    });
  }

  /** Runs the graph, which writes into the tensors of `fetches`. */
  run(feeds: Tensors, fetches: Tensors): void {
    this.#native.run(feeds, fetches, {});
  }

  dispose(): void {
    this.#native.dispose();
  }
}
