import { stopIfAborted } from './errors.ts';

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

export type Stages = ReturnType<typeof createStages>;

/** Stages that run one after another with a common progress; each tick is a point where they can be interrupted. */
export function createStages(plan: StagePlan, signal: AbortSignal | undefined, progress: StageProgress = () => {}) {
  const start = performance.now();
  const since = (time: number) => (performance.now() - time) / 1000;
  const sum = (stages: StagePlan) => stages.reduce((total, [, weight]) => total + weight, 0);
  const seconds: Record<string, number> = {};
  return {
    /** Duration of each finished stage in seconds. */
    seconds: seconds as Readonly<Record<string, number>>,
    /** Seconds since the stages were created. */
    get elapsed() {
      return since(start);
    },
    /**
     * Runs a stage of the plan.
     * @param work receives the function to call with its finished share
     * @param images number of images that the stage processes
     * @throws what `work` throws; Interrupted (or the signal's own reason, if that is an error) after the signal
     */
    async run<T>(name: string, work: (tick: Tick) => Promise<T>, images?: number): Promise<T> {
      const index = plan.findIndex(([stage]) => stage === name);
      const weight = plan[index]?.[1] ?? 0;
      const began = performance.now();
      const tick = (share: number) => {
        stopIfAborted(signal);
        const rate = images === undefined || since(began) === 0 ? undefined : (share * images) / since(began);
        const total = Math.min(1, (sum(plan.slice(0, index)) + share * weight) / sum(plan));
        const left = total > 0 ? (since(start) * (1 - total)) / total : undefined;
        progress({ name, number: index + 1, stages: plan.length, share, total, rate, left });
      };
      tick(0);
      const result = await work(tick);
      tick(1);
      seconds[name] = since(began);
      return result;
    },
  };
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
