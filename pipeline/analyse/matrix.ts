import { PCA } from 'ml-pca';

export interface Eigensystem {
  /** Largest first. */
  readonly values: Float64Array;
  /** Orthonormal, in the order of the values, `[size, size]`. */
  readonly vectors: Float64Array;
}

/** Scalar product of `size` numbers of two arrays. */
export function dot(a: Float64Array, b: Float64Array, size = a.length, fromA = 0, fromB = 0): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += (a[fromA + i] as number) * (b[fromB + i] as number);
  return sum;
}

/** Eigenvalues and eigenvectors of a symmetric matrix. @param matrix `[size, size]` */
export function symmetricEigensystem(matrix: Float64Array, size: number): Eigensystem {
  const rows = Array.from({ length: size }, (_, i) => Array.from(matrix.subarray(i * size, (i + 1) * size)));
  const decomposed = new PCA(rows, { isCovarianceMatrix: true });
  const columns = decomposed.getLoadings().to2DArray();
  return { values: Float64Array.from(decomposed.getEigenvalues()), vectors: Float64Array.from(columns.flat()) };
}

/**
 * Cholesky factor: the lower triangular L with L Lᵀ = `matrix`.
 * @param matrix symmetric and positive definite, `[size, size]`; only the lower triangle is read
 * @returns `[size, size]`, zeros above the diagonal
 * @throws RangeError when the matrix is not positive definite
 */
export function choleskyFactor(matrix: Float64Array, size: number): Float64Array {
  const factor = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j] as number;
      for (let k = 0; k < j; k++) rest -= (factor[i * size + k] as number) * (factor[j * size + k] as number);
      if (i !== j) {
        factor[i * size + j] = rest / (factor[j * size + j] as number);
        continue;
      }
      if (!(rest > 0)) throw new RangeError(`a matrix is not positive definite at row ${i}`);
      factor[i * size + i] = Math.sqrt(rest);
    }
  }
  return factor;
}

/** Inverse of a lower triangular matrix. @param factor `[size, size]` */
export function invertLower(factor: Float64Array, size: number): Float64Array {
  const inverse = new Float64Array(size * size);
  for (let column = 0; column < size; column++) {
    for (let i = column; i < size; i++) {
      let rest = i === column ? 1 : 0;
      for (let k = column; k < i; k++)
        rest -= (factor[i * size + k] as number) * (inverse[k * size + column] as number);
      inverse[i * size + column] = rest / (factor[i * size + i] as number);
    }
  }
  return inverse;
}
