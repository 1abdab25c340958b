import type { KernelBackend, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { broadcast, product, type Shape, sameShape } from './ir.ts';

/** The kernels of tfjs's `cpu` backend, which is tfjs's reference, and right ones in the place of those that are wrong. */

type Inputs = Readonly<Record<string, TensorInfo | undefined>>;
type Repair = (kernelFunc: tf.KernelFunc) => tf.KernelFunc;

const REPAIRS: Readonly<Record<string, Repair>> = {
  BatchMatMul: (kernelFunc) => onWhole(kernelFunc, ofMatrices),
  _FusedMatMul: (kernelFunc) => onWhole(kernelFunc, ofMatrices),
  // It reads its statistics over and over in the order of the last axes.
  FusedBatchNorm: (kernelFunc) => onWhole(kernelFunc, ofStatistics),
  Cumprod: alongAxis,
  Cumsum: alongAxis,
  StridedSlice: onAllAxes,
  TensorScatterUpdate: onCopy,
  Transform: onEachImage,
};

/**
 * Kernels that are left out: the gradients read pixels of the first image for all, or those of a window with other
 * sides, and never end for one row; the sum spreads NaN to all segments.
 */
const WRONG: ReadonlySet<string> = new Set([
  'MaxPool3DGrad',
  'ResizeBilinearGrad',
  'ResizeNearestNeighborGrad',
  'UnsortedSegmentSum',
]);

/** A kernel of the `cpu` backend; undefined where it has none that is right. */
export function cpuKernel(name: string): tf.KernelFunc | undefined {
  const kernel = tf.getKernel(name, 'cpu') as tf.KernelConfig | undefined;
  if (!kernel || WRONG.has(name)) return undefined;
  return REPAIRS[name]?.(kernel.kernelFunc) ?? kernel.kernelFunc;
}

/**
 * Runs `work` while tfjs itself uses these kernels.
 * @param rounding is applied to the results of kernels that sum products
 */
export async function withCpuKernels<T>(work: () => Promise<T>, rounding?: Rounding): Promise<T> {
  const before = tf
    .getKernelsForBackend('cpu')
    .filter(({ kernelName }) => kernelName in REPAIRS || SUMS.test(kernelName));
  const replace = (kernel: tf.KernelConfig) => {
    tf.unregisterKernel(kernel.kernelName, 'cpu');
    tf.registerKernel(kernel);
  };
  for (const kernel of before) {
    const right = { ...kernel, kernelFunc: cpuKernel(kernel.kernelName) ?? kernel.kernelFunc };
    const isRounded = rounding && SUMS.test(kernel.kernelName);
    replace(isRounded ? { ...right, kernelFunc: rounded(right, rounding) } : right);
  }
  try {
    return await work();
  } finally {
    before.forEach(replace);
  }
}

/** Kernels that sum products. */
const SUMS = /Conv|MatMul/;

/** How many products a kernel sums for each number of a result of this shape; 0 where it does not sum products. */
export function productsOf(kernel: string, { filter, b }: Inputs, shape: Shape): number {
  if (!SUMS.test(kernel)) return 0;
  return product(filter?.shape ?? b?.shape.slice(-2) ?? []) / (shape.at(-1) ?? 1);
}

/** Rounds the numbers of a tensor in another way; each is the sum of so many products. */
export type Rounding = (values: Float32Array, products: number) => void;

/** A kernel whose results are rounded afterwards. */
const rounded =
  ({ kernelName, kernelFunc }: tf.KernelConfig, rounding: Rounding): tf.KernelFunc =>
  (call) => {
    const result = kernelFunc(call) as TensorInfo;
    if (result.dtype === 'float32') {
      const values = (call.backend as KernelBackend).readSync(result.dataId) as Float32Array;
      rounding(values, productsOf(kernelName, call.inputs, result.shape));
    }
    return result;
  };

/** The shapes that inputs have to be broadcast to before a kernel gets them. */
type ShapesOf = (inputs: Inputs) => Readonly<Record<string, Shape>>;

/** It takes the last matrix where one stack has fewer of them. */
const ofMatrices: ShapesOf = ({ a, b }) => {
  if (!a || !b) return {};
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (product(batchA) === 1 || product(batchB) === 1) return {};
  const batch = broadcast(batchA, batchB);
  return { a: [...batch, ...a.shape.slice(-2)], b: [...batch, ...b.shape.slice(-2)] };
};

const ofStatistics: ShapesOf = ({ x, ...statistics }) =>
  Object.fromEntries(
    Object.entries(statistics).flatMap(([name, info]) => {
      const own = info?.shape.slice(info.shape.findIndex((d) => d !== 1));
      const isRepeated = !x || !own || sameShape(own, x.shape.slice(-own.length)) || product(own) === 1;
      return isRepeated ? [] : [[name, x.shape]];
    }),
  );

/** A kernel that is given whole tensors. */
const onWhole =
  (kernelFunc: tf.KernelFunc, shapesOf: ShapesOf): tf.KernelFunc =>
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

/** A kernel that miscounts an axis from the end. */
function alongAxis(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs = {}, backend }) => {
    const [axis = 0] = tf.util.parseAxisParam(attrs.axis as number, inputs.x?.shape ?? []);
    return kernelFunc({ inputs, attrs: { ...attrs, axis }, backend });
  };
}

/** A kernel that miscounts axes where one is dropped or added, and another has steps. */
function onAllAxes(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs = {}, backend }) => {
    const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } =
      attrs as unknown as tf.StridedSliceAttrs;
    const masks = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
    const shape = inputs.x?.shape ?? [];
    const all = tf.slice_util.sliceInfo(shape, begin, end, strides, ...masks);
    if (product(all.finalShape) === 0) return kernelFunc({ inputs, attrs, backend });
    const none = { beginMask: 0, endMask: 0, ellipsisMask: 0, newAxisMask: 0, shrinkAxisMask: 0 };
    // A negative step may end beyond the first element.
    const ends = all.end.map((to, axis) => (to < 0 ? -1 - (shape[axis] ?? 0) : to));
    const given = { ...none, begin: all.begin, end: ends, strides: all.strides };
    const result = kernelFunc({ inputs, attrs: given, backend }) as TensorInfo;
    return { ...result, shape: all.finalShape };
  };
}

/** A kernel that writes its result into its input. */
function onCopy(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs = {}, backend }) => {
    const { dataId, shape, dtype } = inputs.tensor as TensorInfo;
    const cpu = backend as KernelBackend;
    const copy = { dataId: cpu.write(cpu.readSync(dataId).slice(), shape, dtype), shape, dtype };
    try {
      return kernelFunc({ inputs: { ...inputs, tensor: copy }, attrs, backend });
    } finally {
      cpu.disposeData(copy.dataId);
    }
  };
}

/** A kernel that stops after the first image. */
function onEachImage(kernelFunc: tf.KernelFunc): tf.KernelFunc {
  return ({ inputs, attrs = {}, backend }) => {
    const { image, transforms } = inputs as Readonly<Record<'image' | 'transforms', TensorInfo>>;
    const cpu = backend as KernelBackend;
    const one = ({ dataId, shape: [, ...rest], dtype }: TensorInfo, at: number): TensorInfo => {
      const values = (cpu.readSync(dataId) as TypedArray).subarray(at * product(rest), (at + 1) * product(rest));
      return { dataId: cpu.write(values, [1, ...rest], dtype), shape: [1, ...rest], dtype };
    };
    const [count = 0, height, width, channels = 1] = image.shape;
    const shape = [count, ...((attrs.outputShape as number[] | null) ?? [height, width]), channels] as number[];
    const values = tf.util.getTypedArrayFromDType(image.dtype as 'float32', product(shape));
    for (let i = 0; i < count; i++) {
      const given = { image: one(image, i), transforms: one(transforms, transforms.shape[0] === 1 ? 0 : i) };
      const result = kernelFunc({ inputs: given, attrs, backend }) as TensorInfo;
      values.set(cpu.readSync(result.dataId) as TypedArray, (i * values.length) / count);
      for (const { dataId } of [given.image, given.transforms, result]) cpu.disposeData(dataId);
    }
    return { dataId: cpu.write(values, shape, image.dtype), shape, dtype: image.dtype };
  };
}
