import { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { type Pause, pauses, rowStretches, type Tick } from '../io/stages.ts';
import { Lloyd } from './kmeans-lloyd.ts';
import { plusPlusCentres } from './kmeans-start.ts';

export interface KMeans {
  /** Cluster of each row, `[n]`. */
  readonly assignment: Int32Array;
  /** `[clusters, size]` */
  readonly centres: Float64Array;
  /** Sum of the squared distances of the rows from their centres. */
  readonly inertia: number;
  readonly iterations: number;
}

export interface LloydOptions {
  /** Iterations at most; 300 when not given. */
  readonly maxIterations?: number | undefined;
  /** Ends when the centres' squared shifts sum to less than this times the columns' mean variance; 1e-4 when not given. */
  readonly tolerance?: number | undefined;
}

export interface KMeansOptions extends LloydOptions {
  readonly clusters: number;
  /** Starts, of which the one with the smallest inertia is kept; 10 when not given. */
  readonly restarts?: number | undefined;
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/**
 * k-means (Lloyd 1982) from several greedy k-means++ starts, with the defaults of scikit-learn's `KMeans`. The same
 * seed gives the same clusters. Gives way to other events.
 *
 * Not with the library ml-kmeans: it wants an array for each row (0.4 GB for 70,000 digits, which its start copies),
 * knows no restarts, leaves clusters empty, and compares every row with every centre in each iteration.
 * @param rows `[n, size]`, `n` at least `clusters`
 * @throws RangeError
 */
export async function kmeans(rows: Float32Array, size: number, options: KMeansOptions): Promise<KMeans> {
  const { clusters, restarts = 10, seed, tick } = options;
  const n = countRows(rows, size);
  if (!(Number.isInteger(clusters) && clusters > 0 && clusters <= n))
    throw new RangeError(`${clusters} clusters of ${n} rows`);
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
 * Lloyd's iterations from given centres; a cluster that has lost its rows takes the row that is farthest from its centre.
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
  const lloyd = new Lloyd(rows, size, start);
  const enough = tolerance * meanVariance(rows, size);
  const reassign = async (share: number): Promise<number> => {
    let moved = 0;
    for (const { from, to } of rowStretches(n, size * lloyd.clusters)) {
      moved += lloyd.reassign(from, to);
      await pause(share);
    }
    return moved;
  };
  await reassign(0);
  let iterations = 0;
  for (let settled = false; !settled && iterations < maxIterations; iterations++) {
    const shift = lloyd.moveCentres();
    const moved = await reassign((iterations + 1) / maxIterations);
    settled = moved === 0 || shift <= enough;
  }
  return { assignment: lloyd.assignment, centres: lloyd.centres, inertia: lloyd.inertia(), iterations };
}

function meanVariance(rows: Float32Array, size: number): number {
  const n = rows.length / size;
  const [means, squares] = [new Float64Array(size), new Float64Array(size)];
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++) means[j] = (means[j] as number) + (rows[i + j] as number) / n;
  for (let i = 0; i < rows.length; i += size)
    for (let j = 0; j < size; j++)
      squares[j] = (squares[j] as number) + ((rows[i + j] as number) - (means[j] as number)) ** 2;
  return squares.reduce((sum, square) => sum + square, 0) / (n * size);
}
