import { progress } from './store.ts';

export type Meter = ReturnType<typeof createMeter>;

/** Adds up and shows download progress from several sources. */
export function createMeter(what: string) {
  let [done, total, starting, ended] = [0, 0, false, false];
  const report = () => {
    if (!ended) progress.value = { what, done, total, starting };
  };
  const add = (bytes: number): void => {
    done += bytes;
    report();
  };
  return {
    expect(bytes: number): void {
      total += bytes;
      report();
    },
    add,
    /** Counts bytes of files whose size is not known before. */
    addMore(bytes: number): void {
      total += bytes;
      add(bytes);
    },
    /** Says whether the model is being started: then nothing need come. */
    start(isStarting: boolean): void {
      starting = isStarting;
      report();
    },
    /** Stops reporting. */
    end(): void {
      if (!ended) progress.value = null;
      ended = true;
    },
    /** Hands over to another meter. */
    silence(): void {
      ended = true;
    },
  };
}
