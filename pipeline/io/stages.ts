import { stopIfAborted } from './publish.ts';

/** Called now and then with the finished share of the work, 0 to 1; an error that it throws ends the work. */
export type Tick = (share: number) => void;

/** Progress of a command that has several stages. */
export interface StageState {
  readonly name: string;
  /** Counted from 1. */
  readonly number: number;
  readonly stages: number;
  /** Finished share of this stage, 0 to 1. */
  readonly share: number;
  /** Finished share of all stages, 0 to 1, each weighted by the time that it is expected to take. */
  readonly total: number;
  /** Images per second in this stage, where it counts images. */
  readonly rate: number | undefined;
  /** Estimated seconds until all stages are done; undefined at first. */
  readonly left: number | undefined;
}

export type StageProgress = (state: StageState) => void;

/** Each stage's name and relative duration. */
export type StagePlan = readonly (readonly [name: string, weight: number])[];

/** Runs stages one after another with a common progress; each tick is a point where they can be interrupted. */
export class Stages {
  readonly #plan: StagePlan;
  readonly #signal: AbortSignal | undefined;
  readonly #progress: StageProgress;
  readonly #began = performance.now();
  readonly #seconds: Record<string, number> = {};

  constructor(plan: StagePlan, signal: AbortSignal | undefined, progress: StageProgress = () => {}) {
    this.#plan = plan;
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Duration of each finished stage in seconds. */
  get seconds(): Readonly<Record<string, number>> {
    return this.#seconds;
  }

  /** Seconds since the stages were created. */
  get elapsed(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /**
   * Runs a stage of the plan.
   * @param work receives the function to call with its finished share
   * @param images number of images that the stage processes
   * @throws what `work` throws; Interrupted (or the signal's own reason, if that is an error) after the signal
   */
  async run<T>(name: string, work: (tick: Tick) => Promise<T>, images?: number): Promise<T> {
    const index = this.#plan.findIndex(([stage]) => stage === name);
    const began = performance.now();
    const tick = (share: number) => {
      stopIfAborted(this.#signal);
      const seconds = (performance.now() - began) / 1000;
      const rate = images === undefined || seconds === 0 ? undefined : (share * images) / seconds;
      const total = this.#total(index, share);
      const left = total > 0 ? (this.elapsed * (1 - total)) / total : undefined;
      this.#progress({ name, number: index + 1, stages: this.#plan.length, share, total, rate, left });
    };
    tick(0);
    const result = await work(tick);
    tick(1);
    this.#seconds[name] = (performance.now() - began) / 1000;
    return result;
  }

  #total(index: number, share: number): number {
    const weights = this.#plan.map(([, weight]) => weight);
    const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
    return Math.min(1, (sum(weights.slice(0, index)) + share * (weights[index] ?? 0)) / sum(weights));
  }
}

/** Yield to the event loop at least this often (ms). */
const YIELD_MS = 25;

/** Numbers to process between two pauses. */
const STRETCH = 2 ** 20;

/** Yields to the event loop and reports the finished share, if `YIELD_MS` have passed since it last did. */
export type Pause = (share: number) => Promise<void>;

export function pauses(tick: Tick | undefined): Pause {
  let last = performance.now();
  return async (share) => {
    if (performance.now() - last < YIELD_MS) return;
    await new Promise((resolve) => setImmediate(resolve));
    tick?.(share);
    last = performance.now();
  };
}

/** Ranges of rows short enough to pause after each. @param cost numbers processed for each row */
export function* rowStretches(n: number, cost: number): Generator<{ from: number; to: number }> {
  const step = Math.max(1, Math.floor(STRETCH / cost));
  for (let from = 0; from < n; from += step) yield { from, to: Math.min(from + step, n) };
}
