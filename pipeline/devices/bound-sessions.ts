import {
  type Backend,
  type InferenceSession,
  type InferenceSessionHandler,
  registerBackend,
  Tensor,
} from 'onnxruntime-common';
import { NativeRuntime, NativeSession } from './native-session.ts';
import type { OrtApi, Pointer } from './ort-c-api.ts';
import {
  type BoundDevice,
  deviceTensor,
  type ElementType,
  pointerOf,
  type TensorType,
  type Values,
} from './ort-values.ts';
import { Recordings } from './recordings.ts';

/**
 * Registers a backend of onnxruntime-common that keeps tensors on a device between runs: an output for which
 * `preferredOutputLocation` says `gpu-buffer` is not copied to the host, and can be fed to a later run or written again by
 * one. Runs do not block the event loop.
 * @param name for `executionProviders`
 */
export function registerBoundSessions(name: string, device: BoundDevice): void {
  let runtime: NativeRuntime | undefined;
  const backend: Backend = {
    init: async () => {
      runtime ??= new NativeRuntime(device);
    },
    createInferenceSessionHandler: async (model, options = {}) => {
      if (!runtime || typeof model === 'string') throw new Error('a model is given by its bytes, after init');
      return open(runtime, model, options);
    },
  };
  registerBackend(name, backend, -1);
}

/**
 * Opens a session; as a CUDA graph where its options ask for that, it keeps outputs on the device, all of its operators run
 * there, and it is not profiled.
 * @throws Error with ONNX Runtime's message
 */
function open(runtime: NativeRuntime, model: Uint8Array, options: InferenceSession.SessionOptions): BoundSession {
  const { cuda } = runtime;
  if (cuda?.enable_cuda_graph === '1' && options.preferredOutputLocation && !options.enableProfiling) {
    try {
      const native = new NativeSession(runtime, model, options, cuda);
      return new BoundSession(runtime, native, options.preferredOutputLocation, true);
    } catch (error) {
      if (!String(error).includes('graph capture')) throw error;
    }
  }
  const native = new NativeSession(runtime, model, options, cuda && { ...cuda, enable_cuda_graph: '0' });
  return new BoundSession(runtime, native, options.preferredOutputLocation, false);
}

class BoundSession implements InferenceSessionHandler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata = [];
  readonly outputMetadata = [];
  readonly #api: OrtApi;
  readonly #values: Values;
  readonly #native: NativeSession;
  readonly #recordings: Recordings | undefined;
  /** Outputs that stay on the device. */
  readonly #kept: ReadonlySet<string>;
  /** What the last run gave for the other outputs. */
  readonly #found = new Map<string, TensorType>();

  constructor(
    { api, values }: NativeRuntime,
    native: NativeSession,
    locations: InferenceSession.SessionOptions['preferredOutputLocation'] = 'cpu',
    recorded: boolean,
  ) {
    this.#api = api;
    this.#values = values;
    this.#native = native;
    this.inputNames = native.inputNames;
    this.outputNames = native.outputNames;
    const locationOf = (name: string) => (typeof locations === 'string' ? locations : locations[name]);
    this.#kept = new Set(this.outputNames.filter((name) => locationOf(name) === 'gpu-buffer'));
    if (!recorded) return;
    this.#recordings = new Recordings(api, values, native.pointer);
    api.call('AddRunConfigEntry', native.options, 'gpu_graph_id', '-1'); // neither records nor replays
  }

  startProfiling(): void {}

  /** Writes the profile of a session that was opened with `enableProfiling`. */
  endProfiling(): void {
    this.#values.text(this.#api.pointer('SessionEndProfiling', this.#native.pointer, this.#values.allocator));
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
    const binding = api.pointer('CreateIoBinding', this.#native.pointer);
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
      await api.callAsync('RunWithBinding', this.#native.pointer, this.#native.options, binding);
      const results = values.bound(binding);
      return Object.fromEntries([...given].map(([name, tensor], i) => [name, this.#result(name, tensor, results[i])]));
    } finally {
      for (const value of uploads) api.release('Value', value);
      api.release('IoBinding', binding);
    }
  }

  async dispose(): Promise<void> {
    this.#recordings?.dispose();
    this.#native.release();
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
