/** Rows of numbers, one after another, `[n, size]`. */
export type Rows = Float32Array | Uint8Array;

/**
 * How many rows there are.
 * @throws RangeError where the numbers are not whole rows, there is no row, or a number is not finite
 */
export function countRows(rows: Rows, size: number): number {
  const n = rows.length / size;
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`${rows.length} numbers are not rows of ${size}`);
  if (rows instanceof Float32Array) {
    const at = rows.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw new RangeError(`number ${at % size} of row ${Math.floor(at / size)} is ${rows[at]}`);
  }
  return n;
}

/** How many numbers are not zero. */
export function countNonzeros(rows: Rows): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++) if (rows[i] !== 0) count++;
  return count;
}

/** `count` of `n` rows, evenly spread, in order; all of them if there are no more. */
export function spreadRows(n: number, count: number): Uint32Array {
  const chosen = Math.min(n, Math.max(1, Math.floor(count)));
  return Uint32Array.from({ length: chosen }, (_, i) => Math.floor((i * n) / chosen));
}

/** The chosen rows, one after another. */
export function pickRows(rows: Rows, size: number, chosen: Uint32Array): Rows {
  const picked =
    rows instanceof Uint8Array ? new Uint8Array(chosen.length * size) : new Float32Array(chosen.length * size);
  chosen.forEach((row, i) => {
    picked.set(rows.subarray(row * size, (row + 1) * size), i * size);
  });
  return picked;
}
