import { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { nearestNeighbours } from './knn.ts';
import { rowsOf } from './matrix.ts';
import { leadingEigenvectors, type Operator } from './pca.ts';

/** Nearest points of each, itself among them. */
const NEIGHBOURS = 20;
/** Products with the matrix in each pass of the iteration. */
const DEGREE = 20;
/** When the iteration stops, see `leadingEigenvectors`. */
const LIMITS = { enough: 1e-6, passes: 50 };
/** The share of the time in which the neighbours are found, and passes that the rest usually takes. */
const [SEARCH, USUAL] = [0.7, 10];
/** An eigenvalue this near to 1 is one: a group of points with no edge to the others has it. */
const ONE = 1 - 1e-9;

export interface SpectralEmbedding {
  /** `[n, count]`, each row of unit length */
  readonly rows: Float32Array;
  /** Whether the graph falls into more than `count` parts without an edge between them: the rows are arbitrary then. */
  readonly scattered: boolean;
  /** Whether the eigenvectors had nearly stopped changing when the iteration ended. */
  readonly converged: boolean;
}

export interface SpectralOptions {
  /** Number of eigenvectors: that of the clusters to find. */
  readonly count: number;
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/**
 * Points as spectral clustering sees them (Ng, Jordan and Weiss 2001): the leading eigenvectors of D^−½ A D^−½, each row
 * scaled to unit length. A is the graph of the 20 nearest neighbours, weighted by the Jaccard index of both points'
 * neighbours (Levine et al. 2015, "PhenoGraph"), and D has its degrees. Yields to the event loop.
 * @param points distinct, `[n, size]`, `n` at least `count`
 * @throws RangeError
 */
export async function spectralEmbedding(
  points: Float32Array,
  size: number,
  { count, seed, tick }: SpectralOptions,
): Promise<SpectralEmbedding> {
  const n = countRows(points, size);
  if (!(Number.isInteger(count) && count > 0 && count <= n))
    throw new RangeError(`${count} eigenvectors of ${n} points`);
  const k = Math.min(n, NEIGHBOURS);
  const found = await nearestNeighbours(points, points, size, { k, tick: (done) => tick?.((SEARCH * done) / n) });
  const pause = pauses((share) => tick?.(SEARCH + (1 - SEARCH) * share));
  const edges = normalized(sharedNeighbours(found.indices, k), n);
  const all = USUAL * DEGREE * (count + 1);
  let done = 0;
  const operator = productWith(edges, n, () => pause(Math.min(1, ++done / all)));
  const { components, variances, residual } = await leadingEigenvectors(operator, n, Math.min(n, count + 1), {
    generator: Generator.of(seed, 'eigenvectors'),
    ...LIMITS,
    sharpen: (vectors, below) => chebyshev(operator, vectors, below),
  });
  return {
    rows: unitRows(rowsOf(components, n).slice(0, count)),
    scattered: (variances[count] ?? 0) > ONE,
    converged: residual <= LIMITS.enough,
  };
}

/** Edges of an undirected graph, each once. */
interface Edges {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly weights: Float64Array;
}

/** Each point with its neighbours, by the share that both have in common of all that one of them has. @param lists `[n, k]` */
export function sharedNeighbours(lists: Int32Array, k: number): Edges {
  const n = lists.length / k;
  const of = (point: number) => lists.subarray(point * k, (point + 1) * k);
  const most = n * (k - 1);
  const [from, to, weights] = [new Int32Array(most), new Int32Array(most), new Float64Array(most)];
  let edges = 0;
  const seenBy = new Int32Array(n).fill(-1);
  for (let i = 0; i < n; i++) {
    for (const near of of(i)) seenBy[near] = i;
    for (const j of of(i)) {
      if (i === j || (j < i && of(j).includes(i))) continue;
      let shared = 0;
      for (const near of of(j)) if (seenBy[near] === i) shared++;
      from[edges] = i;
      to[edges] = j;
      weights[edges++] = shared / (2 * k - shared);
    }
  }
  return { from: from.subarray(0, edges), to: to.subarray(0, edges), weights: weights.subarray(0, edges) };
}

/** Weights divided by the roots of both points' degrees. */
function normalized({ from, to, weights }: Edges, n: number): Edges {
  const degrees = new Float64Array(n);
  for (const ends of [from, to])
    ends.forEach((end, edge) => {
      degrees[end] = (degrees[end] as number) + (weights[edge] as number);
    });
  const degree = (end: number | undefined) => degrees[end as number] as number;
  return { from, to, weights: weights.map((weight, e) => weight / Math.sqrt(degree(from[e]) * degree(to[e]))) };
}

/** Multiplies vectors by the matrix of the edges. @param pause called after each vector */
const productWith =
  ({ from, to, weights }: Edges, n: number, pause: () => Promise<void>): Operator =>
  async (vectors) => {
    const products = new Float64Array(vectors.length);
    for (let at = 0; at < vectors.length; at += n) {
      const [x, y] = [vectors.subarray(at, at + n), products.subarray(at, at + n)];
      for (let edge = 0; edge < weights.length; edge++) {
        const [i, j, weight] = [from[edge] as number, to[edge] as number, weights[edge] as number];
        y[i] = (y[i] as number) + weight * (x[j] as number);
        y[j] = (y[j] as number) + weight * (x[i] as number);
      }
      await pause();
    }
    return products;
  };

/**
 * Multiplies vectors by a Chebyshev polynomial of the matrix, whose eigenvalues are from −1 to 1: of those below a bound it
 * makes at most 1, and the more of those above the larger they are (Zhou and Saad 2007).
 */
async function chebyshev(operator: Operator, vectors: Float64Array, below: number): Promise<Float64Array> {
  const bound = Math.max(below, -0.5);
  const [centre, half] = [(bound - 1) / 2, (bound + 1) / 2];
  const scaled = async (x: Float64Array) =>
    (await operator(x)).map((value, at) => (value - centre * (x[at] as number)) / half);
  let [last, next] = [vectors, await scaled(vectors)];
  for (let degree = 2; degree <= DEGREE; degree++) {
    const before = last;
    last = next;
    next = (await scaled(next)).map((value, at) => 2 * value - (before[at] as number));
  }
  return next;
}

/** The rows of a matrix whose columns are given, scaled to unit length. */
function unitRows(columns: readonly Float64Array[]): Float32Array {
  const n = columns[0]?.length ?? 0;
  const rows = new Float32Array(n * columns.length);
  for (let row = 0; row < n; row++) {
    const values = columns.map((column) => column[row] as number);
    const length = Math.max(Math.hypot(...values), Number.MIN_VALUE);
    rows.set(
      values.map((value) => value / length),
      row * columns.length,
    );
  }
  return rows;
}
