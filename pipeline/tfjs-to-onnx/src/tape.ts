import type { DataType, TypedArray } from '@tensorflow/tfjs-core';
import type { KernelName } from './kernels/index.ts';

export { mapEach } from './ir.ts';

/** A tensor on the tape. */
export interface TapeValue<Kind extends keyof Sources = keyof Sources> {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly source: Sources[Kind];
}

/** Where a tensor on the tape comes from. */
interface Sources {
  readonly input: {
    readonly kind: 'input';
    readonly name: string;
    readonly storage: 'uint8' | undefined;
    readonly layout?: 'nchw' | undefined;
  };
  readonly variable: { readonly kind: 'variable'; readonly name: string };
  /** `name` is the variable's, or UNNAMED; the values are those of the variable unless they are derived from it. */
  readonly constant: {
    readonly kind: 'constant';
    readonly name: string;
    readonly values: TypedArray;
    readonly derived?: boolean;
  };
  /** `known` computes the numbers of a tensor that depends on no input and no variable. */
  readonly op: { readonly kind: 'op'; readonly known?: (() => TypedArray | undefined) | undefined };
}

export type TapeInputs = Readonly<Record<string, TapeValue>> | readonly TapeValue[];

/** The name of constants that are no variable's. */
export const UNNAMED = 'constant';

/** One kernel call, as tfjs made it, or what passes make of several. */
export interface TapeOp {
  readonly kernel: KernelName | typeof LOOP | typeof WHILE | typeof LAYER_NORM;
  readonly inputs: TapeInputs;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Filled when the call is recorded. */
  readonly outputs: TapeValue[];
  /** The layer that made the call, `encoder/conv1`, or ''. */
  readonly scope: string;
  /** What a loop does. Its inputs are the first states, the sequences, and whatever the steps read besides. */
  readonly step?: Step;
}

export const LOOP = 'Loop';

/** A loop without sequences that goes on while its first state, a bool, is true. Its outputs are the other states. */
export const WHILE = 'While';

/** A normalization of rows by their own mean and variance: `x`, `scale` and perhaps `offset`, with an `epsilon`. */
export const LAYER_NORM = 'LayerNormalization';

/** One step of a loop over sequences. */
export interface Step {
  readonly ops: readonly TapeOp[];
  /** Stand for the states before the step, and for its part of each sequence. */
  readonly states: readonly TapeValue[];
  readonly slices: readonly TapeValue[];
  /** The states after the step. The loop's first outputs are those after the last step. */
  readonly next: readonly TapeValue[];
  /** The loop's other outputs are these of all steps, along a first axis. */
  readonly each: readonly TapeValue[];
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
