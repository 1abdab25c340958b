import type { BackendValues, KernelBackend, NamedAttrMap, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { cpuKernel } from '../cpu-kernels.ts';
import { sameShape } from '../ir.ts';
import type { Tensors } from '../kernel-calls.ts';
import { mapEach } from '../tape.ts';
import { type Call, EagerValue, type NumberType, type Stored, typed } from './value.ts';

/** The part of tfjs's `cpu` backend that is used here. */
type CpuBackend = KernelBackend & { firstUse: boolean };

let backend: CpuBackend | undefined;

function cpu(): CpuBackend {
  if (!backend) {
    backend = tf.findBackend('cpu') as CpuBackend;
    backend.firstUse = false; // else it recommends tfjs-node on the console
  }
  return backend;
}

/** Whether tfjs's `cpu` backend has a kernel that is right. */
export const isOnCpu = (kernel: string): boolean => cpuKernel(kernel) !== undefined;

/**
 * Runs a kernel call on tfjs's `cpu` backend.
 * @param view what a tensor holds, which must not be pending
 * @throws Error as the kernel does
 */
export function runOnCpu(
  kernel: string,
  tensors: Tensors,
  attrs: Readonly<Record<string, unknown>>,
  view: (tensor: TensorInfo) => Stored,
): Stored | Stored[] {
  const kernelFunc = cpuKernel(kernel);
  if (!kernelFunc) throw new Error(`${kernel} cannot be computed on tfjs's cpu backend`);
  const inputs: TensorInfo[] = [];
  const copy = (input: unknown): unknown => {
    if (Array.isArray(input)) return input.map(copy); // some kernels take lists of tensors by name
    if (!isTensor(input)) return input;
    const info = written(view(input));
    inputs.push(info);
    return info;
  };
  const given = Array.isArray(tensors)
    ? tensors.map(copy)
    : Object.fromEntries(Object.entries(tensors).map(([name, input]) => [name, copy(input)]));
  let values: Stored | Stored[] = [];
  // Some kernels make tensors for themselves. The name is that of an op's scope, which ends no step.
  tf.tidy('cpu__op', () => {
    let results: TensorInfo | TensorInfo[] = [];
    try {
      results = kernelFunc({
        inputs: given as tf.NamedTensorInfoMap,
        backend: cpu(),
        attrs: attrs as NamedAttrMap,
      });
      values = Array.isArray(results) ? results.map(stored) : stored(results);
    } finally {
      for (const { dataId } of [...inputs, ...[results].flat()]) cpu().disposeData(dataId);
    }
  });
  return values;
}

/** Computes recorded calls one by one. Where a kernel fails, reading its results, or what depends on them, throws. */
export function computeOnCpu(calls: readonly Call[]): void {
  for (const { kernel, inputs, attrs, outputs } of calls) {
    const values = new Map<object, EagerValue>();
    const tensors = mapEach(inputs, (value): TensorInfo => {
      const dataId = {};
      values.set(dataId, value);
      return { dataId, shape: [...value.shape], dtype: value.dtype };
    });
    try {
      const results = [runOnCpu(kernel, tensors, attrs, ({ dataId }) => values.get(dataId) as EagerValue)].flat();
      outputs.forEach((output, i) => {
        const { shape, values } = results[i] as EagerValue;
        if (!sameShape(shape, output.shape)) throw new Error(`${kernel} gave [${shape}], not [${output.shape}]`);
        output.settle(values);
      });
    } catch (error) {
      for (const output of outputs) output.fail(error);
    }
  }
}

/** Whether an input of a kernel is a tensor: some are pictures or lists. */
export const isTensor = (input: unknown): input is TensorInfo =>
  input !== null && typeof input === 'object' && 'dataId' in input;

function written(value: Stored): TensorInfo {
  const { shape, dtype } = value;
  const info = (values: BackendValues): TensorInfo & { rank: number } => {
    // Some kernels of the `cpu` backend read a rank.
    return { dataId: cpu().write(values, [...shape], dtype), shape: [...shape], dtype, rank: shape.length };
  };
  // Results may share memory with an input.
  if (value instanceof EagerValue) return info(value.own);
  if (value.dtype === 'string') return info(value.strings);
  const parts = { real: written(value.real), imag: written(value.imag) };
  const complex = tf.getKernel('Complex', 'cpu').kernelFunc({ inputs: parts, backend: cpu(), attrs: {} });
  for (const { dataId } of Object.values(parts)) cpu().disposeData(dataId);
  return complex as TensorInfo;
}

function stored(info: TensorInfo): Stored {
  const { dataId, shape, dtype } = info;
  if (dtype === 'complex64') return { shape, dtype, real: part(info, 'Real'), imag: part(info, 'Imag') };
  const values = cpu().readSync(dataId);
  if (dtype === 'string') return { shape, dtype, strings: values as Uint8Array[] };
  return new EagerValue(shape, dtype as NumberType, typed(values as Float32Array, dtype as NumberType));
}

function part(input: TensorInfo, kernel: 'Real' | 'Imag'): EagerValue {
  const result = tf.getKernel(kernel, 'cpu').kernelFunc({ inputs: { input }, backend: cpu(), attrs: {} }) as TensorInfo;
  const value = stored(result) as EagerValue;
  cpu().disposeData(result.dataId);
  return value;
}
