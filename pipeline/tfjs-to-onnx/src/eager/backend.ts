import type { BackendValues, DataType, TensorInfo } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { sameShape } from '../ir.ts';
import { located, type Tensors } from '../kernel-calls.ts';
import { mapEach } from '../tape.ts';
import { recordComplex } from './complex.ts';
import { Executor, type ExecutorOptions } from './execute.ts';
import { checkIndices, isSmall, partOf } from './host.ts';
import { currentLayer, watchLayers } from './layers.ts';
import { isOnCpu, isTensor, runOnCpu } from './on-cpu.ts';
import { recordCall } from './record.ts';
import { type Call, EagerValue, type NumberType, type Stored, typed } from './value.ts';

export type EagerOptions = ExecutorOptions;

/**
 * A tfjs backend that computes in ONNX Runtime. Kernel calls are recorded; what is pending runs as one graph when a
 * value is read or a step ends.
 */
export class EagerBackend extends tf.KernelBackend {
  readonly #data: tf.DataStorage<{ refs: number; readonly stored: Stored }>;
  #executor: Executor;
  #options: EagerOptions;

  constructor(options: EagerOptions = {}) {
    super();
    this.#options = options;
    this.#executor = new Executor(options);
    this.#data = new tf.DataStorage(this, tf.engine());
  }

  /** Forgets all graphs, and computes in another way from now on. */
  configure(options: EagerOptions): void {
    this.flush();
    this.#executor.dispose();
    this.#executor = new Executor(options);
    this.#options = options;
  }

  get log() {
    return this.#executor.log;
  }

  get isPending(): boolean {
    return this.#executor.isPending;
  }

  /** Runs what is pending. */
  flush(): void {
    this.#executor.flush(this.#variables(Object.values(tf.engine().registeredVariables)));
  }

  /** @param isOutside whether no tidy is open; else tensors may still be disposed of */
  stepEnded(isOutside: boolean): void {
    if (isOutside) this.flush();
    else this.#executor.isDue = true;
  }

  variableMade(variable: tf.Variable): void {
    watchLayers();
    for (const [made, value] of this.#variables([variable])) this.#executor.variableMade(made, value);
  }

  /** Calls a kernel, whose results are computed later. */
  call(kernel: string, tensors: Tensors, attrs: Call['attrs']): TensorInfo | TensorInfo[] {
    if (this.#executor.isDue) this.flush();
    if (kernel === 'Identity') return this.#shared(Object.values(tensors)[0] as TensorInfo);
    const results = this.#lowered(kernel, tensors, attrs) ?? this.#onCpu(kernel, tensors, attrs);
    return Array.isArray(results) ? results.map((result) => this.#put(result)) : this.#put(results as Stored);
  }

  /** Another tensor on the same data. */
  #shared({ dataId, shape, dtype }: TensorInfo): TensorInfo {
    this.incRef(dataId);
    return { dataId, shape: [...shape], dtype };
  }

  /** The results of a call as values to compute; undefined if it has to run on tfjs's `cpu` backend. */
  #lowered(kernel: string, tensors: Tensors, attrs: Call['attrs']): Stored | Stored[] | undefined {
    try {
      const inputs = mapEach(tensors, this.#view);
      const parts = complexParts(kernel, inputs, attrs);
      if (parts) return parts;
      const numbers = numeric(inputs);
      checkIndices(kernel, numbers, attrs);
      const results = recordCall(kernel, numbers, attrs, currentLayer());
      return this.#atOnce(kernel, tensors, numbers, attrs, results) ?? results;
    } catch (error) {
      if (this.#options.cpuFallback !== false || hasStrings(tensors, attrs)) return undefined;
      throw located(error, kernel, tensors, currentLayer());
    }
  }

  /** The results of a call that is not worth a place in a graph. */
  #atOnce(
    kernel: string,
    tensors: Tensors,
    inputs: Call['inputs'],
    attrs: Call['attrs'],
    results: EagerValue | EagerValue[],
  ): Stored | Stored[] | undefined {
    if (this.#options.onlyGraphs || Array.isArray(results)) return undefined;
    if (isSmall(kernel, inputs, attrs, results) && isOnCpu(kernel)) {
      this.log.small++;
      return runOnCpu(kernel, tensors, attrs, this.#view);
    }
    return partOf(kernel, inputs, attrs, results);
  }

  #onCpu(kernel: string, tensors: Tensors, attrs: Call['attrs']): Stored | Stored[] {
    this.flush();
    const results = runOnCpu(kernel, tensors, attrs, this.#view);
    if (!hasStrings(tensors, attrs)) this.#executor.tellOnCpu(kernel);
    return results;
  }

  /** What a tensor holds. Another backend's tensors may share data seen as another shape or type. */
  readonly #view = (tensor: TensorInfo): Stored => {
    if (!isTensor(tensor)) throw new Error('an input is not a tensor');
    const { dataId, shape, dtype } = tensor;
    const { stored } = this.#data.get(dataId);
    if (!(stored instanceof EagerValue)) return stored;
    if (stored.error !== undefined) throw stored.error;
    const same = sameShape(stored.shape, shape);
    if (same && stored.dtype === dtype) return stored;
    if (!stored.pending) return new EagerValue(shape, dtype as NumberType, typed(stored.own, dtype as NumberType));
    const reshaped = same ? stored : (recordCall('Reshape', { x: stored }, { shape }, '') as EagerValue);
    if (stored.dtype === dtype) return reshaped;
    return recordCall('Cast', { x: reshaped }, { dtype }, '') as EagerValue;
  };

  #put(stored: Stored): TensorInfo {
    const dataId = {};
    this.#store(dataId, stored, 1);
    return { dataId, shape: [...stored.shape], dtype: stored.dtype };
  }

  #store(dataId: object, stored: Stored, refs: number): void {
    this.#data.set(dataId, { refs, stored });
    for (const value of numbersOf(stored)) this.#executor.acquire(value);
  }

  override write(values: BackendValues, shape: number[], dtype: DataType): object {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(dataId: object, values: BackendValues, shape: number[], dtype: DataType, refs: number): void {
    this.#store(dataId, given(values, [...shape], dtype), refs);
  }

  override readSync(dataId: object): BackendValues {
    const { stored } = this.#data.get(dataId);
    if (stored.dtype === 'string') return stored.strings;
    if (numbersOf(stored).some(({ pending }) => pending)) this.flush();
    if (stored.dtype !== 'complex64') return stored.values.slice();
    return tf.backend_util.mergeRealAndImagArrays(
      stored.real.values as Float32Array,
      stored.imag.values as Float32Array,
    );
  }

  override async read(dataId: object): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override disposeData(dataId: object, force = false): boolean {
    if (!this.#data.has(dataId)) return true;
    const entry = this.#data.get(dataId);
    entry.refs--;
    if (!force && entry.refs > 0) return false;
    this.#data.delete(dataId);
    for (const value of numbersOf(entry.stored)) this.#executor.release(value);
    return true;
  }

  /** The values of variables. */
  *#variables(variables: readonly tf.Variable[]): Generator<readonly [tf.Variable, EagerValue]> {
    for (const variable of variables) {
      const stored = this.#data.has(variable.dataId) ? this.#data.get(variable.dataId).stored : undefined;
      if (stored instanceof EagerValue) yield [variable, stored];
    }
  }

  override refCount = (dataId: object): number => (this.#data.has(dataId) ? this.#data.get(dataId).refs : 0);
  override incRef = (dataId: object): void => {
    this.#data.get(dataId).refs++;
  };
  override numDataIds = (): number => this.#data.numDataIds();
  override timerAvailable = () => true;
  override async time(f: () => void): Promise<tf.BackendTimingInfo> {
    this.flush();
    const start = performance.now();
    f();
    this.flush();
    return { kernelMs: performance.now() - start };
  }
  override floatPrecision = () => 32 as const;
  override epsilon = () => 1e-7;
  override memory = () => ({ unreliable: true, reasons: ['memory that is no longer used is freed later'] });
  override dispose(): void {
    this.#executor.dispose();
  }
}

type Inputs = Readonly<Record<string, Stored>> | readonly Stored[];

/** The numbers of a tensor. */
function numbersOf(stored: Stored): EagerValue[] {
  if (stored.dtype === 'string') return [];
  return stored.dtype === 'complex64' ? [stored.real, stored.imag] : [stored];
}

/** Graphs have no strings, so these calls always run on tfjs's `cpu` backend. */
const hasStrings = (tensors: Tensors, { dtype }: Call['attrs']): boolean =>
  dtype === 'string' || Object.values(tensors).some((tensor) => tensor.dtype === 'string');

/** Calls of complex numbers. Where these are only made of real ones or taken apart, nothing has to be computed. */
function complexParts(kernel: string, inputs: Inputs, attrs: Call['attrs']): Stored | Stored[] | undefined {
  const { real, imag, input } = inputs as Readonly<Record<string, Stored | undefined>>;
  if (kernel === 'Complex' && real instanceof EagerValue && imag instanceof EagerValue) {
    return { shape: real.shape, dtype: 'complex64', real, imag };
  }
  if (input?.dtype === 'complex64' && kernel === 'Real') return input.real;
  if (input?.dtype === 'complex64' && kernel === 'Imag') return input.imag;
  const complex = attrs.dtype === 'complex64' || Object.values(inputs).some(({ dtype }) => dtype === 'complex64');
  return complex ? recordComplex(kernel, inputs, attrs, currentLayer()) : undefined;
}

function numeric(inputs: Inputs): Call['inputs'] {
  for (const value of Object.values(inputs) as Stored[]) {
    if (!(value instanceof EagerValue)) throw new Error(`tensors of type ${value.dtype} cannot be part of a graph`);
  }
  return inputs as Call['inputs'];
}

function given(values: BackendValues, shape: number[], dtype: DataType): Stored {
  if (dtype === 'string') return { shape, dtype, strings: values as Uint8Array[] };
  const numbers = values as Float32Array;
  if (dtype === 'complex64') {
    const { real, imag } = tf.backend_util.splitRealAndImagArrays(numbers);
    return { shape, dtype, real: new EagerValue(shape, 'float32', real), imag: new EagerValue(shape, 'float32', imag) };
  }
  // The program may overwrite its array before the graph runs.
  const own = typed(numbers, dtype);
  return new EagerValue(shape, dtype, own === (numbers as unknown) ? own.slice() : own, true);
}
