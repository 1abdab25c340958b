import { proxy } from 'comlink';
import { Channel } from './channel.ts';
import type { Latents, ModelFiles, Provider } from './protocol.ts';
import type { ModelCalls } from './worker.ts';

/** Milliseconds that a new model may take to reconstruct an image, and the library to be compiled. */
const LOAD_TIMEOUT = 12_000;
const COMPILE_TIMEOUT = 120_000;

const NO_WASM =
  'this browser has WebAssembly turned off, so models cannot run: allow it in the settings, or open the page in another browser';

/** ONNX Runtime in a worker. It may hold several models. */
export class Host {
  readonly provider: Provider;
  readonly threads: number;
  readonly adapter: string | null;
  /** URLs of the files that it has fetched. */
  readonly fetched: readonly string[];
  readonly #worker: Channel<ModelCalls>;
  #models = 0;

  private constructor(
    provider: Provider,
    worker: Channel<ModelCalls>,
    { threads, adapter, fetched }: Awaited<ReturnType<ModelCalls['start']>>,
  ) {
    this.provider = provider;
    this.#worker = worker;
    this.threads = threads;
    this.adapter = adapter;
    this.fetched = fetched;
  }

  /**
   * @param onBytes receives the library's download progress, in bytes
   * @throws Error when the library cannot be fetched, or WebGPU is requested and unavailable
   */
  static async start(provider: Provider, onBytes: (bytes: number) => void = () => undefined): Promise<Host> {
    if (typeof WebAssembly === 'undefined') throw new Error(NO_WASM);
    const script = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'convae' });
    const worker = new Channel<ModelCalls>(script);
    try {
      const facts = await worker.call(({ start }) => start(provider, proxy(onBytes)), Number.POSITIVE_INFINITY);
      return new Host(provider, worker, facts);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /**
   * Loads another model and tries it on one image.
   * @throws Error when its files are damaged or do not match its card; the other models stay
   */
  async load(files: ModelFiles): Promise<Engine> {
    const model = this.#models++;
    if (model === 0) await this.#worker.call(({ compile }) => compile(), COMPILE_TIMEOUT);
    await this.#worker.call(({ load }) => load(model, files), LOAD_TIMEOUT);
    return new Engine(this, this.#worker, model);
  }

  /** Why it has ended; null while it runs. */
  get ended(): string | null {
    return this.#worker.ended;
  }

  /** Resolves when it ends. */
  get over(): Promise<void> {
    return this.#worker.over;
  }

  /** Ends the worker; pending calls fail. */
  end(): void {
    this.#worker.end();
  }
}

/** One model, loaded in a worker. Calls are answered in order; arrays that are passed stay the caller's. */
export class Engine {
  readonly host: Host;
  readonly #worker: Channel<ModelCalls>;
  readonly #model: number;

  constructor(host: Host, worker: Channel<ModelCalls>, model: number) {
    this.host = host;
    this.#worker = worker;
    this.#model = model;
  }

  /** Latents of images: pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. @throws Error */
  encode(count: number, images: Uint8Array, labels?: Int32Array): Promise<Latents> {
    return this.#worker.call(({ encode }) => encode(this.#model, count, images, labels));
  }

  /** Images in [0, 1], `[N, H, W, C]`, of latents `[N, D]`. @throws Error */
  decode(count: number, latents: Float32Array, labels?: Int32Array): Promise<Float32Array> {
    return this.#worker.call(({ decode }) => decode(this.#model, count, latents, labels));
  }

  /** Frees the model's memory in the worker, after pending calls. */
  release(): void {
    this.#worker.call(({ release }) => release(this.#model)).catch(() => undefined);
  }
}
