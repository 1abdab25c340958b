/** Where numbers lie, one entry for each dimension; `std` divides by the number of rows. */
export interface Spread {
  readonly mean: number[];
  readonly std: number[];
  readonly min: number[];
  readonly max: number[];
}

/**
 * Mean, standard deviation, smallest and largest of each column.
 * @param rows `[n, size]`, at least one row
 */
export function spreadOf(rows: Float32Array, size: number): Spread {
  const n = rows.length / size;
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`${rows.length} numbers are not rows of ${size}`);
  const fold = (initial: number, step: (result: number, value: number, column: number) => number) => {
    const columns = Array<number>(size).fill(initial);
    rows.forEach((value, i) => {
      columns[i % size] = step(columns[i % size] as number, value, i % size);
    });
    return columns;
  };
  const mean = fold(0, (sum, value) => sum + value).map((sum) => sum / n);
  return {
    mean,
    std: fold(0, (sum, value, column) => sum + (value - (mean[column] as number)) ** 2).map((sum) =>
      Math.sqrt(sum / n),
    ),
    min: fold(Number.POSITIVE_INFINITY, (least, value) => Math.min(least, value)),
    max: fold(Number.NEGATIVE_INFINITY, (most, value) => Math.max(most, value)),
  };
}
