import { PCA } from 'ml-pca';

export interface Eigensystem {
  /** Largest first. */
  readonly values: Float64Array;
  /** Orthonormal, in the order of the values, `[size, size]`. */
  readonly vectors: Float64Array;
}

/** Scalar product. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** Adds a multiple of a vector to another, in place. */
export function add(target: Float64Array, factor: number, vector: Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i] = (target[i] as number) + factor * (vector[i] as number);
}

/** The rows of a matrix `[…, size]`, as views. */
export const rowsOf = (matrix: Float64Array, size: number): Float64Array[] =>
  Array.from({ length: matrix.length / size }, (_, i) => matrix.subarray(i * size, (i + 1) * size));

/** Product of two matrices. @param a `[n, inner]` @param b `[inner, m]` */
export function product(a: Float64Array, b: Float64Array, inner: number): Float64Array {
  const width = b.length / inner;
  const result = new Float64Array((a.length / inner) * width);
  for (let i = 0; i < a.length; i++) {
    const factor = a[i] as number;
    for (let from = (i % inner) * width, to = Math.floor(i / inner) * width, end = to + width; to < end; from++, to++)
      result[to] = (result[to] as number) + factor * (b[from] as number);
  }
  return result;
}

/** Transposes a matrix. @param matrix `[n, width]` @returns `[width, n]` */
export function transposed(matrix: Float64Array, width: number): Float64Array {
  const n = matrix.length / width;
  return matrix.map((_, at) => matrix[(at % n) * width + Math.floor(at / n)] as number);
}

/** A symmetric matrix `[size, size]` from its elements on the diagonal and to the right of it. */
export function symmetric(size: number, element: (row: number, column: number) => number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      const value = element(i, j);
      matrix[i * size + j] = value;
      matrix[j * size + i] = value;
    }
  }
  return matrix;
}

/** Sum of the diagonal of a matrix `[size, size]`. */
export function trace(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < matrix.length; i += size + 1) sum += matrix[i] as number;
  return sum;
}

/** Eigenvalues and eigenvectors of a symmetric matrix. @param matrix `[size, size]` */
export function symmetricEigensystem(matrix: Float64Array, size: number): Eigensystem {
  const rows = rowsOf(matrix, size).map((row) => Array.from(row));
  const decomposed = new PCA(rows, { isCovarianceMatrix: true });
  const columns = decomposed.getLoadings().to2DArray();
  return { values: Float64Array.from(decomposed.getEigenvalues()), vectors: Float64Array.from(columns.flat()) };
}

/** Start of row `i` in a lower triangle that is stored row by row. */
const rowStart = (i: number): number => (i * (i + 1)) / 2;

/**
 * Cholesky factor: the lower triangular L with L Lᵀ = `matrix`.
 * @param matrix symmetric and positive definite, `[size, size]`; only the lower triangle is read
 * @returns the lower triangle, row by row
 * @throws RangeError when the matrix is not positive definite
 */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(rowStart(size));
  for (let i = 0, at = 0; i < size; i++) {
    for (let j = 0; j <= i; j++, at++) {
      let rest = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) rest -= (factor[rowStart(i) + k] as number) * (factor[rowStart(j) + k] as number);
      if (i === j && !(rest > 0)) throw new RangeError(`a matrix is not positive definite at row ${i}`);
      factor[at] = i === j ? Math.sqrt(rest) : rest / (factor[rowStart(j) + j] as number);
    }
  }
  return factor;
}

/** Inverse of a lower triangular matrix, both stored row by row. */
export function invertLower(factor: ArrayLike<number>, size: number): Float64Array {
  const inverse = new Float64Array(factor.length);
  for (let i = 0, at = 0; i < size; i++) {
    for (let column = 0; column <= i; column++, at++) {
      let rest = i === column ? 1 : 0;
      for (let k = column; k < i; k++)
        rest -= (factor[rowStart(i) + k] as number) * (inverse[rowStart(k) + column] as number);
      inverse[at] = rest / (factor[rowStart(i) + i] as number);
    }
  }
  return inverse;
}
