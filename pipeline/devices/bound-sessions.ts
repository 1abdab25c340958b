import koffi from 'koffi';
import {
  type Backend,
  type InferenceSession,
  type InferenceSessionHandler,
  registerBackend,
  Tensor,
} from 'onnxruntime-common';
import { OrtApi, type Pointer } from './ort-c-api.ts';
import { type BoundDevice, deviceTensor, type ElementType, pointerOf, type TensorType, Values } from './ort-values.ts';
import { Recordings } from './recordings.ts';

/** cuDNN's search for algorithms needs more than the 256 KiB that koffi gives to a thread. */
koffi.config({ async_stack_size: 2 ** 23 });

/**
 * Registers a backend of onnxruntime-common that keeps tensors on a device between runs: an output for which
 * `preferredOutputLocation` says `gpu-buffer` is not copied to the host, and can be fed to a later run or written again by
 * one. Runs do not block the event loop.
 * @param name for `executionProviders`
 * @param library path of ONNX Runtime's library
 */
export function registerBoundSessions(name: string, library: string, device: BoundDevice): void {
  let runtime: Runtime | undefined;
  const backend: Backend = {
    init: async () => {
      runtime ??= new Runtime(new OrtApi(library), device);
    },
    createInferenceSessionHandler: async (model, options = {}) => {
      if (!runtime || typeof model === 'string') throw new Error('a model is given by its bytes, after init');
      return runtime.open(model, options);
    },
  };
  registerBackend(name, backend, -1);
}

const WARNING = 2;

class Runtime {
  readonly api: OrtApi;
  readonly values: Values;
  readonly #cuda: BoundDevice['cuda'];
  readonly #environment: Pointer;

  constructor(api: OrtApi, device: BoundDevice) {
    this.api = api;
    this.values = new Values(api, device);
    this.#cuda = device.cuda;
    this.#environment = api.pointer('CreateEnv', WARNING, 'convae');
  }

  /**
   * Opens a session; as a CUDA graph where its options ask for that, it keeps outputs on the device, all of its operators
   * run there, and it is not profiled.
   * @throws Error with ONNX Runtime's message
   */
  open(model: Uint8Array, options: InferenceSession.SessionOptions): BoundSession {
    const cuda = this.#cuda;
    if (cuda?.enable_cuda_graph === '1' && options.preferredOutputLocation && !options.enableProfiling) {
      try {
        return this.#open(model, options, cuda);
      } catch (error) {
        if (!String(error).includes('graph capture')) throw error;
      }
    }
    return this.#open(model, options, cuda && { ...cuda, enable_cuda_graph: '0' });
  }

  #open(model: Uint8Array, options: InferenceSession.SessionOptions, cuda: BoundDevice['cuda']): BoundSession {
    const { api } = this;
    const native = api.pointer('CreateSessionOptions');
    try {
      api.call('SetSessionLogSeverityLevel', native, options.logSeverityLevel ?? WARNING);
      if (options.enableProfiling) api.call('EnableProfiling', native, options.profileFilePrefix ?? 'profile');
      if (options.intraOpNumThreads) api.call('SetIntraOpNumThreads', native, options.intraOpNumThreads);
      for (const [key, value] of configEntries(options.extra)) api.call('AddSessionConfigEntry', native, key, value);
      if (cuda) this.#appendCuda(native, cuda);
      const session = api.pointer('CreateSessionFromArray', this.#environment, model, model.byteLength, native);
      const recorded = cuda?.enable_cuda_graph === '1';
      return new BoundSession(this, session, { locations: options.preferredOutputLocation, recorded });
    } finally {
      api.release('SessionOptions', native);
    }
  }

  #appendCuda(options: Pointer, cuda: Readonly<Record<string, string>>): void {
    const [keys, values] = [Object.keys(cuda), Object.values(cuda)];
    const native = this.api.pointer('CreateCudaOptions');
    try {
      this.api.call('UpdateCudaOptions', native, keys, values, keys.length);
      this.api.call('AppendCudaProvider', options, native);
    } finally {
      this.api.release('CudaOptions', native);
    }
  }
}

class BoundSession implements InferenceSessionHandler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata = [];
  readonly outputMetadata = [];
  readonly #api: OrtApi;
  readonly #values: Values;
  readonly #session: Pointer;
  readonly #runOptions: Pointer;
  readonly #recordings: Recordings | undefined;
  /** Outputs that stay on the device. */
  readonly #kept: ReadonlySet<string>;
  /** What the last run gave for the other outputs. */
  readonly #found = new Map<string, TensorType>();

  constructor(
    { api, values }: Runtime,
    session: Pointer,
    {
      locations = 'cpu',
      recorded,
    }: { locations: InferenceSession.SessionOptions['preferredOutputLocation']; recorded: boolean },
  ) {
    this.#api = api;
    this.#values = values;
    this.#session = session;
    this.#runOptions = api.pointer('CreateRunOptions');
    const names = (count: number, name: 'SessionGetInputName' | 'SessionGetOutputName') =>
      Array.from({ length: count }, (_, index) => values.text(api.pointer(name, session, index, values.allocator)));
    this.inputNames = names(api.number('SessionGetInputCount', session), 'SessionGetInputName');
    this.outputNames = names(api.number('SessionGetOutputCount', session), 'SessionGetOutputName');
    const locationOf = (name: string) => (typeof locations === 'string' ? locations : locations[name]);
    this.#kept = new Set(this.outputNames.filter((name) => locationOf(name) === 'gpu-buffer'));
    if (!recorded) return;
    this.#recordings = new Recordings(api, values, session);
    api.call('AddRunConfigEntry', this.#runOptions, 'gpu_graph_id', '-1'); // neither records nor replays
  }

  startProfiling(): void {}

  /** Writes the profile of a session that was opened with `enableProfiling`. */
  endProfiling(): void {
    this.#values.text(this.#api.pointer('SessionEndProfiling', this.#session, this.#values.allocator));
  }

  /** @param fetches tensors on the device that outputs are written to */
  async run(
    feeds: Readonly<Record<string, unknown>>,
    fetches: Readonly<Record<string, unknown>>,
  ): Promise<Record<string, Tensor>> {
    const inputs = this.inputNames.map((name) => [name, feeds[name] as Tensor] as const);
    const given = new Map(this.outputNames.map((name) => [name, onDevice(fetches[name])]));
    const recordable = [...this.#kept].every((name) => given.get(name)) && this.#found.size > 0;
    if (this.#recordings && recordable) {
      return this.#recordings.run(
        inputs,
        this.outputNames.map((name) => [name, given.get(name) ?? this.#found.get(name)]),
      );
    }
    const [api, values] = [this.#api, this.#values];
    const binding = api.pointer('CreateIoBinding', this.#session);
    const uploads: Pointer[] = [];
    try {
      for (const [name, tensor] of inputs) {
        const value = tensor.location === 'gpu-buffer' ? pointerOf(tensor) : values.copied(tensor);
        if (tensor.location !== 'gpu-buffer') uploads.push(value);
        api.call('BindInput', binding, name, value);
      }
      for (const [name, tensor] of given) {
        if (tensor) api.call('BindOutput', binding, name, pointerOf(tensor));
        else api.call('BindOutputToDevice', binding, name, this.#kept.has(name) ? values.device : values.host);
      }
      await api.callAsync('RunWithBinding', this.#session, this.#runOptions, binding);
      const results = values.bound(binding);
      return Object.fromEntries([...given].map(([name, tensor], i) => [name, this.#result(name, tensor, results[i])]));
    } finally {
      for (const value of uploads) api.release('Value', value);
      api.release('IoBinding', binding);
    }
  }

  async dispose(): Promise<void> {
    this.#recordings?.dispose();
    this.#api.release('RunOptions', this.#runOptions);
    this.#api.release('Session', this.#session);
  }

  #result(name: string, given: Tensor | undefined, value = 0n): Tensor {
    if (this.#kept.has(name) && !given) return deviceTensor(this.#values, value);
    const tensor = given ?? this.#values.read(value);
    if (!given) this.#found.set(name, { type: tensor.type as ElementType, dims: tensor.dims });
    this.#api.release('Value', value);
    return tensor;
  }
}

const onDevice = (value: unknown): Tensor | undefined =>
  value instanceof Tensor && value.location === 'gpu-buffer' ? value : undefined;

/** `{ session: { set_denormal_as_zero: '1' } }` as `['session.set_denormal_as_zero', '1']`. */
function configEntries(extra: unknown, path: readonly string[] = []): [string, string][] {
  if (typeof extra !== 'object' || extra === null) return path.length > 0 ? [[path.join('.'), String(extra)]] : [];
  return Object.entries(extra).flatMap(([key, value]) => configEntries(value, [...path, key]));
}
