import type { Calls, Protocol, Reply } from './protocol.ts';

/** Timeout of a call in milliseconds: a model may be hostile, so a worker that takes longer counts as hung. */
const TIMEOUT = 20_000;

/** The worker has stopped, was restarted, does not answer, or cannot do what was requested. */
class EngineProblem extends Error {}

interface PendingCall {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** Sends requests to a worker and matches them with its answers. */
export class Channel<C extends Protocol<C> = Calls> {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 0;
  #ended: string | null = null;
  #resolveOver: () => void = () => undefined;
  /** Resolves when the worker has ended. */
  readonly over = new Promise<void>((resolve) => {
    this.#resolveOver = resolve;
  });

  constructor(
    onBytes: (bytes: number) => void,
    worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'convae' }),
  ) {
    this.#worker = worker;
    this.#worker.onmessage = ({ data }: MessageEvent<Reply>) => {
      if ('bytes' in data) {
        onBytes(data.bytes);
        return;
      }
      const call = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if ('error' in data) call?.reject(new EngineProblem(data.error));
      else call?.resolve(data.answer as never);
      if ('error' in data && data.fatal) this.end(data.error);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.end(event.message || 'its script cannot be loaded');
    };
  }

  /** Why the worker has ended; null while it runs. */
  get ended(): string | null {
    return this.#ended;
  }

  /** @throws EngineProblem when the worker reports one, ends, or takes longer than `patience` milliseconds */
  call<K extends keyof C>(call: K, ask: C[K]['ask'], timeout = TIMEOUT): Promise<C[K]['answer']> {
    if (this.#ended !== null) return Promise.reject(endedProblem(this.#ended));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#worker.postMessage({ id, call, ask });
      const timer = Number.isFinite(timeout)
        ? setTimeout(
            () => this.end(`it did not answer within ${timeout / 1000} seconds`),
            timeout * (1 + this.#pending.size),
          )
        : undefined;
      const settle =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          end(value);
        };
      this.#pending.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  end(why = 'it was stopped'): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(endedProblem(why));
    this.#pending.clear();
    this.#resolveOver();
  }
}

const endedProblem = (why: string) => new EngineProblem(`the model’s worker has ended: ${why}`);
