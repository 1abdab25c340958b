/** Batches that are run before the clock. */
export const WARM_UP = 10;

/** `train` is a training step; `forward` encodes and reconstructs; `encode` only encodes. */
export type Task = 'train' | 'forward' | 'encode';

/** What a program prints, as JSON. */
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

/** Starts the clock. The returned function reads it after a number of batches. */
export function startClock(): (batches: number) => Pick<Timing, 'ms' | 'cores'> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  return (batches) => {
    const wall = performance.now() - began;
    const { user, system } = process.cpuUsage(before);
    return { ms: wall / batches, cores: (user + system) / 1e3 / wall };
  };
}

/** Times batches after `WARM_UP` others. */
export async function timed(
  batches: number,
  run: (index: number) => Promise<void>,
): Promise<Pick<Timing, 'ms' | 'cores'>> {
  for (let index = 0; index < WARM_UP; index++) await run(index);
  const read = startClock();
  for (let index = WARM_UP; index < WARM_UP + batches; index++) await run(index);
  return read(batches);
}
