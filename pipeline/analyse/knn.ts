import { countRows, type Rows } from '../data/rows.ts';
import { type Pause, pauses } from '../io/stages.ts';
import { columnMeans } from './moments.ts';
import { nearestOf, relativeRows, roundingOf, withPrograms } from './programs.ts';

/** Queries compared at a time. */
const QUERIES = 64;
/** Points that they are compared with at a time: this many numbers, but no more points than this. */
const BLOCK = { numbers: 2 ** 21, points: 2 ** 14 };
/** Candidates in addition to the neighbours. */
const SPARE = 8;
/** Number of dimensions compared between checks whether two points are already too far apart. */
const STRIDE = 8;

export interface Neighbours {
  /** Indices of points, nearest first, `[queries, k]`; of equally near ones the lower index. */
  readonly indices: Int32Array;
  /** Squared Euclidean distances, `[queries, k]`. */
  readonly squaredDistances: Float64Array;
}

export interface NeighbourOptions {
  /** Neighbours of each query. */
  readonly k: number;
  /** Called now and then, with the number of queries that the work done so far amounts to; its errors end the search. */
  readonly tick?: ((done: number) => void) | undefined;
}

/**
 * The nearest points of each query, exactly. Candidates are found in float32, by products of matrices; their distances are
 * then computed in float64. A query for which rounding may have hidden a neighbour from the candidates is compared with all
 * points. Yields to the event loop.
 * @param points `[n, size]`, `n` at least `k`
 * @param queries `[m, size]`
 * @throws RangeError
 */
export async function nearestNeighbours(
  points: Rows,
  queries: Rows,
  size: number,
  { k, tick }: NeighbourOptions,
): Promise<Neighbours> {
  const n = countRows(points, size);
  const m = queries.length === 0 ? 0 : countRows(queries, size);
  if (!(Number.isInteger(k) && k > 0 && k <= n)) throw new RangeError(`${k} neighbours of ${n} points`);
  const found = nearestLists(m, k);
  if (m === 0) return found;
  const pause = pauses(tick && ((share) => tick(share * m)));
  const candidates = await findCandidates(points, queries, size, Math.min(k + SPARE, n), pause);
  for (let query = 0; query < m; query++) {
    const compare = (point: number) =>
      found.insert(query, point, distanceWithin(found.farthest(query), queries, query, points, point, size));
    candidates.of(query).sort().forEach(compare);
    if (!(found.farthest(query) < candidates.othersBeyond(query))) {
      found.clear(query);
      for (let point = 0; point < n; point++) compare(point);
    }
    await pause(1);
  }
  tick?.(m);
  return found;
}

/** Lists of the `k` nearest points of each query, as they are found. */
function nearestLists(queries: number, k: number) {
  const indices = new Int32Array(queries * k).fill(-1);
  const squaredDistances = new Float64Array(queries * k).fill(Number.POSITIVE_INFINITY);
  return {
    indices,
    squaredDistances,
    /** The distance that a point must be below to enter the list. */
    farthest: (query: number): number => squaredDistances[query * k + k - 1] as number,
    /** Inserts a point into its place; of equally near ones, the first stays first. */
    insert(query: number, point: number, distance: number): void {
      const list = query * k;
      let place = list + k - 1;
      if (!(distance < (squaredDistances[place] as number))) return;
      for (; place > list && (squaredDistances[place - 1] as number) > distance; place--) {
        squaredDistances[place] = squaredDistances[place - 1] as number;
        indices[place] = indices[place - 1] as number;
      }
      squaredDistances[place] = distance;
      indices[place] = point;
    },
    clear(query: number): void {
      squaredDistances.fill(Number.POSITIVE_INFINITY, query * k, (query + 1) * k);
    },
  };
}

/** The `count` nearest points of each query, but for rounding. */
async function findCandidates(points: Rows, queries: Rows, size: number, count: number, pause: Pause) {
  const [n, m] = [points.length / size, queries.length / size];
  const origin = columnMeans(points, size);
  const asked = relativeRows(queries, origin, 0, m);
  const block = Math.min(n, BLOCK.points, Math.max(count, Math.ceil(BLOCK.numbers / size)));
  const few = Math.min(count, block);
  const lists = nearestLists(m, count);
  let longest = 0;
  await withPrograms({ nearest: nearestOf(block, size, few) }, async (run) => {
    for (let first = 0; first < n; first += block) {
      const { rows: b, halves } = relativeRows(points, origin, first, block);
      longest = halves.subarray(0, n - first).reduce((most, value) => Math.max(most, value), longest);
      for (let from = 0; from < m; from += QUERIES) {
        const a = asked.rows.subarray(from * size, (from + QUERIES) * size);
        const { values = [], indices = [] } = await run('nearest', { a, b, halves });
        for (let at = 0; at < values.length; at++)
          lists.insert(from + Math.floor(at / few), first + (indices[at] as number), -(values[at] as number));
        await pause(Math.min(1, (first + (block * Math.min(m, from + QUERIES)) / m) / n));
      }
    }
  });
  return {
    /** The query's candidates. */
    of: (query: number): Int32Array => lists.indices.subarray(query * count, (query + 1) * count),
    /** No point that is not among them has a smaller squared distance. */
    othersBeyond(query: number): number {
      if (count === n) return Number.POSITIVE_INFINITY;
      const own = 2 * (asked.halves[query] as number);
      const rounding = roundingOf(size) * (Math.sqrt(own) + Math.sqrt(2 * longest)) ** 2;
      return own + 2 * (lists.farthest(query) - rounding);
    },
  };
}

/** Squared distance between row `i` of `a` and row `j` of `b`; where it is `limit` or more, any number from that on. */
function distanceWithin(limit: number, a: Rows, i: number, b: Rows, j: number, size: number): number {
  const end = (i + 1) * size;
  let sum = 0;
  for (let at = i * size, to = j * size; at < end && sum < limit; ) {
    for (const stop = Math.min(at + STRIDE, end); at < stop; at++, to++) {
      const difference = (a[at] as number) - (b[to] as number);
      sum += difference * difference;
    }
  }
  return sum;
}

/**
 * The most frequent class of each query's neighbours, `[queries]`; of equally frequent ones that of the nearest neighbour.
 * @param labels of the points
 */
export function majorityVote({ indices }: Neighbours, labels: Int32Array, k: number): Int32Array {
  return Int32Array.from({ length: indices.length / k }, (_, query) => {
    const votes = new Map<number, number>();
    for (const index of indices.subarray(query * k, (query + 1) * k)) {
      const label = labels[index] as number;
      votes.set(label, (votes.get(label) ?? 0) + 1);
    }
    // A map keeps the order of insertion: nearest first.
    return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))[0];
  });
}

/** Share of correct predictions. */
export function accuracy(predicted: Int32Array, labels: Int32Array): number {
  if (predicted.length !== labels.length)
    throw new RangeError(`${predicted.length} predictions, ${labels.length} labels`);
  return predicted.reduce((right, label, i) => right + (label === labels[i] ? 1 : 0), 0) / labels.length;
}
