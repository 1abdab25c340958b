import type { DataType, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { computed, valuesOf } from './constants.ts';
import type { Value } from './forms.ts';
import { product } from './ir.ts';
import {
  definedInputs,
  isLowered,
  kernelNames,
  located,
  requireRule,
  resultOf,
  runningOps,
  type Tensors,
} from './kernel-calls.ts';
import type { KernelName } from './kernels/index.ts';
import { mostRows } from './kernels/unknown-size.ts';
import { type RandomWatch, watchRandom } from './random.ts';
import { mapEach, type TapeInputs, type TapeOp, type TapeValue, UNNAMED } from './tape.ts';

/** A tfjs backend that computes nothing: its kernels record their calls on the tape of the trace in progress. */

const BACKEND = 'onnx-trace';

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

let recording: Recording | undefined;
let random: RandomWatch | undefined;

/** Runs `program` with the tracing backend writing into `into`. */
export function record<T>(into: Recording, program: () => T): T {
  const leave = enter(into);
  try {
    return program();
  } finally {
    leave();
  }
}

/** The same for a program that waits. Until it is done, nothing else may use tfjs. */
export async function recordAsync<T>(into: Recording, program: () => Promise<T>): Promise<T> {
  const leave = enter(into);
  try {
    return await program();
  } finally {
    leave();
  }
}

/** Makes the tracing backend tfjs's own. Returns a function that undoes it. */
function enter(into: Recording): () => void {
  if (recording) throw new Error('a trace is in progress; traces cannot be nested');
  const before = homeBackend();
  register();
  // A backend made by a synchronous factory is in place when `setBackend` returns.
  void tf.setBackend(BACKEND);
  recording = into;
  random = watchRandom();
  tf.engine().startScope('trace');
  return () => {
    tf.engine().endScope();
    random?.stop();
    recording = undefined;
    void tf.setBackend(before);
  };
}

/** The backend in use, which tfjs chooses when it is first needed: constants live there. */
function homeBackend(): string {
  if (!tf.getBackend()) {
    if (Object.keys(tf.engine().registryFactory).length === 0) {
      throw new Error('TensorFlow.js has no backend yet; import one, such as @tensorflow/tfjs-backend-cpu');
    }
    tf.backend();
  }
  return tf.getBackend();
}

function current(doing: string): Recording {
  if (!recording) throw new Error(`${doing} outside a trace: the backend "${BACKEND}" only records; use trace()`);
  return recording;
}

class TracingBackend extends tf.KernelBackend {
  override write(values: tf.BackendValues, shape: number[], dtype: DataType): object {
    const dataId = {};
    if (typeof values === 'string' || Array.isArray(values)) throw new Error('tensors of strings cannot be traced');
    const rec = current('a tensor was made');
    const drawn = random?.drawn();
    if (drawn) rec.freezeRandom(drawn === 'with a seed', shape);
    rec.constant(dataId, values as TypedArray, shape, dtype);
    return dataId;
  }

  override readSync(dataId: object): TypedArray {
    const known = recording?.read(dataId);
    if (known) return known;
    if (recording?.passesChecks) return Uint8Array.of(1);
    const [label, ops] = [recording?.label, runningOps()];
    const found = `the values of a traced tensor were asked for${ops ? ` in tf.${ops}` : ''}`;
    const remedy = label
      ? 'convert the parts before and after it, and do this between them'
      : 'keep data(), dataSync(), array() and print() out of the traced program';
    throw new Error(`${label ? `${label}: ` : ''}${found}: a graph cannot depend on them; ${remedy}`);
  }

  override async read(dataId: object): Promise<TypedArray> {
    return this.readSync(dataId);
  }

  /** Number of tensors that share data, where it is not one. */
  readonly #shared = new WeakMap<object, number>();

  override refCount = (dataId: object): number => this.#shared.get(dataId) ?? 1;
  override incRef = (dataId: object): void => {
    this.#shared.set(dataId, this.refCount(dataId) + 1);
  };
  override disposeData = (dataId: object): boolean => {
    this.#shared.set(dataId, this.refCount(dataId) - 1);
    return this.refCount(dataId) < 1;
  };
  override numDataIds = () => 0;
  override timerAvailable = () => false;
  override floatPrecision = () => 32 as const;
  override epsilon = () => 1e-7;
  override memory = () => ({ unreliable: true });
  override dispose = () => {};
}

let registered = false;

function register(): void {
  if (registered) return;
  registered = true;
  tf.registerBackend(BACKEND, () => new TracingBackend(), 0);
  for (const kernelName of kernelNames()) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => {
      const given = definedInputs(inputs);
      try {
        return call(kernelName, given, (attrs ?? {}) as TapeOp['attrs']);
      } catch (error) {
        throw located(error, kernelName, given, recording?.label);
      }
    };
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}

function call(kernel: string, given: Tensors, attrs: TapeOp['attrs']): TensorInfo | TensorInfo[] {
  const rec = current(`kernel ${kernel} was called`);
  const inputs = mapEach(given, (tensor) => rec.value(tensor));
  const known = isLowered(kernel) ? undefined : rec.constantCall(kernel, inputs, attrs);
  if (known) return known;
  requireRule(kernel);
  // tfjs clones whatever a gradient may need: another tensor for the same value, and no call to record.
  return kernel === 'Identity' ? rec.tensor(Object.values(inputs)[0] as TapeValue) : rec.call(kernel, inputs, attrs);
}
