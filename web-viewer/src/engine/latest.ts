/**
 * Runs work for the newest of the values it is given: while one is worked on, later ones replace each other, and only the
 * last of them is worked on next. So a hand that moves faster than the model computes is followed without delay piling up.
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
