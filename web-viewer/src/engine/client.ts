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
export class Host extends Channel<ModelCalls> {
  readonly provider: Provider;
  readonly threads: number = 1;
  readonly adapter: string | null = null;
  /** URLs of the files that it has fetched. */
  readonly fetched: readonly string[] = [];
  #models = 0;

  private constructor(provider: Provider, script: Worker) {
    super(script);
    this.provider = provider;
  }

  /**
   * @param onBytes receives the library's download progress, in bytes
   * @throws Error when the library cannot be fetched, or WebGPU is requested and unavailable
   */
  static async start(provider: Provider, onBytes: (bytes: number) => void = () => undefined): Promise<Host> {
    if (typeof WebAssembly === 'undefined') throw new Error(NO_WASM);
    const script = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'convae' });
    const host = new Host(provider, script);
    try {
      const about = await host.call(({ start }) => start(provider, proxy(onBytes)), Number.POSITIVE_INFINITY);
      return Object.assign(host, about);
    } catch (error) {
      host.end();
      throw error;
    }
  }

  /**
   * Loads another model and tries it on one image.
   * @throws Error when its files are damaged or do not match its card; the other models stay
   */
  async load(files: ModelFiles): Promise<Engine> {
    const model = this.#models++;
    if (model === 0) await this.call(({ compile }) => compile(), COMPILE_TIMEOUT);
    await this.call(({ load }) => load(model, files), LOAD_TIMEOUT);
    return new Engine(this, model);
  }
}

/** One model, loaded in a worker. Calls are answered in order; arrays that are passed stay the caller's. */
export class Engine {
  readonly host: Host;
  readonly #model: number;

  constructor(host: Host, model: number) {
    this.host = host;
    this.#model = model;
  }

  /** Latents of images: pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. @throws Error */
  encode(count: number, images: Uint8Array, labels?: Int32Array): Promise<Latents> {
    return this.host.call(({ encode }) => encode(this.#model, count, images, labels));
  }

  /** Images in [0, 1], `[N, H, W, C]`, of latents `[N, D]`. @throws Error */
  decode(count: number, latents: Float32Array, labels?: Int32Array): Promise<Float32Array> {
    return this.host.call(({ decode }) => decode(this.#model, count, latents, labels));
  }

  /** Frees the model's memory in the worker, after pending calls. */
  release(): void {
    this.host.call(({ release }) => release(this.#model)).catch(() => undefined);
  }
}
