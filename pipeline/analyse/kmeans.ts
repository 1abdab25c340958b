import { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { type Pause, pauses, rowStretches, type Tick } from '../io/stages.ts';
import { distanceWithin } from './knn.ts';
import { lloyd } from './lloyd.ts';
import { columnMeans, columnSquares } from './moments.ts';

export interface KMeans {
  /** Cluster of each row, `[n]`. */
  readonly assignment: Int32Array;
  /** `[clusters, size]` */
  readonly centres: Float64Array;
  /** Sum of the rows' squared distances from their centres. */
  readonly inertia: number;
  readonly iterations: number;
}

export interface LloydOptions {
  /** 300 by default. */
  readonly maxIterations?: number | undefined;
  /**
   * Stops when the centres' squared shifts sum to less than this times the mean variance of the columns; 1e-4 by default.
   */
  readonly tolerance?: number | undefined;
}

export interface KMeansOptions extends LloydOptions {
  readonly clusters: number;
  /** Number of starts, of which the one with the smallest inertia is kept; 10 by default. */
  readonly restarts?: number | undefined;
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/**
 * k-means (Lloyd 1982) from several greedy k-means++ starts, with the defaults of scikit-learn's `KMeans`. Equal seeds give
 * equal clusters. Yields to the event loop.
 *
 * The library ml-kmeans needs an array for each row (0.4 GB for 70,000 digits, which its start copies), has no restarts,
 * leaves clusters empty, and compares every row with every centre in each iteration.
 * @param rows `[n, size]`, `n` at least `clusters`
 * @throws RangeError
 */
export async function kmeans(rows: Float32Array, size: number, options: KMeansOptions): Promise<KMeans> {
  const { clusters, restarts = 10, seed, tick } = options;
  const n = countRows(rows, size);
  if (!(Number.isInteger(clusters) && clusters > 0 && clusters <= n)) {
    throw new RangeError(`${clusters} clusters of ${n} rows`);
  }
  if (!(Number.isInteger(restarts) && restarts > 0)) throw new RangeError(`${restarts} starts`);
  const generator = Generator.of(seed, 'k-means');
  const pause = pauses(tick);
  let best: KMeans | undefined;
  for (let start = 0; start < restarts; start++) {
    const part: Pause = (share) => pause((start + share) / restarts);
    const centres = await plusPlusCentres(rows, size, clusters, generator, part);
    const found = await refineCentres(rows, size, centres, options, part);
    if (!best || found.inertia < best.inertia) best = found;
  }
  return best as KMeans;
}

/**
 * Lloyd's iterations from given centres. A cluster that has lost all rows takes the row farthest from its centre.
 * @param start `[clusters, size]`
 */
export async function refineCentres(
  rows: Float32Array,
  size: number,
  start: Float64Array,
  { maxIterations = 300, tolerance = 1e-4 }: LloydOptions = {},
  pause: Pause = pauses(undefined),
): Promise<KMeans> {
  const n = countRows(rows, size);
  const { assignment, centres, inertia, ...state } = lloyd(rows, size, start);
  const enough = tolerance * meanVariance(rows, size);
  const reassign = async (share: number): Promise<number> => {
    let moved = 0;
    for (const { from, to } of rowStretches(n, start.length)) {
      moved += state.reassign(from, to);
      await pause(share);
    }
    return moved;
  };
  await reassign(0);
  let iterations = 0;
  for (let settled = false; !settled && iterations < maxIterations; iterations++) {
    const shift = state.moveCentres();
    const moved = await reassign((iterations + 1) / maxIterations);
    settled = moved === 0 || shift <= enough;
  }
  return { assignment, centres, inertia: inertia(), iterations };
}

/** Mean over the columns of their variances. */
function meanVariance(rows: Float32Array, size: number): number {
  const squares = columnSquares(rows, size, columnMeans(rows, size));
  return squares.reduce((sum, square) => sum + square, 0) / rows.length;
}

/**
 * Chooses rows as initial centres, `[clusters, size]`, by greedy k-means++ (Arthur and Vassilvitskii 2007, "k-means++: the
 * advantages of careful seeding"): of 2 + ⌊ln k⌋ candidates, drawn with probability proportional to their squared distance
 * from the centres so far, the one that leaves the smallest sum of squared distances.
 */
async function plusPlusCentres(
  rows: Float32Array,
  size: number,
  clusters: number,
  generator: Generator,
  pause: Pause,
): Promise<Float64Array> {
  const n = rows.length / size;
  const centres = new Float64Array(clusters * size);
  const candidates = 2 + Math.floor(Math.log(clusters));
  let nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let potential = 0;
  for (let cluster = 0; cluster < clusters; cluster++) {
    let best = { row: -1, nearest, potential: Number.POSITIVE_INFINITY };
    for (let trial = 0; trial < (cluster === 0 ? 1 : candidates); trial++) {
      const row = potential > 0 ? drawRow(nearest, potential, generator) : Math.floor(generator.uniform() * n);
      const distances = new Float64Array(n);
      let sum = 0;
      for (const { from, to } of rowStretches(n, size)) {
        let part = 0;
        for (let i = from; i < to; i++) {
          const cap = nearest[i] as number;
          const distance = Math.min(distanceWithin(cap, rows, row, rows, i, size), cap);
          distances[i] = distance;
          part += distance;
        }
        sum += part;
        await pause(0);
      }
      if (sum < best.potential) best = { row, nearest: distances, potential: sum };
    }
    ({ nearest, potential } = best);
    centres.set(rows.subarray(best.row * size, (best.row + 1) * size), cluster * size);
  }
  return centres;
}

/** Draws a row with probability proportional to its weight. @param sum of the weights */
function drawRow(weights: Float64Array, sum: number, generator: Generator): number {
  let rest = generator.uniform() * sum;
  let last = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row] as number;
    if (weight === 0) continue;
    last = row;
    rest -= weight;
    if (rest < 0) return row;
  }
  return last; // reached because of rounding
}
