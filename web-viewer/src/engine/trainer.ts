import type { TrainStep } from '../site/schema.ts';
import { Channel } from './channel.ts';
import type { Batch, Provider, WeightFiles } from './protocol.ts';
import type { TrainerCalls } from './trainer-worker.ts';

/** Time limit of a step in milliseconds: the first one on a GPU compiles shaders. */
const TIMEOUT = 120_000;

/** The training step of a model in its own worker. Calls are answered in order. */
export class Trainer {
  readonly provider: Provider;
  readonly threads: number;
  readonly #worker: Channel<TrainerCalls>;

  private constructor(provider: Provider, threads: number, worker: Channel<TrainerCalls>) {
    this.provider = provider;
    this.threads = threads;
    this.#worker = worker;
  }

  /**
   * Starts a worker and loads the graph of a model's training step. The initial weights are those of the files.
   * @throws Error when the library is unavailable, or the graph is damaged or does not match the card
   */
  static async start(provider: Provider, graph: Uint8Array, step: TrainStep, files: WeightFiles): Promise<Trainer> {
    const script = new Worker(new URL('./trainer-worker.ts', import.meta.url), { type: 'module', name: 'training' });
    const worker = new Channel<TrainerCalls>(script);
    try {
      // Leave a core to the page and the explored model.
      const threads = Math.min(4, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
      const started = await worker.call(({ start }) => start(provider, threads), Number.POSITIVE_INFINITY);
      await worker.call(({ load }) => load(graph, step, files), TIMEOUT);
      return new Trainer(provider, started.threads, worker);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** Trains on one batch. @returns its losses, in the order of the card's `losses` @throws Error */
  train(batch: Batch): Promise<Float64Array> {
    return this.#worker.call(({ train }) => train(batch), TIMEOUT);
  }

  /** The model's files with the weights after the steps so far. @throws Error */
  files(): Promise<WeightFiles> {
    return this.#worker.call(({ files }) => files(), TIMEOUT);
  }

  /** Restores the initial weights and optimizer state. @throws Error */
  async reset(): Promise<void> {
    await this.#worker.call(({ reset }) => reset(), TIMEOUT);
  }

  /** Ends the worker; pending calls fail. */
  end(): void {
    this.#worker.end();
  }
}
