import type { DataType, TypedArray } from '@tensorflow/tfjs-core';
import type { KernelName } from './kernels/index.ts';

/** A tensor on the tape. */
export interface TapeValue<Kind extends keyof Sources = keyof Sources> {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly source: Sources[Kind];
}

/** Where a tensor on the tape comes from. */
interface Sources {
  readonly input: { readonly kind: 'input'; readonly name: string; readonly storage: 'uint8' | undefined };
  readonly variable: { readonly kind: 'variable'; readonly name: string };
  /** `name` is the variable's, or UNNAMED. */
  readonly constant: { readonly kind: 'constant'; readonly name: string; readonly values: TypedArray };
  readonly op: { readonly kind: 'op' };
}

export type TapeInputs = Readonly<Record<string, TapeValue>> | readonly TapeValue[];

/** The name of constants that are no variable's. */
export const UNNAMED = 'constant';

/** One kernel call, as tfjs made it. */
export interface TapeOp {
  readonly kernel: KernelName;
  readonly inputs: TapeInputs;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Filled when the call is recorded. */
  readonly outputs: TapeValue[];
  /** The layer that made the call, `encoder/conv1`, or ''. */
  readonly scope: string;
}

/** A traced program: its kernel calls in order, inputs, variables and outputs. */
export interface Tape {
  readonly ops: readonly TapeOp[];
  readonly inputs: readonly TapeValue<'input'>[];
  /** The variables as the program found them … */
  readonly variables: readonly TapeValue<'variable'>[];
  /** … and as it left them, in the same order. */
  readonly updates: readonly TapeValue[];
  readonly outputs: Readonly<Record<string, TapeValue>>;
}

/** The inputs of a kernel call as a list. */
export const inputsOf = ({ inputs }: TapeOp): TapeValue[] => Object.values(inputs);

/** Replaces each of a call's inputs and keeps their names. */
export function mapEach<From, To>(
  inputs: Readonly<Record<string, From>> | readonly From[],
  change: (value: From) => To,
): Record<string, To> | To[] {
  if (Array.isArray(inputs)) return inputs.map(change);
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, change(value)]));
}
