import { type Transferable, Worker } from 'node:worker_threads';

/** A worker thread that replies to messages in their order, once to each. */
export type Thread<Reply> = ReturnType<typeof startThread<Reply>>;

/**
 * Starts a worker thread.
 * @param script plain JavaScript: a thread starts three times as fast without a TypeScript loader
 */
export function startThread<Reply>(script: URL, workerData: unknown) {
  const worker = new Worker(script, { workerData, execArgv: [] });
  const waiting: { resolve(reply: Reply): void; reject(reason: unknown): void }[] = [];
  let failure: { readonly reason: unknown } | undefined;
  const fail = (reason: unknown) => {
    failure ??= { reason };
    for (const { reject } of waiting.splice(0)) reject(failure.reason);
  };
  worker.on('message', (reply: Reply) => waiting.shift()?.resolve(reply));
  worker.on('error', fail);
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      fail(new Error(`the worker thread ${script.pathname} exited with code ${code}`));
      resolve();
    });
  });
  /** The next reply. @throws what the thread threw, or Error when it has ended */
  const nextReply = (): Promise<Reply> => {
    if (failure) return Promise.reject(failure.reason);
    return new Promise<Reply>((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
  };
  return {
    nextReply,
    /** Number of replies that are still to come. */
    waiting: () => waiting.length,
    /** Sends a message that gets no reply. */
    post: (message: unknown) => worker.postMessage(message),
    /** Sends a message. @param transferred memory that moves to the thread @throws as `nextReply` */
    ask(message: unknown, transferred: readonly Transferable[]): Promise<Reply> {
      worker.postMessage(message, transferred);
      return nextReply();
    },
    /** Resolves when the thread has ended. */
    exited,
    /** Ends the thread, whatever it does. */
    async terminate(): Promise<void> {
      await worker.terminate();
    },
  };
}
