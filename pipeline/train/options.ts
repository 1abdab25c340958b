import type { ModelDefinition, OptimizerRecipe, Recipe } from '../../models/kit/model.ts';
import type { Progress } from '../io/progress.ts';
import type { DeviceChoice, EngineChoice } from './engine.ts';
import type { FindCentres } from './targets.ts';

/** The values of `--optimizer`; `sgd` has the momentum that the model's recipe gives it. */
export const optimizerChoices = ['adam', 'adamw', 'sgd', 'rmsprop'] as const;

/** Options by default are a resumed run's own, else those of the model's recipe. */
type Hyperparameters = {
  readonly [Name in keyof Omit<Recipe, 'optimizer' | 'fixedLatent'>]?: Recipe[Name] | undefined;
};

/** What to train and how, except for the data. */
export interface TrainOptions extends Hyperparameters {
  readonly model: ModelDefinition;
  /** The file that defines the model, if it is not built in. */
  readonly modelFile?: string | undefined;
  readonly optimizer?: (typeof optimizerChoices)[number] | undefined;
  /** Settings of the optimizer; by default those of the run or of the recipe. */
  readonly learningRate?: OptimizerRecipe['learningRate'] | undefined;
  readonly weightDecay?: OptimizerRecipe['weightDecay'];
  readonly clipNorm?: OptimizerRecipe['clipNorm'];
  /** Stops after that many epochs without a lower validation loss. */
  readonly earlyStopping?: number | undefined;
  /** Decides initial weights, data order, noise and augmentation; by default 0. */
  readonly seed?: number | undefined;
  /** Share of the training images to hold out for validation. */
  readonly valSplit?: number | undefined;
  /** A run folder or a checkpoint folder to take the first weights from. */
  readonly init?: string | undefined;
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
  /** Uses only the first N images of the training part, and of each other part. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
}

export interface TrainHooks {
  /** Once aborted, training finishes its step, saves and throws Interrupted. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Finds the first centres of a model with clusters. */
  readonly findCentres?: FindCentres | undefined;
}
