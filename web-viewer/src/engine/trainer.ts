import type { TrainStep } from '../site/schema.ts';
import { Channel } from './channel.ts';
import type { Batch, Provider, WeightFiles } from './protocol.ts';
import type { TrainerCalls } from './trainer-worker.ts';

/** Time limit of a step in milliseconds: the first one on a GPU compiles shaders. */
const TIMEOUT = 120_000;

/** The training step of a model in its own worker. Calls are answered in order, or fail with an Error. */
export type Trainer = Awaited<ReturnType<typeof startTrainer>>;

/**
 * Starts a worker and loads the graph of a model's training step. The initial weights are those of the files.
 * @throws Error when the library is unavailable, or the graph is damaged or does not match the card
 */
export async function startTrainer(provider: Provider, graph: Uint8Array, step: TrainStep, files: WeightFiles) {
  const script = new Worker(new URL('./trainer-worker.ts', import.meta.url), { type: 'module', name: 'training' });
  const worker = new Channel<TrainerCalls>(script);
  try {
    // Leave a core to the page and the explored model.
    const wanted = Math.min(4, Math.max(1, (navigator.hardwareConcurrency ?? 2) - 1));
    const { threads } = await worker.call(({ start }) => start(provider, wanted), Number.POSITIVE_INFINITY);
    await worker.call(({ load }) => load(graph, step, files), TIMEOUT);
    return {
      provider,
      threads,
      /** Trains on one batch. @returns its losses, in the order of the card's `losses` */
      train: (batch: Batch) => worker.call(({ train }) => train(batch), TIMEOUT),
      /** The model's files with the weights after the steps so far. */
      files: () => worker.call(({ files }) => files(), TIMEOUT),
      /** Restores the initial weights and optimizer state. */
      reset: () => worker.call(({ reset }) => reset(), TIMEOUT),
      /** Ends the worker; pending calls fail. */
      end: () => worker.end(),
    };
  } catch (error) {
    worker.end();
    throw error;
  }
}
