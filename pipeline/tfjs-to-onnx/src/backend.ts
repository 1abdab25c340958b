import type { DataType, Tensor, TensorInfo, TypedArray } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import {
  definedInputs,
  isLowered,
  kernelNames,
  located,
  requireRule,
  runningOps,
  type Tensors,
} from './kernel-calls.ts';
import { type RandomWatch, watchRandom } from './random.ts';
import type { Recording } from './recording.ts';
import { mapEach, type TapeOp, type TapeValue } from './tape.ts';

/** A tfjs backend that computes nothing: its kernels record their calls on the tape of the trace in progress. */

const BACKEND = 'onnx-trace';

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

/** Records a loop that goes on while a condition holds; see `Recording.loop`. */
export function recordLoop(
  scope: string,
  first: readonly Tensor[],
  step: (states: Tensor[]) => readonly Tensor[],
): Tensor[] {
  const rec = current('a loop was recorded');
  const asTensor = (info: TensorInfo) => tf.engine().makeTensorFromTensorInfo(info);
  const before = first.map((tensor) => rec.value(tensor));
  return rec.loop(scope, before, (states) => step(states.map(asTensor))).map(asTensor);
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
    const parts = 'convert the parts before and after it, and do this between them';
    const remedy = label
      ? `${label.startsWith('node ') ? 'if an input decides it, give its value (--value NAME=0); else ' : ''}${parts}`
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
