import type { DataType } from '@tensorflow/tfjs-core';
import type { Tensor } from 'onnxruntime-common';
import { product } from '../ir.ts';
import type { KernelName } from '../kernels/index.ts';
import type { Values } from '../run.ts';
import type { Held } from './held.ts';
import { hostTensor } from './ort.ts';

/** A kernel call that was recorded and has not run. */
export interface Call {
  readonly kernel: KernelName;
  readonly inputs: Readonly<Record<string, EagerValue>> | readonly EagerValue[];
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly outputs: readonly EagerValue[];
  /** Equal for calls of one kernel with the same attributes and the same types of inputs. */
  readonly kind: number;
  /** Position among all calls. */
  readonly order: number;
  /** The layer that made the call, or ''. */
  readonly scope: string;
}

/** What the backend stores for a tensor. */
export type Stored = EagerValue | StringValue | ComplexValue;

interface StringValue {
  readonly shape: readonly number[];
  readonly dtype: 'string';
  /** UTF-8. */
  readonly strings: Uint8Array[];
}

interface ComplexValue {
  readonly shape: readonly number[];
  readonly dtype: 'complex64';
  readonly real: EagerValue;
  readonly imag: EagerValue;
}

/** The dtypes that have real numbers. */
export type NumberType = Exclude<DataType, 'string' | 'complex64'>;

/** What a tensor of numbers holds: values in host memory, or the call that will compute them. */
export class EagerValue {
  readonly shape: readonly number[];
  readonly dtype: NumberType;
  /** How many elements. */
  readonly size: number;
  /** The call that will compute the values. */
  call: Call | undefined;
  /** The program made the values: they were not computed. */
  readonly given: boolean;
  /** Whether a variable has had this value: such values stay inside graphs. */
  ofVariable = false;
  #values: Values | undefined;
  #tensor: Tensor | undefined;
  #held: { readonly buffer: Held; readonly index: number } | undefined;
  #users = 0;
  #type: number | undefined;
  #error: unknown;

  constructor(shape: readonly number[], dtype: NumberType, values?: Values, given = false, size = product(shape)) {
    this.shape = shape;
    this.dtype = dtype;
    this.size = size;
    // Nothing has to run for no elements. Complex numbers only occur between two calls.
    const done = this.size === 0 && dtype in ARRAYS;
    this.#values = values ?? (done ? arrayOf(dtype, 0) : undefined);
    this.given = given;
  }

  /** A number that stands for shape and dtype. */
  get type(): number {
    this.#type ??= typeNumber(`${this.dtype}[${this.shape}]`);
    return this.#type;
  }

  get pending(): boolean {
    return this.#values === undefined && this.#held === undefined && this.#error === undefined;
  }

  /** Why the values could not be computed. */
  get error(): unknown {
    return this.#error;
  }

  /** The buffer of variables that has the value, and its place there. */
  get held(): { readonly buffer: Held; readonly index: number } | undefined {
    return this.#held;
  }

  /**
   * The values, which nobody may change.
   * @throws what their computation threw
   */
  get values(): Values {
    if (this.#error !== undefined) throw this.#error;
    if (this.#held) return this.#held.buffer.member(this.#held.index);
    if (!this.#values) throw new Error('a value was read before it was computed');
    return this.#values;
  }

  /** The values, apart from the buffers of variables, which later steps write again. */
  get own(): Values {
    return this.#held ? this.values.slice() : this.values;
  }

  /** The values as a tensor for ONNX Runtime, once they are there. */
  get tensor(): Tensor {
    if (this.#held) return hostTensor(this.values, this.shape, this.dtype);
    this.#tensor ??= hostTensor(this.values, this.shape, this.dtype);
    return this.#tensor;
  }

  /** A value of the same shape and dtype. */
  another(): EagerValue {
    const value = new EagerValue(this.shape, this.dtype, undefined, false, this.size);
    value.#type = this.type;
    return value;
  }

  /** Ends the wait for the call that computes the values. */
  settle(values: Values): void {
    this.#values = values;
    this.call = undefined;
  }

  /** Ends the wait where the values could not be computed: who reads them is told. */
  fail(error: unknown): void {
    this.#error = error;
    this.call = undefined;
  }

  /** Takes the value from a buffer of variables. */
  hold(buffer: Held, index: number): void {
    if (this.#users > 0 && this.#held) this.#held.buffer.users--;
    this.#held = { buffer, index };
    this.#values = undefined;
    this.#tensor = undefined;
    this.call = undefined;
    if (this.#users > 0) buffer.users++;
  }

  /** Whether no tensor refers to the value. */
  get isUnused(): boolean {
    return this.#users === 0;
  }

  /** A tensor refers to the value. */
  acquire(): void {
    this.#users++;
    if (this.#users === 1 && this.#held) this.#held.buffer.users++;
  }

  /** A tensor no longer refers to the value. @returns the buffer that nothing needs any more, once pending calls have run */
  release(): Held | undefined {
    this.#users--;
    if (this.#users > 0 || !this.#held) return undefined;
    const { buffer } = this.#held;
    buffer.users--;
    return buffer.users === 0 ? buffer : undefined;
  }
}

const types = new Map<string, number>();
let nextType = 0;

/** Two numbers for one type do no harm: equal graphs are built twice. */
function typeNumber(type: string): number {
  const known = types.get(type);
  if (known !== undefined) return known;
  if (types.size > 10_000) types.clear(); // a program whose shapes always change must not fill the memory
  types.set(type, nextType);
  return nextType++;
}

const ARRAYS = { float32: Float32Array, int32: Int32Array, bool: Uint8Array };

export const arrayOf = (dtype: NumberType, length: number): Values => new ARRAYS[dtype](length);

/** Numbers as the kind of array that a dtype has: a copy, unless they are one already. */
export function typed(values: ArrayLike<number>, dtype: NumberType): Values {
  return values instanceof ARRAYS[dtype] ? values : ARRAYS[dtype].from(values);
}
