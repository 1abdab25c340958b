import koffi, { type LibraryHandle } from 'koffi';

/** cuDNN's search for algorithms needs more than what koffi gives to a thread. */
koffi.config({ async_stack_size: 2 ** 23 });

type NativeFunction = ReturnType<LibraryHandle['func']>;

/** The address of something of ONNX Runtime's. */
export type Pointer = bigint;

/**
 * The functions of the C API that are used: the place of each in the table of functions, and its parameters. Places do not
 * change from version to version, since ONNX Runtime only appends to the table.
 */
const FUNCTIONS = {
  CreateEnv: [3, 'int', 'const char *', 'out void *'],
  CreateSessionFromArray: [8, 'void *', 'const void *', 'size_t', 'void *', 'out void *'],
  CreateSessionOptions: [10, 'out void *'],
  EnableProfiling: [14, 'void *', 'const char *'],
  SetSessionLogSeverityLevel: [22, 'void *', 'int'],
  SetIntraOpNumThreads: [24, 'void *', 'int'],
  SessionGetInputCount: [30, 'void *', 'out size_t'],
  SessionGetOutputCount: [31, 'void *', 'out size_t'],
  SessionGetInputName: [36, 'void *', 'size_t', 'void *', 'out void *'],
  SessionGetOutputName: [37, 'void *', 'size_t', 'void *', 'out void *'],
  CreateRunOptions: [39, 'out void *'],
  CreateTensorAsOrtValue: [48, 'void *', 'const int64_t *', 'size_t', 'int', 'out void *'],
  CreateTensorWithDataAsOrtValue: [49, 'void *', 'void *', 'size_t', 'const int64_t *', 'size_t', 'int', 'out void *'],
  GetTensorMutableData: [51, 'void *', 'out void *'],
  GetTensorElementType: [60, 'void *', 'out int'],
  GetDimensionsCount: [61, 'void *', 'out size_t'],
  GetDimensions: [62, 'void *', 'void *', 'size_t'],
  GetTensorTypeAndShape: [65, 'void *', 'out void *'],
  CreateMemoryInfo: [68, 'const char *', 'int', 'int', 'int', 'out void *'],
  AllocatorFree: [76, 'void *', 'void *'],
  GetAllocatorWithDefaultOptions: [78, 'out void *'],
  SessionEndProfiling: [110, 'void *', 'void *', 'out void *'],
  CreateAllocator: [131, 'void *', 'void *', 'out void *'],
  RunWithBinding: [133, 'void *', 'void *', 'void *'],
  CreateIoBinding: [134, 'void *', 'out void *'],
  BindInput: [136, 'void *', 'const char *', 'void *'],
  BindOutput: [137, 'void *', 'const char *', 'void *'],
  BindOutputToDevice: [138, 'void *', 'const char *', 'void *'],
  GetBoundOutputValues: [140, 'void *', 'void *', 'out void *', 'out size_t'],
  AddRunConfigEntry: [165, 'void *', 'const char *', 'const char *'],
  AppendCudaProvider: [204, 'void *', 'void *'],
  CreateCudaOptions: [205, 'out void *'],
  UpdateCudaOptions: [206, 'void *', 'const char **', 'const char **', 'size_t'],
} as const satisfies Record<string, readonly [number, ...string[]]>;
export type OrtFunction = keyof typeof FUNCTIONS;

/** What frees things: it takes a pointer and cannot fail. */
const RELEASES = {
  Status: 93,
  Session: 95,
  Value: 96,
  RunOptions: 97,
  TensorTypeAndShapeInfo: 99,
  SessionOptions: 100,
  Allocator: 132,
  IoBinding: 135,
  CudaOptions: 208,
} as const;

const GET_ERROR_MESSAGE = 2;
/** Version 11 of the API was the last to add one of the functions. */
const VERSION = 11;
const TABLE_LENGTH = 210;

/**
 * ONNX Runtime's C API. It has what onnxruntime-node does not offer: tensors that stay on a CUDA device, and runs that make
 * nothing in JavaScript.
 */
export class OrtApi {
  /** Unloaded when nothing refers to it any more. */
  readonly library: LibraryHandle;
  readonly #table: readonly Pointer[];
  readonly #functions = new Map<string, NativeFunction>();
  readonly #errorMessage: (status: Pointer) => string;

  /** @param library path of ONNX Runtime's library @throws Error when it does not load */
  constructor(library: string) {
    this.library = koffi.load(library);
    const base = this.library.func('OrtGetApiBase', 'void *', [])() as Pointer;
    const [getApi] = koffi.decode(base, koffi.array('void *', 1)) as [Pointer];
    const api = koffi.call(getApi, koffi.proto('void *', ['uint32_t']), VERSION) as Pointer;
    this.#table = koffi.decode(api, koffi.array('void *', TABLE_LENGTH)) as Pointer[];
    this.#errorMessage = this.#decode(GET_ERROR_MESSAGE, 'const char *', ['void *']);
  }

  /** Where a function is, for other threads to call it. */
  address(name: OrtFunction): Pointer {
    return this.#table[FUNCTIONS[name][0]] ?? 0n;
  }

  /** Calls a function. @throws Error with ONNX Runtime's message */
  call(name: OrtFunction, ...args: unknown[]): void {
    this.check(this.#function(name)(...args) as Pointer | null);
  }

  /** Calls a function in another thread. @throws as `call` */
  callAsync(name: OrtFunction, ...args: unknown[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#function(name).async(...args, (error: Error | null, status: Pointer | null) => {
        try {
          if (error) throw error;
          this.check(status);
          resolve();
        } catch (failure) {
          reject(failure);
        }
      });
    });
  }

  /** The pointer that a function writes through its last parameter. @throws as `call` */
  pointer(name: OrtFunction, ...args: unknown[]): Pointer {
    const out: [Pointer] = [0n];
    this.call(name, ...args, out);
    return out[0];
  }

  /** The number that a function writes through its last parameter. @throws as `call` */
  number(name: OrtFunction, ...args: unknown[]): number {
    const out: [number | bigint] = [0];
    this.call(name, ...args, out);
    return Number(out[0]);
  }

  release(what: keyof typeof RELEASES, pointer: Pointer): void {
    const key = `Release${what}`;
    const release = this.#functions.get(key) ?? this.#decode(RELEASES[what], 'void', ['void *']);
    this.#functions.set(key, release);
    release(pointer);
  }

  #function(name: OrtFunction): NativeFunction {
    const [place, ...parameters] = FUNCTIONS[name];
    const types = parameters.map((type) =>
      type.startsWith('out ') ? koffi.out(koffi.pointer(type.slice('out '.length))) : type,
    );
    const found = this.#functions.get(name) ?? this.#decode(place, 'void *', types);
    this.#functions.set(name, found);
    return found;
  }

  #decode(
    place: number,
    result: string,
    parameters: readonly (string | ReturnType<typeof koffi.out>)[],
  ): NativeFunction {
    return koffi.decode(this.#table[place], koffi.proto(result, [...parameters])) as NativeFunction;
  }

  /** Takes what a function returned. @throws Error with ONNX Runtime's message where that is a failure */
  check(status: Pointer | null): void {
    if (status === null) return;
    const message = this.#errorMessage(status);
    this.release('Status', status);
    throw new Error(message);
  }
}
