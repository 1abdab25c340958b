import { Tensor } from 'onnxruntime-common';
import type { OrtApi, Pointer } from './ort-c-api.ts';
import { pointerOf, type TensorType, typeOf, type Values } from './ort-values.ts';

/**
 * Runs of a session as CUDA graphs: the launches of a run are recorded once for the addresses that it reads and writes, and
 * replayed where they are the same again. State that alternates between two sets of buffers makes two recordings.
 */
export class Recordings {
  readonly #api: OrtApi;
  readonly #values: Values;
  readonly #session: Pointer;
  /** Allocates on the device. */
  readonly #allocator: Pointer;
  /** Buffers on the device for what comes from the host or goes there, by name. */
  readonly #buffers = new Map<string, Pointer>();
  readonly #recordings = new Map<string, { readonly binding: Pointer; readonly options: Pointer }>();

  constructor(api: OrtApi, values: Values, session: Pointer) {
    this.#api = api;
    this.#values = values;
    this.#session = session;
    this.#allocator = api.pointer('CreateAllocator', session, values.device);
  }

  /** @param outputs the tensor on the device that each is written to, or its type where it goes to the host */
  async run(
    inputs: readonly (readonly [string, Tensor])[],
    outputs: readonly (readonly [string, Tensor | TensorType | undefined])[],
  ): Promise<Record<string, Tensor>> {
    const read = inputs.map(([name, tensor]): [string, Pointer] => {
      if (tensor.location === 'gpu-buffer') return [name, pointerOf(tensor)];
      const buffer = this.#buffer(name, typeOf(tensor));
      this.#values.upload(buffer, tensor);
      return [name, buffer];
    });
    const written = outputs.map(([name, output]): [string, Pointer] => {
      if (!output) throw new Error(`the type of output ${name} is not known yet`);
      return [name, output instanceof Tensor ? pointerOf(output) : this.#buffer(name, output as TensorType)];
    });
    const { binding, options } = this.#recording(read, written);
    await this.#api.callAsync('RunWithBinding', this.#session, options, binding);
    return Object.fromEntries(
      outputs.map(([name, output], i) => {
        if (output instanceof Tensor) return [name, output];
        const { type, dims } = output as TensorType;
        const elements = this.#values.download(written[i]?.[1] ?? 0n, { type, dims });
        return [name, new Tensor(type, elements, dims)];
      }),
    );
  }

  dispose(): void {
    for (const { binding, options } of this.#recordings.values()) {
      this.#api.release('IoBinding', binding);
      this.#api.release('RunOptions', options);
    }
    for (const buffer of this.#buffers.values()) this.#values.release(buffer);
    this.#api.release('Allocator', this.#allocator);
  }

  #buffer(name: string, type: TensorType): Pointer {
    const buffer = this.#buffers.get(name) ?? this.#values.allocate(this.#allocator, type);
    this.#buffers.set(name, buffer);
    return buffer;
  }

  #recording(inputs: readonly [string, Pointer][], outputs: readonly [string, Pointer][]) {
    // A binding keeps its tensors alive, so no other tensor can get their addresses.
    const key = [...inputs, ...outputs].map(([, value]) => this.#values.address(value)).join();
    const found = this.#recordings.get(key);
    if (found) return found;
    const binding = this.#api.pointer('CreateIoBinding', this.#session);
    for (const [name, value] of inputs) this.#api.call('BindInput', binding, name, value);
    for (const [name, value] of outputs) this.#api.call('BindOutput', binding, name, value);
    const options = this.#api.pointer('CreateRunOptions');
    this.#api.call('AddRunConfigEntry', options, 'gpu_graph_id', `${this.#recordings.size + 1}`);
    const recording = { binding, options };
    this.#recordings.set(key, recording);
    return recording;
  }
}
