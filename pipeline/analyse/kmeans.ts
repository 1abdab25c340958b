import { Generator } from '../data/generator.ts';
import { countRows } from '../data/rows.ts';
import { type Pause, pauses, type Tick } from '../io/stages.ts';
import { approach, type ClusteredRows, plusPlusCentres } from './k-means-plus-plus.ts';
import { columnMeans, meanVariance } from './moments.ts';
import { partitionOf } from './partition.ts';
import { nearestOf, type Run, relativeRows, roundingOf, withPrograms } from './programs.ts';

/** Numbers that are compared at a time, roughly. */
const STRETCH = 2 ** 19;

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
  const data = prepared(rows, size);
  return withPrograms({ approach: approach(clusters, size), nearest: nearest(clusters, size) }, async (run) => {
    let best: KMeans | undefined;
    for (let start = 0; start < restarts; start++) {
      const part: Pause = (share) => pause((start + share) / restarts);
      const centres = await plusPlusCentres(data, clusters, generator, run, part);
      const found = await iterate(data, centres, options, run, part);
      if (!best || found.inertia < best.inertia) best = found;
    }
    return best as KMeans;
  });
}

/**
 * Lloyd's iterations from given centres. A cluster that has lost all rows takes the row farthest from its centre.
 * @param start `[clusters, size]`
 */
export async function refineCentres(
  rows: Float32Array,
  size: number,
  start: Float64Array,
  options: LloydOptions = {},
  pause: Pause = pauses(undefined),
): Promise<KMeans> {
  countRows(rows, size);
  const programs = { nearest: nearest(start.length / size, size) };
  return withPrograms(programs, (run) => iterate(prepared(rows, size), start, options, run, pause));
}

const prepared = (rows: Float32Array, size: number): ClusteredRows => {
  const origin = columnMeans(rows, size);
  return { rows, size, origin, relative: relativeRows(rows, origin, 0, rows.length / size) };
};

/** Finds the nearest centre and the next. */
const nearest = (clusters: number, size: number) => nearestOf(clusters, size, Math.min(2, clusters));

async function iterate(
  { rows, size, origin, relative }: ClusteredRows,
  start: Float64Array,
  { maxIterations = 300, tolerance = 1e-4 }: LloydOptions,
  run: Run<'nearest'>,
  pause: Pause,
): Promise<KMeans> {
  const [n, clusters] = [rows.length / size, start.length / size];
  const partition = partitionOf(rows, size, start);
  const step = Math.min(n, Math.ceil(STRETCH / Math.max(size, clusters)));
  const a = new Float32Array(step * size);
  /** Assigns rows to their nearest centres; returns how many changed. */
  const reassign = async (share: number): Promise<number> => {
    const { rows: b, halves } = relativeRows(partition.centres, origin, 0, clusters);
    const longest = Math.sqrt(2 * halves.reduce((most, value) => Math.max(most, value)));
    const unsettled = partition.unsettled();
    let moved = 0;
    for (let from = 0; from < unsettled.length; from += step) {
      const some = unsettled.subarray(from, from + step);
      some.forEach((row, i) => {
        a.set(relative.rows.subarray(row * size, (row + 1) * size), i * size);
      });
      const { values = [], indices = [] } = await run('nearest', { a, b, halves });
      const few = values.length / step;
      some.forEach((row, i) => {
        const half = relative.halves[row] as number;
        const rounding = roundingOf(size) * (Math.sqrt(2 * half) + longest) ** 2;
        const near = distanceOf(half - (values[i * few] as number) + rounding);
        const far = few > 1 ? distanceOf(half - (values[i * few + 1] as number) - rounding) : Number.POSITIVE_INFINITY;
        const found = indices[i * few] as number;
        if (near < far ? partition.assign(row, found, { near, far }) : partition.assignExactly(row)) moved++;
      });
      await pause(share);
    }
    return moved;
  };
  const enough = tolerance * meanVariance(rows, size);
  await reassign(0);
  let iterations = 0;
  for (let settled = false; !settled && iterations < maxIterations; iterations++) {
    const shift = partition.moveCentres();
    const moved = await reassign((iterations + 1) / maxIterations);
    settled = moved === 0 || shift <= enough;
  }
  const { assignment, centres } = partition;
  return { assignment, centres, inertia: partition.inertia(), iterations };
}

/** A distance from half its square, which rounding may have made negative. */
const distanceOf = (half: number): number => Math.sqrt(Math.max(0, 2 * half));
