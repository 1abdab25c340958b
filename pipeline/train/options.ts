import type { ModelDefinition } from '../../models/kit/model.ts';
import type { Progress } from '../io/progress.ts';
import type { Metrics } from './engine.ts';
import type { DeviceChoice, EngineChoice } from './engines/index.ts';
import type { Choices } from './plan.ts';

/** What to train, and how; the data aside. */
export interface TrainOptions extends Choices {
  readonly model: ModelDefinition;
  /** The run folder. */
  readonly run: string;
  /** Whether to continue the run that is in the folder; where there is none yet, it begins. */
  readonly resume: boolean;
  readonly engine: EngineChoice;
  readonly device: DeviceChoice;
  /** How many threads to compute on; 0 leaves it to the engine. */
  readonly threads: number;
  /** A checkpoint is saved at the end of every epoch, every so many seconds (60) and every so many steps (never). */
  readonly checkpointSeconds?: number | undefined;
  readonly checkpointSteps?: number | undefined;
  /** Use the first so many images alone, for a quick look. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
}

/** What whoever starts training has to do with it while it goes on. */
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
  /** Of this process: seconds that it trained, evaluations and checkpoints included, and images a second without them. */
  readonly seconds: number;
  readonly rate: number;
}
