import type { NamedTensorMap, Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

/** A kernel call of a running program. */
export interface KernelCall {
  readonly kernel: string;
  readonly inputs: NamedTensorMap;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Makes the call, with these inputs or others. */
  make(inputs: NamedTensorMap): Tensor | Tensor[];
}

interface Engine {
  runKernel(kernel: string, inputs: NamedTensorMap, attrs?: object): Tensor | Tensor[];
}

/**
 * Runs `work` while each kernel call of tfjs goes through `around`; of work that returns a promise, until that is done.
 * @param end is called when it is done or fails
 */
export function withWatchedKernels<Result>(
  around: (call: KernelCall) => Tensor | Tensor[],
  work: () => Result,
  end: () => void = () => {},
): Result {
  const engine = tf.engine() as unknown as Engine;
  const before = engine.runKernel;
  engine.runKernel = (kernel, inputs, attrs = {}) => {
    const make = (given: NamedTensorMap) => before.call(engine, kernel, given, attrs);
    return around({ kernel, inputs, attrs: attrs as KernelCall['attrs'], make });
  };
  const stop = () => {
    engine.runKernel = before;
    end();
  };
  let result: Result;
  try {
    result = work();
  } catch (error) {
    stop();
    throw error;
  }
  if (tf.util.isPromise(result)) return (result as Promise<unknown>).finally(stop) as Result;
  stop();
  return result;
}
