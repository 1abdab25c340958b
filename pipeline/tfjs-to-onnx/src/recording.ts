import type { DataType, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { computed, valuesOf } from './constants.ts';
import type { Value } from './forms.ts';
import { product, sameShape } from './ir.ts';
import { resultOf, runningOps } from './kernel-calls.ts';
import type { KernelName } from './kernels/index.ts';
import { mostRows } from './kernels/unknown-size.ts';
import { inputsOf, type TapeInputs, type TapeOp, type TapeValue, UNNAMED, WHILE } from './tape.ts';

/** Names a constant, or throws where the trace may not have it. */
type NameConstant = (dataId: object, values: TypedArray, shape: readonly number[]) => string;

/** What one trace has recorded so far. */
export class Recording {
  readonly ops: TapeOp[] = [];
  /** The layer that is being called. */
  scope = '';
  /** What messages call it: `layer encoder/conv1`, or a node of a GraphModel. */
  label = '';
  /** Whether values are only read to check them: each check is passed, as a graph cannot fail. */
  passesChecks = false;
  readonly #values = new WeakMap<object, TapeValue>();
  readonly #nameConstant: NameConstant;
  readonly #unknownSize: ((limit: number) => number) | undefined;
  /** Whether a size was assumed so far. */
  #openSizes = false;

  readonly #strict: boolean;

  /**
   * @param unknownSize the size to assume where values decide it
   * @param strict whether random numbers are refused even if a seed makes them the same each time
   */
  constructor(nameConstant: NameConstant, unknownSize?: (limit: number) => number, strict = false) {
    this.#nameConstant = nameConstant;
    this.#unknownSize = unknownSize;
    this.#strict = strict;
  }

  /**
   * Says of random numbers that are to become a constant that they will be the same at each run.
   * @throws Error where that cannot be meant
   */
  freezeRandom(hasSeed: boolean, shape: readonly number[]): void {
    const [ops, random] = [runningOps(), `the [${shape}] random numbers`];
    const where = `${this.label && `${this.label}: `}${ops && `tf.${ops}: `}`;
    if (hasSeed && !this.#strict) {
      console.warn(`${where}${random} that a seed gives are constants in the graph, the same at each run`);
      return;
    }
    const remedy = `give them as an input${this.#strict ? '' : ', or give a seed if they are meant to stay the same'}`;
    throw new Error(`${where}${random} would be the same at each run; ${remedy}`);
  }

  /** Makes a tensor that stands for a value from outside, or for one that the tape has. */
  tensor(value: TapeValue): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    return { dataId, shape: [...value.shape], dtype: value.dtype };
  }

  /** Whether a tensor belongs to this trace. */
  has({ dataId }: TensorInfo): boolean {
    return this.#values.has(dataId);
  }

  /** The value that a tensor stands for. A tensor of another backend becomes a constant. */
  value({ dataId, shape, dtype }: TensorInfo): TapeValue {
    const known = this.#values.get(dataId);
    // A tensor may be seen through another shape (tfjs's reshape shares data), never through another type.
    if (known) return known;
    const home = tf.engine().state.tensorInfo.get(dataId)?.backend;
    if (!home) throw new Error('a disposed tensor is used');
    const values = home.readSync(dataId) as TypedArray;
    return this.constant(dataId, values, shape, dtype);
  }

  constant(dataId: object, values: TypedArray, shape: readonly number[], dtype: DataType): TapeValue {
    const name = this.#nameConstant(dataId, values, shape);
    const value: TapeValue = { shape, dtype, source: { kind: 'constant', name, values } };
    this.#values.set(dataId, value);
    return value;
  }

  /**
   * Records a call. The kernel's rule gives the outputs' shapes and dtypes, and refuses calls that cannot be lowered;
   * it adds no nodes, as there is no graph yet. The results of known inputs are known.
   */
  call(kernel: KernelName, inputs: TapeInputs, given: TapeOp['attrs']): TensorInfo | TensorInfo[] {
    const most = mostRows[kernel]?.(inputs as Readonly<Record<string, TapeValue>>, given);
    const constants = most === undefined ? undefined : this.constantCall(kernel, inputs, given);
    if (constants) return constants;
    const rows = most === undefined ? undefined : this.#unknownSize?.(most);
    if (rows !== undefined) this.#openSizes = true;
    const openSizes = this.#openSizes || undefined;
    return this.#add(kernel, inputs, openSizes ? { ...given, rows, openSizes } : given);
  }

  #add(kernel: KernelName, inputs: TapeInputs, attrs: TapeOp['attrs']): TensorInfo | TensorInfo[] {
    let given: Value | readonly Value[];
    try {
      given = resultOf(kernel, inputs, attrs);
    } catch (refusal) {
      const constants = this.constantCall(kernel, inputs, attrs);
      if (constants) return constants;
      throw refusal;
    }
    refuseHuge([given].flat(), Object.keys(inputs).length > 0 || kernel === 'Fill' ? LARGEST : LARGEST_CONSTANT);
    const moderate = [given].flat().every(({ shape }) => product(shape) <= LARGEST_CONSTANT);
    const known = moderate ? computed(kernel, inputs, attrs) : undefined;
    const outputs = [given].flat().map(({ shape, dtype }, i): TapeValue => {
      return { shape, dtype, source: { kind: 'op', known: known && (() => known()[i]?.values) } };
    });
    this.ops.push({ kernel, inputs, attrs, outputs, scope: this.scope });
    const tensors = outputs.map((output) => this.tensor(output));
    return Array.isArray(given) ? tensors : (tensors[0] as TensorInfo);
  }

  /**
   * Records a loop that goes on while a condition holds.
   * @param scope the name of its node
   * @param first the condition, a bool, and the states before the first step
   * @param step from states to the condition and the states after a step
   */
  loop(
    scope: string,
    first: readonly TapeValue[],
    step: (states: TensorInfo[]) => readonly TensorInfo[],
  ): TensorInfo[] {
    const states = first.map(({ shape, dtype }): TapeValue => ({ shape, dtype, source: { kind: 'op' } }));
    const start = this.ops.length;
    const next = step(states.slice(1).map((state) => this.tensor(state))).map((tensor) => this.value(tensor));
    const ops = this.ops.splice(start);
    const changed = first.findIndex(({ shape, dtype }, i) => {
      const after = next[i];
      return !after || !sameShape(after.shape, shape) || after.dtype !== dtype;
    });
    if (changed >= 0 || next.length !== first.length) {
      const [before, after] = [first[changed], next[changed]].map((one) => `${one?.dtype}[${one?.shape}]`);
      throw new Error(`a loop that depends on values has to keep the shapes of its states: ${before} becomes ${after}`);
    }
    const inside = new Set([...states, ...ops.flatMap(({ outputs }) => outputs)]);
    const read = new Set([...ops.flatMap(inputsOf), ...next].filter((value) => !inside.has(value)));
    const outputs = first.slice(1).map(({ shape, dtype }): TapeValue => ({ shape, dtype, source: { kind: 'op' } }));
    const attrs = { loop: start }; // no two loops are the same call
    const body = { ops, states, slices: [], next, each: [] };
    this.ops.push({ kernel: WHILE, inputs: [...first, ...read], attrs, outputs, scope, step: body });
    return outputs.map((output) => this.tensor(output));
  }

  /** Computes a call that graphs do not have, if its inputs are known: the results become constants. */
  constantCall(kernel: string, inputs: TapeInputs, attrs: TapeOp['attrs']): TensorInfo | TensorInfo[] | undefined {
    const known = computed(kernel, inputs, attrs)?.();
    const tensors = known?.map(({ shape, dtype, values }) =>
      this.tensor({ shape, dtype, source: { kind: 'constant', name: UNNAMED, values } }),
    );
    return tensors?.length === 1 ? tensors[0] : tensors;
  }

  /** The numbers of a tensor of this trace that does not depend on inputs or variables. */
  read(dataId: object): TypedArray | undefined {
    const value = this.#values.get(dataId);
    return value && valuesOf(value);
  }
}

/** The most elements that an array can have, and a constant that is to be computed and stored. */
const [LARGEST, LARGEST_CONSTANT] = [2 ** 31, 2 ** 27];

/** @throws Error for a result with more elements than it can have */
function refuseHuge(results: readonly Value[], most: number): void {
  const shape = results.map((value) => value.shape).find((sizes) => product(sizes) > most);
  if (shape) throw new Error(`its result, [${shape}], has ${product(shape)} elements; at most ${most} are possible`);
}
