import koffi from 'koffi';
import { Tensor } from 'onnxruntime-common';
import type { OrtApi, Pointer } from './ort-c-api.ts';

/** The element types that programs have, with their numbers in the C API and their arrays. */
const ELEMENTS = {
  float32: { code: 1, array: Float32Array },
  uint8: { code: 2, array: Uint8Array },
  int32: { code: 6, array: Int32Array },
} as const;
export type ElementType = keyof typeof ELEMENTS;
export type Elements = InstanceType<(typeof ELEMENTS)[ElementType]['array']>;

export interface TensorType {
  readonly type: ElementType;
  readonly dims: readonly number[];
}

/** Where sessions compute and keep tensors. */
export interface BoundDevice {
  /** The name of the device's memory in ONNX Runtime. */
  readonly memory: 'Cpu' | 'Cuda';
  /** Options of ONNX Runtime's CUDA provider; absent on the CPU. */
  readonly cuda?: Readonly<Record<string, string>>;
  /** Copies from the device's memory to the host's. */
  download(to: Elements, from: Pointer): void;
  /** Copies from the host's memory to the device's, and waits until that is done. */
  upload(to: Pointer, from: Elements): void;
}

/** The host itself. */
export const onHost: BoundDevice = {
  memory: 'Cpu',
  download: (to, from) => bytesOf(to).set(new Uint8Array(koffi.view(from, to.byteLength))),
  upload: (to, from) => new Uint8Array(koffi.view(to, from.byteLength)).set(bytesOf(from)),
};

const bytesOf = ({ buffer, byteOffset, byteLength }: Elements) => new Uint8Array(buffer, byteOffset, byteLength);

const DEVICE_ALLOCATOR = 0;
const DEFAULT_MEMORY = 0;

/** Makes and reads ONNX Runtime's own tensors, which are called values. Whoever gets a pointer to one releases it. */
export class Values {
  /** The memories, as the C API describes them. */
  readonly host: Pointer;
  readonly device: Pointer;
  /** Allocates on the host. */
  readonly allocator: Pointer;
  readonly #api: OrtApi;
  readonly #device: BoundDevice;

  constructor(api: OrtApi, device: BoundDevice) {
    const memory = (name: string) => api.pointer('CreateMemoryInfo', name, DEVICE_ALLOCATOR, 0, DEFAULT_MEMORY);
    this.#api = api;
    this.#device = device;
    this.host = memory('Cpu');
    this.device = memory(device.memory);
    this.allocator = api.pointer('GetAllocatorWithDefaultOptions');
  }

  allocate(allocator: Pointer, { type, dims }: TensorType): Pointer {
    const shape = BigInt64Array.from(dims, BigInt);
    return this.#api.pointer('CreateTensorAsOrtValue', allocator, shape, shape.length, ELEMENTS[type].code);
  }

  /** A tensor whose elements are at an address of the host, whoever frees them. */
  at(address: Pointer, { type, dims }: TensorType): Pointer {
    const [{ code, array }, shape] = [ELEMENTS[type], BigInt64Array.from(dims, BigInt)];
    const bytes = sizeOf(dims) * array.BYTES_PER_ELEMENT;
    const tensor = [address, bytes, shape, shape.length, code];
    return this.#api.pointer('CreateTensorWithDataAsOrtValue', this.host, ...tensor);
  }

  /** A copy on the host of a tensor of JavaScript's. */
  copied(tensor: Tensor): Pointer {
    const value = this.allocate(this.allocator, typeOf(tensor));
    onHost.upload(this.address(value), tensor.data as Elements);
    return value;
  }

  /** A value on the host as a tensor of JavaScript's. */
  read(value: Pointer): Tensor {
    const { type, dims } = this.describe(value);
    const { array } = ELEMENTS[type];
    const bytes = koffi.view(this.address(value), sizeOf(dims) * array.BYTES_PER_ELEMENT);
    return new Tensor(type, new array(bytes.slice(0)), dims);
  }

  upload(value: Pointer, tensor: Tensor): void {
    this.#device.upload(this.address(value), tensor.data as Elements);
  }

  /** A value on the device as elements. */
  download(value: Pointer, { type, dims }: TensorType): Elements {
    const elements = new ELEMENTS[type].array(sizeOf(dims));
    this.#device.download(elements, this.address(value));
    return elements;
  }

  /** @throws Error where the elements are of another type than programs have */
  describe(value: Pointer): TensorType {
    const info = this.#api.pointer('GetTensorTypeAndShape', value);
    const code = this.#api.number('GetTensorElementType', info);
    const dims = new BigInt64Array(this.#api.number('GetDimensionsCount', info));
    this.#api.call('GetDimensions', info, dims, dims.length);
    this.#api.release('TensorTypeAndShapeInfo', info);
    const type = (Object.keys(ELEMENTS) as ElementType[]).find((name) => ELEMENTS[name].code === code);
    if (type === undefined) throw new Error(`a tensor has element type ${code} of ONNX Runtime`);
    return { type, dims: Array.from(dims, Number) };
  }

  /** The outputs of a binding after a run. */
  bound(binding: Pointer): Pointer[] {
    const [list, count]: [[Pointer], [number | bigint]] = [[0n], [0]];
    this.#api.call('GetBoundOutputValues', binding, this.allocator, list, count);
    const values = koffi.decode(list[0], koffi.array('void *', Number(count[0]))) as Pointer[];
    this.#api.call('AllocatorFree', this.allocator, list[0]);
    return values;
  }

  /** A string of ONNX Runtime's, which is freed. */
  text(pointer: Pointer): string {
    const text = koffi.decode.string(pointer);
    this.#api.call('AllocatorFree', this.allocator, pointer);
    return text;
  }

  release(value: Pointer): void {
    this.#api.release('Value', value);
  }

  /** Where a value's elements are. */
  address(value: Pointer): Pointer {
    return this.#api.pointer('GetTensorMutableData', value);
  }
}

/** What stands for a buffer on the device in a tensor of onnxruntime-common. */
interface DeviceValue {
  readonly value: Pointer;
}

/** A tensor that stays on the device until it is disposed. */
export function deviceTensor(values: Values, value: Pointer): Tensor {
  const { type, dims } = values.describe(value);
  const buffer = { value } satisfies DeviceValue as unknown as Tensor.GpuBufferType;
  return Tensor.fromGpuBuffer(buffer, {
    dataType: type as 'float32',
    dims,
    download: async () => values.download(value, { type, dims }) as Float32Array,
    dispose: () => values.release(value),
  });
}

/** The value behind a tensor of `deviceTensor`. */
export const pointerOf = (tensor: Tensor): Pointer => (tensor.gpuBuffer as unknown as DeviceValue).value;

export const typeOf = ({ type, dims }: Tensor): TensorType => ({ type: type as ElementType, dims });

const sizeOf = (dims: readonly number[]): number => dims.reduce((size, d) => size * d, 1);
