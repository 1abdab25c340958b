/** `train` is a training step; `forward` encodes and reconstructs; `encode` only encodes. */
export type Task = 'train' | 'forward' | 'encode';

/** What a program is asked to measure, as a line of JSON. */
export interface Request {
  readonly task: Task;
  /** Such as `resvae@64x64x3`. */
  readonly workload: string;
  readonly batch: number;
  readonly threads: number;
  /** How long to measure, after warming up. */
  readonly seconds: number;
}

/** What a program answers, as a line of JSON. */
export type Answer = Timing | Missing;

export interface Timing {
  /** Milliseconds of a batch, the mean. */
  readonly ms: number;
  /** CPU time over wall time: how many cores were busy. */
  readonly cores: number;
  /** Training: the loss of the last step. */
  readonly loss?: number;
  /** Library, version, device. */
  readonly description: string;
}

export interface Missing {
  /** Why that program cannot run here. */
  readonly missing: string;
}

/** Batches before the clock starts, and seconds, whichever takes longer. */
export const WARM_UP = { batches: 5, seconds: 0.3 };

/**
 * A clock for batches of unknown number. `tick` is called after each; it is true once they have been measured for long
 * enough.
 */
export function clock(seconds: number) {
  const began = performance.now();
  let [batches, start, before] = [0, 0, process.cpuUsage()];
  return {
    tick(): boolean {
      const now = performance.now();
      batches++;
      if (start > 0) return now - start >= 1000 * seconds;
      if (batches >= WARM_UP.batches && now - began >= 1000 * WARM_UP.seconds) {
        [batches, start, before] = [0, now, process.cpuUsage()];
      }
      return false;
    },
    read(): Pick<Timing, 'ms' | 'cores'> {
      const wall = performance.now() - start;
      const { user, system } = process.cpuUsage(before);
      return { ms: wall / batches, cores: (user + system) / 1e3 / wall };
    },
  };
}
