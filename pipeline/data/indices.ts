/** `count` numbers from `start` on. */
export function range(start: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => start + i);
}

/**
 * Splits indices into stretches that some rule keeps together.
 * @param joined whether the image at position `i` continues the stretch of the one before it
 */
export function* stretches(count: number, joined: (i: number) => boolean): Generator<{ from: number; to: number }> {
  for (let from = 0, to = 1; from < count; from = to, to++) {
    while (to < count && joined(to)) to++;
    yield { from, to };
  }
}
