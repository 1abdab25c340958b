import * as tf from '@tensorflow/tfjs-core';
import { product } from '../ir.ts';
import type { KernelName } from '../kernels/index.ts';
import { type Call, EagerValue } from './value.ts';

/** The most elements, inputs and outputs together, of a call that is not worth a place in a graph. */
const FEW = 64;

/**
 * Whether a call should be computed at once on tfjs's `cpu` backend: where few numbers are there already, such as an
 * optimizer's powers of beta or a sum of losses. The graph gets the result as an input.
 */
export function isSmall(kernel: string, inputs: Call['inputs'], attrs: Call['attrs'], result: EagerValue): boolean {
  // A graph need not store zeros and ones; another number may change from step to step, and would be part of the graph.
  if (kernel === 'Fill') return attrs.value !== 0 && attrs.value !== 1;
  if (kernel === 'OnesLike' || kernel === 'ZerosLike') return false;
  let size = 0;
  for (const name in inputs) {
    const input = (inputs as Readonly<Record<string, EagerValue>>)[name] as EagerValue;
    if (!isThere(input)) return false;
    size += input.size;
  }
  return size + result.size <= FEW;
}

/** Scalar variables are always read to the host; larger ones stay in graphs, from the first step on. */
const isThere = (value: EagerValue): boolean =>
  !value.pending && !value.held && (!value.ofVariable || value.shape.length === 0);

/**
 * A part of values that are there already, or the same in another shape: without a graph, because where a slice begins
 * would be part of it. Undefined where the call is another one.
 */
export function partOf(
  kernel: string,
  inputs: Call['inputs'],
  attrs: Call['attrs'],
  result: EagerValue,
): EagerValue | undefined {
  const { x } = inputs as Readonly<Record<string, EagerValue | undefined>>;
  if (!x || !isThere(x)) return undefined;
  const { shape, dtype } = result;
  if (kernel === 'Reshape') return new EagerValue(shape, dtype, x.values, x.given);
  if (kernel !== 'Slice') return undefined;
  const { begin, size } = attrs as { begin: number | number[]; size: number | number[] };
  const [from, sizes] = tf.slice_util.parseSliceParams({ shape: [...x.shape] } as tf.TensorInfo, begin, size);
  if (!from || !sizes || !tf.slice_util.isSliceContinous([...x.shape], from, sizes)) return undefined;
  const start = tf.slice_util.computeFlatOffset(from, tf.util.computeStrides([...x.shape]));
  return new EagerValue(shape, dtype, x.values.subarray(start, start + product(shape)), x.given);
}

/**
 * The check that tfjs's `cpu` backend makes of indices, where they are there already.
 * @throws Error for an index outside
 */
export function checkIndices(kernel: string, inputs: Call['inputs'], attrs: Call['attrs']): void {
  if (kernel !== 'GatherV2') return;
  const { x, indices } = inputs as Readonly<Record<'x' | 'indices', EagerValue>>;
  if (!isThere(indices)) return;
  const [axis = 0] = tf.util.parseAxisParam((attrs as { axis: number }).axis, [...x.shape]);
  const size = x.shape[axis] ?? 0;
  const outside = indices.values.find((index) => index < 0 || index >= size);
  if (outside !== undefined) throw new Error(`index ${outside} is out of range (0 to ${size - 1})`);
}

/** Kernels whose work is not of the order of their inputs and outputs. */
const HEAVY = /MatMul|Conv|Einsum|FFT|Pool|Resize|Dilation|NonMax/;

/** How many elementary operations are light work. */
const LIGHT = 50_000;

/** Whether calls are together too light for several threads. */
export const isLight = (calls: readonly Call[]): boolean =>
  calls.reduce((work, call) => work + workOf(call), 0) < LIGHT;

/** About how many elementary operations a call is. */
function workOf({ kernel, inputs, outputs }: Call): number {
  const made = outputs.reduce((sum, { size }) => sum + size, 0);
  const read = (Object.values(inputs) as EagerValue[]).map(({ size }) => size);
  return HEAVY.test(kernel satisfies KernelName) ? made * Math.max(...read) : read.reduce((a, b) => a + b, made);
}
