import type { Generator } from '../data/generator.ts';
import { symmetricEigensystem } from './symmetric.ts';

/** A symmetric matrix times each of some vectors, one after another, `[count, size]`. */
export type Operator = (vectors: Float64Array) => Promise<Float64Array>;

export interface LeadingEigenvectors {
  /** Orthonormal, `[count, size]`, each one's number of largest size positive. */
  readonly components: Float64Array;
  /** Eigenvalues, the largest first. */
  readonly variances: Float64Array;
  /** Largest ‖A v − λ v‖ over the largest eigenvalue. */
  readonly residual: number;
}

/** Vectors carried beside the wanted ones: the more, the fewer passes. */
const SPARE = 10;

/**
 * The eigenvectors of the largest eigenvalues of a positive semidefinite matrix: subspace iteration with Rayleigh–Ritz
 * projection (Saad, "Numerical methods for large eigenvalue problems", algorithm 5.3), from a random start.
 * @param count at most `size`
 * @param enough a residual that ends it
 * @param passes products at most
 */
export async function leadingEigenvectors(
  operator: Operator,
  size: number,
  count: number,
  { generator, enough, passes }: { generator: Generator; enough: number; passes: number },
): Promise<LeadingEigenvectors> {
  const width = Math.min(size, count + SPARE);
  const start = new Float32Array(width * size);
  generator.fillNormal(start);
  let basis = orthonormal(Float64Array.from(start), size, generator);
  for (let pass = 1; ; pass++) {
    const images = await operator(basis);
    const projected = new Float64Array(width * width);
    for (let i = 0; i < width; i++)
      for (let j = i; j < width; j++) {
        const product = dot(basis, i * size, images, j * size, size);
        projected[i * width + j] = product;
        projected[j * width + i] = product;
      }
    const { values, vectors: turns } = symmetricEigensystem(projected, width);
    const [vectors, turned] = [combine(turns, basis, size), combine(turns, images, size)];
    const residual = largestResidual(vectors, turned, values, count, size);
    if (residual <= enough || pass >= passes || width === size) {
      const components = vectors.slice(0, count * size);
      for (let from = 0; from < components.length; from += size) pointUp(components.subarray(from, from + size));
      return { components, variances: values.slice(0, count).map((value) => Math.max(0, value)), residual };
    }
    basis = orthonormal(turned, size, generator);
  }
}

function dot(a: Float64Array, atA: number, b: Float64Array, atB: number, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += (a[atA + i] as number) * (b[atB + i] as number);
  return sum;
}

/** Adds a multiple of one vector to another. */
function add(
  target: Float64Array,
  at: number,
  factor: number,
  vectors: Float64Array,
  from: number,
  size: number,
): void {
  for (let i = 0; i < size; i++) target[at + i] = (target[at + i] as number) + factor * (vectors[from + i] as number);
}

/** Sums of the vectors weighted by each row of a square matrix. */
function combine(weights: Float64Array, vectors: Float64Array, size: number): Float64Array {
  const width = vectors.length / size;
  const sums = new Float64Array(vectors.length);
  for (let i = 0; i < width; i++)
    for (let j = 0; j < width; j++) add(sums, i * size, weights[i * width + j] as number, vectors, j * size, size);
  return sums;
}

/** Vectors of length one at right angles that span the same (modified Gram–Schmidt, twice), in place. */
function orthonormal(vectors: Float64Array, size: number, generator: Generator): Float64Array {
  for (let at = 0; at < vectors.length; at += size) {
    const before = Math.sqrt(dot(vectors, at, vectors, at, size));
    let length = clear(vectors, at, size);
    if (!(length > 1e-10 * before)) {
      // It lies in the others' span, as where the matrix has a lower rank: another direction will do.
      const random = new Float32Array(size);
      generator.fillNormal(random);
      vectors.set(random, at);
      length = clear(vectors, at, size);
    }
    for (let i = at; i < at + size; i++) vectors[i] = (vectors[i] as number) / length;
  }
  return vectors;
}

/** Takes the directions of the vectors before one out of it; returns its length then. */
function clear(vectors: Float64Array, at: number, size: number): number {
  for (let round = 0; round < 2; round++)
    for (let other = 0; other < at; other += size)
      add(vectors, at, -dot(vectors, at, vectors, other, size), vectors, other, size);
  return Math.sqrt(dot(vectors, at, vectors, at, size));
}

function largestResidual(
  vectors: Float64Array,
  images: Float64Array,
  values: Float64Array,
  count: number,
  size: number,
): number {
  let largest = 0;
  for (let c = 0; c < count; c++) {
    let sum = 0;
    for (let i = c * size; i < (c + 1) * size; i++)
      sum += ((images[i] as number) - (values[c] as number) * (vectors[i] as number)) ** 2;
    largest = Math.max(largest, Math.sqrt(sum));
  }
  return largest === 0 ? 0 : largest / Math.max(values[0] as number, Number.MIN_VALUE);
}

/** Turns a vector round where its number of largest size is negative. */
function pointUp(vector: Float64Array): void {
  const largest = vector.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
  if (largest < 0) for (let i = 0; i < vector.length; i++) vector[i] = -(vector[i] as number);
}
