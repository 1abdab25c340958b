import { Channel } from './channel.ts';
import type { Calls, Latents, ModelFiles, Provider } from './protocol.ts';

/** Milliseconds that a new model may take to reconstruct an image. */
const LOAD_TIMEOUT = 12_000;

const NO_WASM =
  'this browser has WebAssembly turned off, so models cannot run: allow it in the settings, or open the page in another browser';

/** ONNX Runtime in a worker. It may hold several models. */
export class Host {
  readonly provider: Provider;
  readonly threads: number;
  readonly adapter: string | null;
  /** URLs of the files that it has fetched. */
  readonly fetched: readonly string[];
  readonly #worker: Channel;
  #models = 0;

  private constructor(provider: Provider, worker: Channel, facts: Calls['start']['answer']) {
    this.provider = provider;
    this.#worker = worker;
    this.threads = facts.threads;
    this.adapter = facts.adapter;
    this.fetched = facts.fetched;
  }

  /**
   * @param onBytes receives the library's download progress, in bytes
   * @throws EngineProblem when the library cannot be fetched, or WebGPU is requested and unavailable
   */
  static async start(provider: Provider, onBytes: (bytes: number) => void = () => undefined): Promise<Host> {
    if (typeof WebAssembly === 'undefined') throw new Error(NO_WASM);
    const worker = new Channel(onBytes);
    try {
      const facts = await worker.call('start', { provider, threads: 0 }, Number.POSITIVE_INFINITY);
      return new Host(provider, worker, facts);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /**
   * Loads another model and tries it on one image.
   * @throws EngineProblem when its files are damaged or do not match its card; the other models stay
   */
  async load(files: ModelFiles): Promise<Engine> {
    const model = this.#models++;
    await this.#worker.call('load', { model, files }, LOAD_TIMEOUT);
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
  readonly #worker: Channel;
  readonly #model: number;

  constructor(host: Host, worker: Channel, model: number) {
    this.host = host;
    this.#worker = worker;
    this.#model = model;
  }

  get provider(): Provider {
    return this.host.provider;
  }

  get threads(): number {
    return this.host.threads;
  }

  get adapter(): string | null {
    return this.host.adapter;
  }

  /** Latents of images: pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. @throws EngineProblem */
  encode(count: number, images: Uint8Array, labels?: Int32Array): Promise<Latents> {
    return this.#worker.call('encode', { model: this.#model, count, images, labels });
  }

  /** Images in [0, 1], `[N, H, W, C]`, of latents `[N, D]`. @throws EngineProblem */
  decode(count: number, latents: Float32Array, labels?: Int32Array): Promise<Float32Array> {
    return this.#worker.call('decode', { model: this.#model, count, latents, labels });
  }

  /** Frees the model's memory in the worker, after pending calls. */
  release(): void {
    this.#worker.call('release', { model: this.#model }).catch(() => undefined);
  }
}
