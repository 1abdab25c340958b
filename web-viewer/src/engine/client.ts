import { Channel } from './channel.ts';
import type { Calls, Codes, ModelFiles, Provider } from './protocol.ts';

/** Milliseconds that a model may take until it has made an image of an image. */
const LOAD_PATIENCE = 12_000;

/** ONNX Runtime in a worker. It may hold several models. */
export class Host {
  readonly provider: Provider;
  readonly threads: number;
  readonly adapter: string | null;
  readonly #worker: Channel;
  #models = 0;

  private constructor(provider: Provider, worker: Channel, facts: Calls['start']['answer']) {
    this.provider = provider;
    this.#worker = worker;
    this.threads = facts.threads;
    this.adapter = facts.adapter;
  }

  /**
   * @param onBytes is told of the library's bytes as they come
   * @throws EngineProblem when the library cannot be had, or there is no WebGPU where that is asked for
   */
  static async start(provider: Provider, onBytes: (bytes: number) => void = () => undefined): Promise<Host> {
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
   * Loads a model beside those that are there, and tries it on one image.
   * @throws EngineProblem when its files are damaged or are not what they should be; the others stay
   */
  async load(files: ModelFiles): Promise<Engine> {
    const model = this.#models++;
    await this.#worker.call('load', { model, files }, LOAD_PATIENCE);
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

  /** Ends the worker; calls that wait fail. */
  end(): void {
    this.#worker.end();
  }
}

/** One model, loaded in a worker. Calls are answered in turn; arrays that are passed stay the caller's. */
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

  /** Codes of images: pixels 0–255 `[N, H, W, C]`, labels `[N]` where the encoder takes them. @throws EngineProblem */
  encode(count: number, images: Uint8Array, labels?: Int32Array): Promise<Codes> {
    return this.#worker.call('encode', { model: this.#model, count, images, labels });
  }

  /** Images in [0, 1], `[N, H, W, C]`, of codes `[N, D]`. @throws EngineProblem */
  decode(count: number, latents: Float32Array, labels?: Int32Array): Promise<Float32Array> {
    return this.#worker.call('decode', { model: this.#model, count, latents, labels });
  }

  /** Frees the model's memory in the worker, after the calls that wait. */
  release(): void {
    this.#worker.call('release', { model: this.#model }).catch(() => undefined);
  }
}
