import type { TrainStep } from '../site/schema.ts';
import type { Calls } from './protocol.ts';
import type { WeightFiles } from './trainer-weights.ts';

/** The images of one step, `batchSize` of them, and what else it takes where the model does. */
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

/** What the training's worker can be asked for, and what it answers. */
export interface TrainerCalls {
  start: Calls['start'];
  /** Loads the graph of a training step; its state begins with the weights of these files. */
  load: { ask: { graph: Uint8Array; step: TrainStep; files: WeightFiles }; answer: null };
  /** The losses of a batch, in the order of the card's `losses`; the state is that after the step. */
  train: { ask: Batch; answer: Float64Array };
  /** The files with the weights as they are now. */
  files: { ask: null; answer: WeightFiles };
  /** Goes back to what was loaded. */
  reset: { ask: null; answer: null };
}
