/**
 * Processes only the newest value: while one is being processed, only the latest of the values that arrive is kept. So a
 * pointer that moves faster than the model computes builds up no backlog.
 */
export function latest<T>(work: (value: T) => Promise<void>): (value: T) => void {
  let busy = false;
  let next: { value: T } | undefined;
  const run = async (value: T) => {
    busy = true;
    try {
      for (let current: { value: T } | undefined = { value }; current; current = next) {
        next = undefined;
        await work(current.value);
      }
    } finally {
      busy = false;
    }
  };
  return (value) => {
    if (busy) next = { value };
    else void run(value);
  };
}
