/** Told now and then which share of the work is done, 0 to 1; what it throws ends the work. */
export type Tick = (share: number) => void;

/** The longest that other events wait, in milliseconds, beyond one stretch of work. */
const PATIENCE = 25;

/** Numbers that one stretch of work between two pauses should touch. */
const STRETCH = 2 ** 20;

/** Gives way to other events where enough time has passed since it last did, then tells the finished share. */
export type Pause = (share: number) => Promise<void>;

export function pauses(tick: Tick | undefined): Pause {
  let last = performance.now();
  return async (share) => {
    if (performance.now() - last < PATIENCE) return;
    await new Promise((resolve) => setImmediate(resolve));
    tick?.(share);
    last = performance.now();
  };
}

/** Stretches of rows short enough to pause after each. @param cost numbers touched for each row */
export function* rowStretches(n: number, cost: number): Generator<{ from: number; to: number }> {
  const step = Math.max(1, Math.floor(STRETCH / cost));
  for (let from = 0; from < n; from += step) yield { from, to: Math.min(from + step, n) };
}
