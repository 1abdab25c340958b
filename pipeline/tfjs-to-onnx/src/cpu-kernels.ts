import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { broadcast, product, type Shape, sameShape } from './ir.ts';

/** The kernels of tfjs's `cpu` backend, which is tfjs's reference, and right ones in the place of those that broadcast wrongly. */

type Inputs = Readonly<Record<string, TensorInfo | undefined>>;

/** The shapes that inputs have to be broadcast to before the kernel gets them, where it would not do that itself. */
const BROADCAST: Readonly<Record<string, (inputs: Inputs) => Readonly<Record<string, Shape>>>> = {
  BatchMatMul: ofMatrices,
  _FusedMatMul: ofMatrices,
  // It reads its statistics over and over in the order of the last axes.
  FusedBatchNorm: ({ x, ...statistics }) =>
    Object.fromEntries(
      Object.entries(statistics).flatMap(([name, info]) => {
        const own = info?.shape.slice(info.shape.findIndex((d) => d !== 1));
        const isRepeated = !x || !own || sameShape(own, x.shape.slice(-own.length)) || product(own) === 1;
        return isRepeated ? [] : [[name, x.shape]];
      }),
    ),
};

/** It takes the last matrix where one stack has fewer of them. */
function ofMatrices({ a, b }: Inputs): Readonly<Record<string, Shape>> {
  if (!a || !b) return {};
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (product(batchA) === 1 || product(batchB) === 1) return {};
  const batch = broadcast(batchA, batchB);
  return { a: [...batch, ...a.shape.slice(-2)], b: [...batch, ...b.shape.slice(-2)] };
}

/** A kernel of the `cpu` backend; undefined where it has none. */
export function cpuKernel(name: string): tf.KernelFunc | undefined {
  const kernel = tf.getKernel(name, 'cpu') as tf.KernelConfig | undefined;
  const shapesOf = BROADCAST[name];
  return kernel && shapesOf ? onWhole(kernel.kernelFunc, shapesOf) : kernel?.kernelFunc;
}

/**
 * Runs `work` while tfjs itself uses these kernels.
 * @param rounding is applied to the results of kernels that sum products
 */
export async function withCpuKernels<T>(work: () => Promise<T>, rounding?: Rounding): Promise<T> {
  const before = tf
    .getKernelsForBackend('cpu')
    .filter(({ kernelName }) => kernelName in BROADCAST || SUMS.test(kernelName));
  const replace = (kernel: tf.KernelConfig) => {
    tf.unregisterKernel(kernel.kernelName, 'cpu');
    tf.registerKernel(kernel);
  };
  for (const kernel of before) {
    const right = cpuKernel(kernel.kernelName) ?? kernel.kernelFunc;
    replace({ ...kernel, kernelFunc: rounding && SUMS.test(kernel.kernelName) ? rounded(right, rounding) : right });
  }
  try {
    return await work();
  } finally {
    before.forEach(replace);
  }
}

/** Kernels that sum products. */
const SUMS = /Conv|MatMul/;

/** Rounds the numbers of a tensor in another way; each is the sum of so many products. */
export type Rounding = (values: Float32Array, products: number) => void;

/** A kernel whose results are rounded afterwards. */
const rounded =
  (kernelFunc: tf.KernelFunc, rounding: Rounding): tf.KernelFunc =>
  (call) => {
    const result = kernelFunc(call) as TensorInfo;
    const { filter, b } = call.inputs;
    const factors = filter?.shape ?? b?.shape.slice(-2) ?? [];
    if (result.dtype === 'float32') {
      const values = (call.backend as KernelBackend).readSync(result.dataId) as Float32Array;
      rounding(values, product(factors) / (result.shape.at(-1) ?? 1));
    }
    return result;
  };

/** A kernel that is given whole tensors. */
const onWhole =
  (kernelFunc: tf.KernelFunc, shapesOf: (inputs: Inputs) => Readonly<Record<string, Shape>>): tf.KernelFunc =>
  ({ inputs, attrs = {}, backend }) => {
    const shapes = Object.entries(shapesOf(inputs)).filter(
      ([name, shape]) => !sameShape(inputs[name]?.shape ?? [], shape),
    );
    const whole = shapes.map(
      ([name, shape]) => [name, broadcasted(inputs[name] as TensorInfo, shape, backend)] as const,
    );
    try {
      return kernelFunc({ inputs: { ...inputs, ...Object.fromEntries(whole) }, attrs, backend });
    } finally {
      for (const [, { dataId }] of whole) (backend as KernelBackend).disposeData(dataId);
    }
  };

function broadcasted(info: TensorInfo, shape: Shape, backend: object): TensorInfo {
  const padded = [...new Array<number>(shape.length - info.shape.length).fill(1), ...info.shape];
  const reps = shape.map((d, axis) => (padded[axis] === d ? 1 : d));
  const { kernelFunc } = tf.getKernel('Tile', 'cpu');
  return kernelFunc({ inputs: { x: { ...info, shape: padded } }, attrs: { reps }, backend }) as TensorInfo;
}
