import type { DataType, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { plainValue, type Value } from './forms.ts';
import { type KernelName, kernels } from './kernels/index.ts';
import { mapEach, type TapeInputs, type TapeOp, type TapeValue } from './tape.ts';

/** A tfjs backend that computes nothing: its kernels record their calls on the tape of the trace in progress. */

const BACKEND = 'onnx';

/** Names a constant, or throws where the trace may not have it. */
type NameConstant = (dataId: object, values: TypedArray, shape: readonly number[]) => string;

/** What one trace has recorded so far. */
export class Recording {
  readonly ops: TapeOp[] = [];
  /** The layer that is being called. */
  scope = '';
  readonly #values = new WeakMap<object, TapeValue>();
  readonly #nameConstant: NameConstant;

  constructor(nameConstant: NameConstant) {
    this.#nameConstant = nameConstant;
  }

  /** Makes a tensor that stands for a value from outside, or for one that the tape has. */
  tensor(value: TapeValue): TensorInfo {
    const dataId = {};
    this.#values.set(dataId, value);
    return { dataId, shape: [...value.shape], dtype: value.dtype };
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
   * it adds no nodes, as there is no graph yet.
   */
  call(kernel: KernelName, inputs: TapeInputs, attrs: TapeOp['attrs']): TensorInfo | TensorInfo[] {
    const rule = kernels[kernel] as (inputs: unknown, attrs: unknown) => Value | readonly Value[];
    const given = rule(mapEach(inputs, unlowered), attrs);
    const outputs = [given].flat().map(({ shape, dtype }): TapeValue => ({ shape, dtype, source: { kind: 'op' } }));
    this.ops.push({ kernel, inputs, attrs, outputs, scope: this.scope });
    const tensors = outputs.map((output) => this.tensor(output));
    return Array.isArray(given) ? tensors : (tensors[0] as TensorInfo);
  }
}

/** A value that has a shape and a dtype, and is in no graph. */
const unlowered = ({ shape, dtype }: TapeValue): Value =>
  plainValue(shape, dtype, () => {
    throw new Error('a rule added nodes while its kernel was traced');
  });

let recording: Recording | undefined;

/** Runs `program` with the tracing backend writing into `into`. */
export function record<T>(into: Recording, program: () => T): T {
  if (recording) throw new Error('a trace is in progress; traces cannot be nested');
  const before = homeBackend();
  register();
  // A backend made by a synchronous factory is in place when `setBackend` returns.
  void tf.setBackend(BACKEND);
  recording = into;
  tf.engine().startScope('trace');
  try {
    return program();
  } finally {
    tf.engine().endScope();
    recording = undefined;
    void tf.setBackend(before);
  }
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

/** The tfjs op that is running, by the name that the user calls: `conv2d`. */
const runningOps = (): string => {
  const scopes = (tf.engine().state as unknown as { scopeStack: { name: string }[] }).scopeStack;
  const ops = scopes.map(({ name }) => name).filter((name) => name.endsWith('__op'));
  return [...new Set(ops.map((name) => name.replace('__op', '')))].join(' → ');
};

/** Adds the layer, op and kernel to an error's message. */
function located(error: unknown, kernel: string, inputs: readonly TensorInfo[]): Error {
  const reason = error instanceof Error ? error.message : String(error);
  const shapes = inputs.map(({ shape, dtype }) => `${dtype}[${shape}]`).join(', ');
  const layer = recording?.scope ? `layer ${recording.scope}: ` : '';
  const ops = runningOps();
  return new Error(`${layer}${ops ? `tf.${ops}: ` : ''}kernel ${kernel}(${shapes}): ${reason}`, { cause: error });
}

class TracingBackend extends tf.KernelBackend {
  override write(values: tf.BackendValues, shape: number[], dtype: DataType): object {
    const dataId = {};
    if (typeof values === 'string' || Array.isArray(values)) throw new Error('tensors of strings cannot be traced');
    current('a tensor was made').constant(dataId, values as TypedArray, shape, dtype);
    return dataId;
  }

  override readSync(): never {
    const ops = runningOps();
    throw new Error(
      `the values of a traced tensor were asked for${ops ? ` in tf.${ops}` : ''}: a graph cannot depend on them; ` +
        'keep data(), dataSync(), array() and print() out of the traced program',
    );
  }

  override async read(): Promise<never> {
    return this.readSync();
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
  // The names of all kernels that tfjs knows are the strings that tfjs-core exports under their own name.
  const known = Object.entries(tf).flatMap(([name, value]) => (name === value ? [name] : []));
  for (const kernelName of new Set([...Object.keys(kernels), ...known])) {
    const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => {
      const given = definedInputs(inputs);
      try {
        return call(kernelName, given, (attrs ?? {}) as TapeOp['attrs']);
      } catch (error) {
        throw located(error, kernelName, Object.values(given));
      }
    };
    tf.registerKernel({ kernelName, backendName: BACKEND, kernelFunc });
  }
}

type Tensors = Readonly<Record<string, TensorInfo>> | readonly TensorInfo[];

function call(kernel: string, given: Tensors, attrs: TapeOp['attrs']): TensorInfo | TensorInfo[] {
  if (!isLowered(kernel)) {
    throw new Error('it has no lowering to ONNX; rewrite the program without it, or add a rule to kernels/');
  }
  const rec = current(`kernel ${kernel} was called`);
  const inputs = mapEach(given, (tensor) => rec.value(tensor));
  // tfjs clones whatever a gradient may need: another tensor for the same value, and no call to record.
  return kernel === 'Identity' ? rec.tensor(Object.values(inputs)[0] as TapeValue) : rec.call(kernel, inputs, attrs);
}

const isLowered = (kernel: string): kernel is KernelName => kernel in kernels;

function definedInputs(inputs: tf.NamedTensorInfoMap): Tensors {
  if (Array.isArray(inputs)) return inputs as TensorInfo[];
  return Object.fromEntries(Object.entries(inputs).filter((entry): entry is [string, TensorInfo] => entry[1] != null));
}
