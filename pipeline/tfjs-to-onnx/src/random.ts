import { runningOps } from './kernel-calls.ts';

/** Tells random numbers that a program draws without a seed, which are others at each run, from all other numbers. */
export interface RandomWatch {
  /** Whether an op of tfjs that draws random numbers is running, and drew its seed since this was last asked. */
  drew(): boolean;
  stop(): void;
}

/** Starts to watch `Math.random`, from which tfjs takes the seeds that it is not given. */
export function watchRandom(): RandomWatch {
  const { random } = Math;
  let called = false;
  Math.random = () => {
    called = true;
    return random();
  };
  return {
    drew() {
      const seedless = called && /(^| )(rand|truncatedNormal)/.test(runningOps());
      called = false;
      return seedless;
    },
    stop() {
      Math.random = random;
    },
  };
}
