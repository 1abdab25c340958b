import type { Protocol, Reply } from './protocol.ts';

/** A worker's handler for each call. */
export type Handlers<C extends Protocol<C>> = {
  [K in keyof C]: (ask: C[K]['ask']) => C[K]['answer'] | Promise<C[K]['answer']>;
};

const post = (reply: Reply, transfer: Transferable[] = []) => self.postMessage(reply, { transfer });

/** Reports the library's download progress to the page. */
export const reportBytes = (bytes: number): void => post({ bytes });

/** Makes this worker answer calls, in order. */
export function serve<C extends Protocol<C>>(handlers: Handlers<C>): void {
  let queue = Promise.resolve();
  const answer = async ({ id, call, ask }: { id: number; call: keyof C; ask: C[keyof C]['ask'] }): Promise<void> => {
    const began = performance.now();
    try {
      const answer = await handlers[call](ask);
      post({ id, answer, took: performance.now() - began }, buffersOf(answer));
    } catch (error) {
      post({ id, error: messageOf(error), fatal: isFatal(error) });
    }
  };
  self.onmessage = ({ data }: MessageEvent<Parameters<typeof answer>[0]>) => {
    queue = queue.then(() => answer(data));
  };
}

/** Whether the library has crashed: afterwards its answers are unreliable. */
export const isFatal = (error: unknown): boolean =>
  (globalThis.WebAssembly && error instanceof WebAssembly.RuntimeError) ||
  typeof error === 'number' ||
  /\babort/i.test(messageOf(error));

/** ONNX Runtime's message without its error codes. */
export const reasonOf = (error: unknown): string =>
  messageOf(error)
    .replace(/^.*ERROR_MESSAGE:\s*/s, '')
    .replace(/^"|"$/g, '')
    .split('\n')[0]
    ?.slice(0, 200) ?? '';

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : typeof error === 'number' ? 'it ran out of memory' : String(error);

/** The buffers of an answer's arrays, to be transferred. */
const buffersOf = (answer: unknown): Transferable[] =>
  typeof answer !== 'object' || answer === null
    ? []
    : (ArrayBuffer.isView(answer) ? [answer] : Object.values(answer)).flatMap((value: unknown) =>
        ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [],
      );
