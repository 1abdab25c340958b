import type { InferenceSession } from 'onnxruntime-common';
import { OrtApi, type Pointer } from './ort-c-api.ts';
import { runtimeLibrary } from './ort-library.ts';
import { type BoundDevice, onHost, Values } from './ort-values.ts';

const WARNING = 2;

/** ONNX Runtime by its C API, on one device. */
export class NativeRuntime {
  readonly api: OrtApi;
  readonly values: Values;
  readonly cuda: BoundDevice['cuda'];
  readonly environment: Pointer;

  constructor(device: BoundDevice) {
    this.api = new OrtApi(runtimeLibrary());
    this.values = new Values(this.api, device);
    this.cuda = device.cuda;
    this.environment = this.api.pointer('CreateEnv', WARNING, 'convae');
  }
}

let onCpu: NativeRuntime | undefined;

/** The runtime on the CPU. */
export function cpuRuntime(): NativeRuntime {
  onCpu ??= new NativeRuntime(onHost);
  return onCpu;
}

/** A session of ONNX Runtime's C API. */
export class NativeSession {
  readonly pointer: Pointer;
  /** Of its runs. */
  readonly options: Pointer;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly #api: OrtApi;

  /**
   * @param cuda options of the CUDA provider; without them it computes on the CPU
   * @throws Error with ONNX Runtime's message
   */
  constructor(
    { api, values, environment }: NativeRuntime,
    model: Uint8Array,
    options: InferenceSession.SessionOptions,
    cuda?: BoundDevice['cuda'],
  ) {
    this.#api = api;
    const native = api.pointer('CreateSessionOptions');
    try {
      api.call('SetSessionLogSeverityLevel', native, options.logSeverityLevel ?? WARNING);
      if (options.enableProfiling) api.call('EnableProfiling', native, options.profileFilePrefix ?? 'profile');
      if (options.intraOpNumThreads) api.call('SetIntraOpNumThreads', native, options.intraOpNumThreads);
      if (cuda) appendCuda(api, native, cuda);
      this.pointer = api.pointer('CreateSessionFromArray', environment, model, model.byteLength, native);
    } finally {
      api.release('SessionOptions', native);
    }
    this.options = api.pointer('CreateRunOptions');
    const names = (count: number, name: 'SessionGetInputName' | 'SessionGetOutputName') =>
      Array.from({ length: count }, (_, index) =>
        values.text(api.pointer(name, this.pointer, index, values.allocator)),
      );
    this.inputNames = names(api.number('SessionGetInputCount', this.pointer), 'SessionGetInputName');
    this.outputNames = names(api.number('SessionGetOutputCount', this.pointer), 'SessionGetOutputName');
  }

  /** What a run reads and writes. @param make makes the value of an input or an output, which is released here */
  bind(make: (name: string) => Pointer): Pointer {
    const binding = this.#api.pointer('CreateIoBinding', this.pointer);
    const bindAll = (names: readonly string[], bind: 'BindInput' | 'BindOutput') => {
      for (const name of names) {
        const value = make(name);
        this.#api.call(bind, binding, name, value);
        this.#api.release('Value', value); // the binding keeps its tensor
      }
    };
    bindAll(this.inputNames, 'BindInput');
    bindAll(this.outputNames, 'BindOutput');
    return binding;
  }

  release(): void {
    this.#api.release('RunOptions', this.options);
    this.#api.release('Session', this.pointer);
  }
}

function appendCuda(api: OrtApi, options: Pointer, cuda: Readonly<Record<string, string>>): void {
  const [keys, values] = [Object.keys(cuda), Object.values(cuda)];
  const native = api.pointer('CreateCudaOptions');
  try {
    api.call('UpdateCudaOptions', native, keys, values, keys.length);
    api.call('AppendCudaProvider', options, native);
  } finally {
    api.release('CudaOptions', native);
  }
}
