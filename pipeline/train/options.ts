import type { ModelDefinition, Recipe } from '../../models/kit/model.ts';
import type { Progress } from '../io/progress.ts';
import type { DeviceChoice, EngineChoice } from './engine.ts';

/** Options by default are a resumed run's own, else those of the model's recipe. */
type Hyperparameters = { readonly [Name in keyof Omit<Recipe, 'optimizer'>]?: Recipe[Name] | undefined };

/** What to train and how, except for the data. */
export interface TrainOptions extends Hyperparameters {
  readonly model: ModelDefinition;
  /** The file that defines the model, if it is not built in. */
  readonly modelFile?: string | undefined;
  /** By default that of the optimizer in the run or in the recipe. */
  readonly learningRate?: number | undefined;
  /** Decides initial weights, data order and noise; by default 0. */
  readonly seed?: number | undefined;
  /** The run folder. */
  readonly run: string;
  /** Whether to resume the run in that folder, if there is one. */
  readonly resume: boolean;
  readonly engine: EngineChoice;
  readonly device: DeviceChoice;
  /** Number of threads; 0 leaves it to the engine. */
  readonly threads: number;
  /** Seconds (default 60) and steps (default: no limit) between checkpoints; every epoch ends with one, too. */
  readonly checkpointSeconds?: number | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Uses only the first N images. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
}

export interface TrainHooks {
  /** Once aborted, training finishes its step, saves and throws Interrupted. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
}
