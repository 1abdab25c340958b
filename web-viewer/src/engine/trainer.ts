import type { TrainStep } from '../site/schema.ts';
import { Channel } from './channel.ts';
import type { Batch, Provider, TrainerCalls, WeightFiles } from './protocol.ts';

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
   * @throws EngineProblem when the library is unavailable, or the graph is damaged or does not match the card
   */
  static async start(provider: Provider, graph: Uint8Array, step: TrainStep, files: WeightFiles): Promise<Trainer> {
    const script = new Worker(new URL('./trainer-worker.ts', import.meta.url), { type: 'module', name: 'training' });
    const worker = new Channel<TrainerCalls>(() => undefined, script);
    try {
      // Leave a core to the page and the explored model.
      const threads = Math.min(4, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
      const started = await worker.call('start', { provider, threads }, Number.POSITIVE_INFINITY);
      await worker.call('load', { graph, step, files }, TIMEOUT);
      return new Trainer(provider, started.threads, worker);
    } catch (error) {
      worker.end();
      throw error;
    }
  }

  /** Trains on one batch. @returns its losses, in the order of the card's `losses` @throws EngineProblem */
  train(batch: Batch): Promise<Float64Array> {
    return this.#worker.call('train', batch, TIMEOUT);
  }

  /** The model's files with the weights after the steps so far. @throws EngineProblem */
  files(): Promise<WeightFiles> {
    return this.#worker.call('files', null, TIMEOUT);
  }

  /** Restores the initial weights and optimizer state. @throws EngineProblem */
  async reset(): Promise<void> {
    await this.#worker.call('reset', null, TIMEOUT);
  }

  /** Ends the worker; pending calls fail. */
  end(): void {
    this.#worker.end();
  }
}
