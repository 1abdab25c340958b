import type { Tick } from './pace.ts';
import { stopIfAborted } from './publish.ts';

/** How far a command of several stages is. */
export interface StageState {
  readonly name: string;
  /** Counted from 1. */
  readonly number: number;
  readonly stages: number;
  /** Of this stage, 0 to 1. */
  readonly share: number;
  /** Of everything, 0 to 1, by the time that the stages are expected to take. */
  readonly total: number;
  /** Images a second in this stage, where it counts images. */
  readonly rate: number | undefined;
  /** Seconds until everything is done, at the pace so far; undefined at first. */
  readonly left: number | undefined;
}

export type StageProgress = (state: StageState) => void;

/** A stage's name, and how long it takes compared with others. */
export type StagePlan = readonly (readonly [name: string, weight: number])[];

/** Stages one after another, with one progress, and interruptible at each tick. */
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

  /** Seconds that each finished stage took. */
  get seconds(): Readonly<Record<string, number>> {
    return this.#seconds;
  }

  /** Seconds since the first. */
  get elapsed(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /**
   * Runs a stage of the plan.
   * @param work is given what to call with its share of work done, 0 to 1
   * @param images how many images the stage goes through
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
