import { progress } from './store.ts';

/** Adds up and shows download progress from several sources. */
export class Meter {
  readonly #what: string;
  #done = 0;
  #total = 0;
  #starting = false;
  #ended = false;

  constructor(what: string) {
    this.#what = what;
  }

  expect(bytes: number): void {
    this.#total += bytes;
    this.#report();
  }

  readonly add = (bytes: number): void => {
    this.#done += bytes;
    this.#report();
  };

  /** Counts bytes of files whose size is not known before. */
  readonly addMore = (bytes: number): void => {
    this.#total += bytes;
    this.add(bytes);
  };

  /** Whether the model is being started: then nothing need come. */
  set starting(starting: boolean) {
    this.#starting = starting;
    this.#report();
  }

  /** Stops reporting. */
  end(): void {
    if (!this.#ended) progress.value = null;
    this.#ended = true;
  }

  /** Hands over to another meter. */
  silence(): void {
    this.#ended = true;
  }

  #report(): void {
    if (this.#ended) return;
    progress.value = { what: this.#what, done: this.#done, total: this.#total, starting: this.#starting };
  }
}
