import type { ModelDefinition, Schedule } from '../../models/kit/model.ts';
import type { Progress } from '../io/progress.ts';
import type { Metrics } from './engine.ts';
import type { DeviceChoice, EngineChoice } from './engines/index.ts';

/** What to train and how, except for the data. */
export interface TrainOptions {
  readonly model: ModelDefinition;
  /** The file that defines the model, if it is not built in. */
  readonly modelFile?: string | undefined;
  /** Hyperparameters: by default a resumed run's own, else those of the model's recipe. */
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly latent?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly schedule?: Schedule | undefined;
  /** Weight of the KL divergence, and epochs over which it grows to that; only for variational models. */
  readonly beta?: number | undefined;
  readonly klWarmUp?: number | undefined;
  /** Decides initial weights, data order and noise; by default 0. */
  readonly seed?: number | undefined;
  /** The run folder. */
  readonly run: string;
  /** Whether to continue the run in that folder, if there is one. */
  readonly resume: boolean;
  readonly engine: EngineChoice;
  readonly device: DeviceChoice;
  /** Number of threads; 0 leaves it to the engine. */
  readonly threads: number;
  /** Seconds (default 60) and steps (default: no limit) between checkpoints; every epoch ends with one, too. */
  readonly checkpointSeconds?: number | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Use only the first N images. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
}

export interface TrainHooks {
  /** Once aborted, training finishes its step, saves and throws Interrupted. */
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export interface TrainSummary {
  readonly run: string;
  readonly model: string;
  /** Epochs and steps that the run has done. */
  readonly epochs: number;
  readonly steps: number;
  /** Of the last epoch: means per pixel. */
  readonly train: Metrics;
  readonly test: Metrics;
  /** The epoch with the lowest test loss. */
  readonly best: { readonly epoch: number; readonly step: number; readonly loss: number };
  /** The engine in one line: library, version, device, threads. */
  readonly engine: string;
  /** Of this process: seconds including evaluation and checkpoints, and images a second without them. */
  readonly seconds: number;
  readonly rate: number;
}
