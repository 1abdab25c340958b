import type { DataType, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { hostValue, type Value } from './forms.ts';
import { type KernelName, kernels, reasons } from './kernels/index.ts';
import { mapEach } from './tape.ts';

/** What the tracing and the eager backend share: how tfjs calls kernels, and how a rule answers without a graph. */

/** The tensors that a kernel is called with: by name, or a list. */
export type Tensors = Readonly<Record<string, TensorInfo>> | readonly TensorInfo[];

interface Typed {
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

/** The names of all kernels that tfjs knows: the strings that tfjs-core exports under their own name. */
export function kernelNames(): string[] {
  const known = Object.entries(tf).flatMap(([name, value]) => (name === value ? [name] : []));
  return [...new Set([...Object.keys(kernels), ...known])];
}

/** Whether a kernel has a rule. */
export const isLowered = (kernel: string): kernel is KernelName => kernel in kernels;

/** @throws Error with the reason, where the kernel has no rule */
export function requireRule(kernel: string): asserts kernel is KernelName {
  if (!isLowered(kernel)) throw new Error(reasons[kernel as keyof typeof reasons] ?? 'tfjs has no such kernel');
}

/** The inputs of a call without those that the program left out. */
export function definedInputs(inputs: tf.NamedTensorInfoMap): Tensors {
  if (Array.isArray(inputs)) return inputs as TensorInfo[];
  const defined: Record<string, TensorInfo> = {};
  for (const name in inputs) if (inputs[name]) defined[name] = inputs[name];
  return defined;
}

/**
 * What a call gives, by its kernel's rule: a shape and a dtype, or a list where the kernel has several outputs.
 * @throws Error where the call cannot be lowered
 */
export function resultOf(
  kernel: KernelName,
  inputs: Readonly<Record<string, Typed>> | readonly Typed[],
  attrs: Readonly<Record<string, unknown>>,
): Value | readonly Value[] {
  const rule = kernels[kernel] as (inputs: unknown, attrs: unknown) => Value | readonly Value[];
  return rule(mapEach(inputs, unlowered), attrs);
}

/** A value that has a shape and a dtype, and is in no graph. */
const unlowered = ({ shape, dtype }: Typed): Value =>
  hostValue(shape, dtype, () => {
    throw new Error('a rule added nodes while its kernel was called');
  });

/** The tfjs ops that are running, by the names that the user calls: `conv2d`. */
export function runningOps(): string {
  const scopes = (tf.engine().state as unknown as { scopeStack: { name: string }[] }).scopeStack;
  const ops = scopes.map(({ name }) => name).filter((name) => name.endsWith('__op'));
  return [...new Set(ops.map((name) => name.replace('__op', '')))].join(' → ');
}

/** Adds op and kernel to an error's message, and the part of the program: `layer encoder/conv1`. */
export function located(error: unknown, kernel: string, inputs: Tensors, part = ''): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const shapes = Object.values(inputs).map(({ shape, dtype }) => `${dtype}[${shape}]`);
  const ops = runningOps();
  const where = `${part && `${part}: `}${ops && `tf.${ops}: `}`;
  return new Error(`${where}kernel ${kernel}(${shapes.join(', ')}): ${reason}`, { cause: error });
}
