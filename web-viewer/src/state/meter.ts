import { progress } from './store.ts';

/** Adds up bytes that come from several sides, and shows them. */
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

  /** What comes later is not shown. */
  end(): void {
    if (!this.#over) progress.value = null;
    this.#over = true;
  }

  /** Another one is shown from now on. */
  silence(): void {
    this.#over = true;
  }

  #tell(): void {
    if (this.#over) return;
    progress.value = { what: this.#what, done: Math.min(this.#done, this.#total), total: this.#total };
  }
}
