import { runningOps } from './kernel-calls.ts';

/** Tells the random numbers of a program from all others. */
export interface RandomWatch {
  /**
   * How the numbers of the tensor that is being made were drawn: without a seed where the program or an op of tfjs has
   * called `Math.random` since this was last asked, with one where an op that draws is running.
   */
  drawn(): 'without a seed' | 'with a seed' | undefined;
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
    drawn() {
      const seedless = called;
      called = false;
      if (seedless) return 'without a seed';
      return /(^| )(rand|truncatedNormal)/.test(runningOps()) ? 'with a seed' : undefined;
    },
    stop() {
      Math.random = random;
    },
  };
}
