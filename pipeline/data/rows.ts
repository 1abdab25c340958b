/** `count` consecutive integers from `start` on. */
export const range = (start: number, count: number): Uint32Array => new Uint32Array(count).map((_, i) => start + i);

/**
 * Splits the positions 0 … count − 1 into runs.
 * @param joined whether position `i` belongs to the same run as the one before it
 */
export function* runs(count: number, joined: (i: number) => boolean): Generator<{ from: number; to: number }> {
  for (let from = 0, to = 1; from < count; from = to, to++) {
    while (to < count && joined(to)) to++;
    yield { from, to };
  }
}

/** Rows of numbers, one after another, `[n, size]`. */
export type Rows = Float32Array | Uint8Array;

/**
 * Number of rows.
 * @throws RangeError where there is no row or the last is incomplete
 */
export function countCompleteRows(rows: Rows, size: number): number {
  const n = rows.length / size;
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`${rows.length} numbers are not rows of ${size}`);
  return n;
}

/**
 * Number of rows of finite values.
 * @throws RangeError where there is no row, the last is incomplete, or a value is not finite
 */
export function countRows(rows: Rows, size: number): number {
  const n = countCompleteRows(rows, size);
  if (rows instanceof Float32Array) {
    const at = rows.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw new RangeError(`number ${at % size} of row ${Math.floor(at / size)} is ${rows[at]}`);
  }
  return n;
}

/** Number of values other than zero. */
export function countNonzeros(rows: Rows): number {
  let count = 0;
  for (let i = 0; i < rows.length; i++) if (rows[i] !== 0) count++;
  return count;
}

/** The column of the largest number of each row, `[n]`; of equal ones the first. @param rows `[n, columns]` */
export const largestOf = (rows: Float32Array, columns: number): Int32Array =>
  Int32Array.from({ length: rows.length / columns }, (_, row) => {
    const start = row * columns;
    let best = start;
    for (let at = start + 1; at < start + columns; at++) if ((rows[at] as number) > (rows[best] as number)) best = at;
    return best - start;
  });

/** The golden ratio less 1: what its multiples have after the point is spread evenly over 0 to 1. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * Indices of `count` of `n` rows, in order: one of each of `count` equal stretches, at another place in each. Of rows whose
 * kinds take turns, those at equal distances would be of one kind. Of all rows if there are no more.
 */
export function spreadRows(n: number, count: number): Uint32Array {
  const chosen = Math.min(n, Math.max(1, Math.floor(count)));
  const start = (i: number) => Math.floor((i * n) / chosen);
  return Uint32Array.from(
    { length: chosen },
    (_, i) => start(i) + Math.floor(((i * GOLDEN) % 1) * (start(i + 1) - start(i))),
  );
}

/** The chosen rows, one after another. */
export function pickRows<R extends Rows>(rows: R, size: number, chosen: Uint32Array): R {
  const length = chosen.length * size;
  const picked = (rows instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length)) as R;
  chosen.forEach((row, i) => {
    picked.set(rows.subarray(row * size, (row + 1) * size), i * size);
  });
  return picked;
}
