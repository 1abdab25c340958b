import { progress } from './store.ts';

/** Adds up and shows download progress from several sources. */
export class Meter {
  readonly #what: string;
  #done = 0;
  #total = 0;
  #over = false;

  constructor(what: string) {
    this.#what = what;
  }

  expect(bytes: number): void {
    this.#total += bytes;
    this.#tell();
  }

  readonly add = (bytes: number): void => {
    this.#done += bytes;
    this.#tell();
  };

  /** Stop reporting. */
  end(): void {
    if (!this.#over) progress.value = null;
    this.#over = true;
  }

  /** Hand over to another meter. */
  silence(): void {
    this.#over = true;
  }

  #tell(): void {
    if (this.#over) return;
    progress.value = { what: this.#what, done: Math.min(this.#done, this.#total), total: this.#total };
  }
}
