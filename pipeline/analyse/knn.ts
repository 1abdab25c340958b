/** Points compared at a time: as many as fit in the first-level cache. */
const BLOCK = 512;
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
  /** Called now and then, with the number of finished queries; what it throws ends the search. */
  readonly tick?: ((done: number) => void) | undefined;
}

/**
 * The nearest points of each query, exactly, by comparing all with all. Gives way to other events between blocks.
 * @param points `[n, size]`, `n` at least `k`
 * @param queries `[m, size]`
 */
export async function nearestNeighbours(
  points: Float32Array,
  queries: Float32Array,
  size: number,
  { k, tick }: NeighbourOptions,
): Promise<Neighbours> {
  const [n, m] = [points.length / size, queries.length / size];
  if (!(Number.isInteger(n) && Number.isInteger(m)))
    throw new RangeError(`points and queries must have ${size} numbers each`);
  if (!(Number.isInteger(k) && k > 0 && k <= n)) throw new RangeError(`${k} neighbours of ${n} points`);
  const indices = new Int32Array(m * k).fill(-1);
  const squaredDistances = new Float64Array(m * k).fill(Number.POSITIVE_INFINITY);
  /** Inserts the points `first` to before `last` into a query's list of neighbours. */
  const compare = (query: number, first: number, last: number): void => {
    const list = query * k;
    const end = list + k - 1;
    let farthest = squaredDistances[end] as number;
    for (let point = first; point < last; point++) {
      const distance = distanceWithin(farthest, queries, query, points, point, size);
      if (distance >= farthest) continue;
      let place = end;
      for (; place > list && (squaredDistances[place - 1] as number) > distance; place--) {
        squaredDistances[place] = squaredDistances[place - 1] as number;
        indices[place] = indices[place - 1] as number;
      }
      squaredDistances[place] = distance;
      indices[place] = point;
      farthest = squaredDistances[end] as number;
    }
  };
  for (let from = 0; from < m; from += BLOCK) {
    const to = Math.min(from + BLOCK, m);
    for (let first = 0; first < n; first += BLOCK) {
      const last = Math.min(first + BLOCK, n);
      for (let query = from; query < to; query++) compare(query, first, last);
    }
    await new Promise((resolve) => setImmediate(resolve));
    tick?.(to);
  }
  return { indices, squaredDistances };
}

/** Squared distance between row `i` of `a` and row `j` of `b`; where it is `limit` or more, any number from that on. */
export function distanceWithin(
  limit: number,
  a: Float32Array,
  i: number,
  b: Float32Array,
  j: number,
  size: number,
): number {
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
