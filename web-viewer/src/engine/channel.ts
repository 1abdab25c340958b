import type { Calls, Protocol, Reply } from './protocol.ts';

/** Timeout of a call, after which the worker counts as hung: a model may be hostile. Starting may wait for the network. */
const PATIENCE = 20_000;

/** The worker has stopped, was restarted, does not answer, or cannot do what was requested. */
class EngineProblem extends Error {}

interface Waiting {
  resolve(answer: never): void;
  reject(error: Error): void;
}

/** Requests to a worker, matched with its answers. */
export class Channel<C extends Protocol<C> = Calls> {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #next = 0;
  #ended: string | null = null;
  #tellOver: () => void = () => undefined;
  /** Resolves when the worker has ended. */
  readonly over = new Promise<void>((resolve) => {
    this.#tellOver = resolve;
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
      const waiting = this.#waiting.get(data.id);
      this.#waiting.delete(data.id);
      if ('error' in data) waiting?.reject(new EngineProblem(data.error));
      else waiting?.resolve(data.answer as never);
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
  call<K extends keyof C>(call: K, ask: C[K]['ask'], patience = PATIENCE): Promise<C[K]['answer']> {
    if (this.#ended !== null) return Promise.reject(endedProblem(this.#ended));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#worker.postMessage({ id, call, ask });
      const timer = Number.isFinite(patience)
        ? setTimeout(
            () => this.end(`it did not answer within ${patience / 1000} seconds`),
            patience * (1 + this.#waiting.size),
          )
        : undefined;
      const settle =
        <T>(end: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          end(value);
        };
      this.#waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  }

  end(why = 'it was stopped'): void {
    if (this.#ended !== null) return;
    this.#ended = why;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(endedProblem(why));
    this.#waiting.clear();
    this.#tellOver();
  }
}

const endedProblem = (why: string) => new EngineProblem(`the model’s worker has ended: ${why}`);
