import type { DataType, KernelBackend, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { cpuKernel } from './cpu-kernels.ts';
import { product } from './ir.ts';
import { mapEach, type TapeInputs, type TapeOp, type TapeValue } from './tape.ts';

/** The result of a call whose inputs are known. */
export interface Known {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly values: TypedArray;
}

/** The numbers of a tensor on the tape, where they do not depend on inputs or variables. */
export const valuesOf = ({ source }: TapeValue): TypedArray | undefined => {
  if (source.kind === 'constant') return source.values;
  return source.kind === 'op' ? source.known?.() : undefined;
};

/** The same, where a kernel that refuses to compute them leaves them unknown. */
export function computedValues(value: TapeValue): TypedArray | undefined {
  try {
    return valuesOf(value);
  } catch {
    return undefined;
  }
}

/**
 * A function that computes a call when it is first asked, with the kernel of an eager backend; undefined where an input
 * is not known, or there is no such kernel. It throws what the kernel throws.
 */
export function computed(kernel: string, inputs: TapeInputs, attrs: TapeOp['attrs']): (() => Known[]) | undefined {
  if (kernel === 'TensorShape') return () => Object.values(inputs).map(sizesOf);
  const known = OF_SHAPES.has(kernel) || Object.values(inputs).every(isKnown);
  const eager = known ? eagerKernel(kernel) : undefined;
  if (!eager) return undefined;
  let results: Known[] | undefined;
  return () => {
    results ??= run(eager, inputs, attrs);
    return results;
  };
}

const sizesOf = ({ shape }: TapeValue): Known => {
  return { shape: [shape.length], dtype: 'int32', values: Int32Array.from(shape) };
};

/** The `cpu` backend takes no pairs of numbers for complex ones. */
const isKnown = ({ source, dtype }: TapeValue): boolean =>
  dtype !== 'complex64' && (source.kind === 'constant' || (source.kind === 'op' && source.known !== undefined));

/** Kernels that read only the shape of their input. */
const OF_SHAPES: ReadonlySet<string> = new Set(['OnesLike', 'ZerosLike']);

/** Kernels whose result is another one each time. */
const RANDOM: ReadonlySet<string> = new Set(['Multinomial']);

interface EagerKernel {
  readonly backend: KernelBackend;
  readonly compute: tf.KernelFunc;
}

function eagerKernel(kernel: string): EagerKernel | undefined {
  const backend = tf.findBackend('cpu') as KernelBackend | null;
  if (backend && kernel === 'Where') return { backend, compute: where };
  const compute = cpuKernel(kernel);
  return backend && compute && !RANDOM.has(kernel) ? { backend, compute } : undefined;
}

/** What tfjs has only as an asynchronous op. */
const where: tf.KernelFunc = ({ inputs, backend }) => {
  const { dataId, shape } = inputs.condition as TensorInfo;
  const places = tf.kernel_impls.whereImpl(shape, (backend as KernelBackend).readSync(dataId) as TypedArray);
  return {
    dataId: (backend as KernelBackend).write(places.dataSync(), places.shape, 'int32'),
    shape: places.shape,
    dtype: 'int32',
  };
};

function run({ backend, compute }: EagerKernel, inputs: TapeInputs, attrs: TapeOp['attrs']): Known[] {
  const made: object[] = [];
  const given = mapEach(inputs, (value): TensorInfo => {
    const { shape, dtype } = value;
    const values = valuesOf(value) ?? tf.util.makeZerosTypedArray(product(shape), dtype as 'float32');
    const dataId = backend.write(values, [...shape], dtype);
    made.push(dataId);
    return { dataId, shape: [...shape], dtype };
  });
  const outputs = [compute({ inputs: given as tf.NamedTensorInfoMap, attrs: { ...attrs } as never, backend })].flat();
  const results = outputs.map(({ dataId, shape, dtype }) => ({
    shape,
    dtype,
    values: backend.readSync(dataId) as TypedArray,
  }));
  for (const dataId of [...made, ...outputs.map((output) => output.dataId)]) backend.disposeData(dataId, true);
  return results;
}
