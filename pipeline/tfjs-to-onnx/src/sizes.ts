import type { Attributes, ElementType, Ref } from './graph.ts';

/** Shape and type of each output of an ONNX node. */
export interface Inferred {
  readonly shape: readonly number[];
  readonly type: ElementType;
}
export type Infer = (inputs: readonly Ref[], attrs: Attributes) => Inferred | Inferred[];

/** The numbers of a constant ref. */
export function constantInts(ref: Ref): number[] {
  if (!ref.constant) throw new Error(`${ref.name} must be a constant`);
  return Array.from(ref.constant as ArrayLike<number | bigint>, Number);
}

export const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** An attribute that is a list of integers. */
export function ints(value: Attributes[string]): number[] {
  if (!Array.isArray(value)) throw new Error(`expected a list of integers, got ${String(value)}`);
  return value;
}

export function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a required input is missing');
  return value;
}

export function at(list: readonly (number | undefined)[], i: number): number {
  const value = list[i];
  if (value === undefined) throw new Error(`no element ${i} in [${list}]`);
  return value;
}
