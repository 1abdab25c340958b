import { expose, transfer } from 'comlink';

/** The name of an error after which the library's answers are unreliable. */
export const FATAL = 'FatalError';

type Call = (...asked: never[]) => unknown;

/** Makes this worker answer calls, one after another. Arrays in answers are transferred. */
export function serve(calls: Readonly<Record<string, Call>>): void {
  let last: Promise<unknown> = Promise.resolve();
  const inOrder =
    (call: Call) =>
    (...asked: never[]) => {
      const answer = last
        .then(() => call(...asked))
        .then(transferred, (error: unknown) => {
          throw Object.assign(new Error(messageOf(error)), isFatal(error) && { name: FATAL });
        });
      last = answer.catch(() => undefined);
      return answer;
    };
  expose(Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, inOrder(call)])));
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

/** An answer whose arrays are to be transferred. */
function transferred(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer;
  const arrays = (ArrayBuffer.isView(answer) ? [answer] : Object.values(answer)).filter(ArrayBuffer.isView);
  return transfer(
    answer,
    arrays.map(({ buffer }) => buffer as ArrayBuffer),
  );
}
