import type { TrainStep } from '../site/schema.ts';
import type { Calls } from './protocol.ts';
import type { WeightFiles } from './trainer-weights.ts';

/** The inputs of one step: `batchSize` images, and labels and noise for models that need them. */
export interface Batch {
  /** Pixels 0–255 `[B, H, W, C]`. */
  readonly image: Uint8Array;
  /** Class indices `[B]`. */
  readonly label?: Int32Array | undefined;
  /** Standard normal `[B, D]`. */
  readonly noise?: Float32Array | undefined;
  /** The learning rate as a share of the recipe's. */
  readonly rate: number;
  /** The weight of the KL divergence. */
  readonly klWeight?: number | undefined;
}

/** The calls of the training worker, and their answers. */
export interface TrainerCalls {
  start: Calls['start'];
  /** Loads the graph of a training step; its initial state has the weights of these files. */
  load: { ask: { graph: Uint8Array; step: TrainStep; files: WeightFiles }; answer: null };
  /** Trains on a batch. Answers its losses, in the order of the card's `losses`. */
  train: { ask: Batch; answer: Float64Array };
  /** The files with the current weights. */
  files: { ask: null; answer: WeightFiles };
  /** Restores the initial state. */
  reset: { ask: null; answer: null };
}
