import { type Remote, wrap } from 'comlink';
import { FATAL } from './serve.ts';

/** Time limit of a call in milliseconds: a model may be hostile, so a worker that takes longer counts as hung. */
const TIMEOUT = 20_000;

/** Calls a worker's functions, until it ends: when it is stopped, crashes or does not answer in time. */
export class Channel<Calls> {
  readonly #worker: Worker;
  readonly #problem: string;
  readonly #calls: Remote<Calls>;
  readonly #pending = new Set<(error: Error) => void>();
  #ended: string | null = null;
  #resolveOver: () => void = () => undefined;
  /** Resolves when the worker has ended. */
  readonly over = new Promise<void>((resolve) => {
    this.#resolveOver = resolve;
  });

  /** @param problem what calls say when the worker has ended */
  constructor(worker: Worker, problem = 'the model’s worker has ended') {
    this.#worker = worker;
    this.#problem = problem;
    this.#calls = wrap<Calls>(worker);
    worker.onerror = (event) => {
      event.preventDefault();
      this.end(event.message || 'its script cannot be loaded');
    };
  }

  /** Why the worker has ended; null while it runs. */
  get ended(): string | null {
    return this.#ended;
  }

  /** @throws Error when the call fails, or the worker ends or takes longer than `timeout` milliseconds */
  call<T>(call: (calls: Remote<Calls>) => Promise<T>, timeout = TIMEOUT): Promise<T> {
    if (this.#ended !== null) return Promise.reject(this.#error(this.#ended));
    return new Promise((resolve, reject) => {
      const late = () => this.end(`it did not answer within ${timeout / 1000} seconds`);
      const timer = Number.isFinite(timeout) ? setTimeout(late, timeout * (1 + this.#pending.size)) : undefined;
      this.#pending.add(reject);
      const fail = (error: Error) => {
        reject(error);
        if (error.name === FATAL) this.end(error.message);
      };
      void call(this.#calls)
        .then(resolve, fail)
        .finally(() => {
          clearTimeout(timer);
          this.#pending.delete(reject);
        });
    });
  }

  end(why = 'it was stopped'): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    this.#worker.terminate();
    for (const reject of this.#pending) reject(this.#error(why));
    this.#pending.clear();
    this.#resolveOver();
  }

  #error(why: string): Error {
    return new Error(`${this.#problem}: ${why}`);
  }
}
