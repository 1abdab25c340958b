import type { Rows } from '../data/rows.ts';

/** Columns of a matrix are multiplied four at a time, so that their sums stay in registers. */
const LANES = 4;

/** `width`, rounded up to what `Nonzeros` needs. */
export const padded = (width: number): number => Math.ceil(width / LANES) * LANES;

/** Truncates the rows of a matrix, or pads them with zeros. @param matrix `[…, from]` @returns `[…, to]` */
export function toWidth(matrix: Float64Array, from: number, to: number): Float64Array {
  const result = new Float64Array((matrix.length / from) * to);
  const kept = Math.min(from, to);
  for (let i = 0, at = 0; i < matrix.length; i += from, at += to) result.set(matrix.subarray(i, i + kept), at);
  return result;
}

/** The nonzero values of one row at a time, and products with them, which zeros do not slow down. */
export class Nonzeros {
  count = 0;
  readonly columns: Int32Array;
  readonly values: Float64Array;

  constructor(size: number) {
    this.columns = new Int32Array(size);
    this.values = new Float64Array(size);
  }

  /** Reads the row that starts at `start`. */
  read(rows: Rows, start: number): void {
    const { columns, values } = this;
    let count = 0;
    for (let j = 0; j < columns.length; j++) {
      const value = rows[start + j] as number;
      if (value === 0) continue;
      columns[count] = j;
      values[count++] = value;
    }
    this.count = count;
  }

  /** Writes the row times a matrix. @param matrix `[size, width]`, `width` padded @param products `[width]` */
  times(matrix: Float64Array, products: Float64Array): void {
    const { columns, values, count } = this;
    const width = products.length;
    for (let c = 0; c < width; c += LANES) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      for (let t = 0; t < count; t++) {
        const value = values[t] as number;
        const at = (columns[t] as number) * width + c;
        s0 += value * (matrix[at] as number);
        s1 += value * (matrix[at + 1] as number);
        s2 += value * (matrix[at + 2] as number);
        s3 += value * (matrix[at + 3] as number);
      }
      products[c] = s0;
      products[c + 1] = s1;
      products[c + 2] = s2;
      products[c + 3] = s3;
    }
  }

  /** Adds the outer product of the row and `factors`. @param factors `[width]`, padded @param sums `[size, width]` */
  addProducts(factors: Float64Array, sums: Float64Array): void {
    const { columns, values, count } = this;
    const width = factors.length;
    for (let c = 0; c < width; c += LANES) {
      const f0 = factors[c] as number;
      const f1 = factors[c + 1] as number;
      const f2 = factors[c + 2] as number;
      const f3 = factors[c + 3] as number;
      for (let t = 0; t < count; t++) {
        const value = values[t] as number;
        const at = (columns[t] as number) * width + c;
        sums[at] = (sums[at] as number) + value * f0;
        sums[at + 1] = (sums[at + 1] as number) + value * f1;
        sums[at + 2] = (sums[at + 2] as number) + value * f2;
        sums[at + 3] = (sums[at + 3] as number) + value * f3;
      }
    }
  }
}
