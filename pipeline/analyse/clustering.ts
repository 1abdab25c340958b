import munkres from 'munkres';

export interface ClusterAgreement {
  /** Share of rows whose cluster is assigned to their class, by the best one-to-one assignment of clusters to classes. */
  readonly accuracy: number;
  /** Normalized mutual information, 0 to 1. */
  readonly nmi: number;
  /** Adjusted Rand index: 0 expected for random clusters, 1 for equal partitions. */
  readonly ari: number;
}

/**
 * Agreement of clusters with classes: accuracy by the best assignment (Hungarian method, as in deep clustering: Xie,
 * Girshick and Farhadi 2016, equation 9), mutual information over the arithmetic mean of the two entropies (scikit-learn's
 * default), adjusted Rand index (Hubert and Arabie 1985).
 * @param clusters the rows' clusters, `[n]`, at least one; any integers
 * @param labels the rows' classes, `[n]`; any integers
 * @throws RangeError
 */
export function clusterAgreement(clusters: Int32Array, labels: Int32Array): ClusterAgreement {
  const table = contingency(clusters, labels);
  return { accuracy: bestAssignment(table), nmi: mutualInformation(table), ari: adjustedRand(table) };
}

interface Contingency {
  /** Number of rows in each cluster (outer) and class (inner). */
  readonly counts: readonly (readonly number[])[];
  readonly clusterSizes: readonly number[];
  readonly classSizes: readonly number[];
  readonly n: number;
}

function contingency(clusters: Int32Array, labels: Int32Array): Contingency {
  const n = clusters.length;
  if (n === 0 || n !== labels.length) throw new RangeError(`${n} clusters, ${labels.length} labels`);
  const [rowOf, columnOf] = [ranks(clusters), ranks(labels)];
  const counts = Array.from(rowOf, () => Array<number>(columnOf.size).fill(0));
  clusters.forEach((cluster, i) => {
    const row = counts[rowOf.get(cluster) as number] as number[];
    const column = columnOf.get(labels[i] as number) as number;
    row[column] = (row[column] as number) + 1;
  });
  return {
    counts,
    clusterSizes: counts.map((row) => total(row)),
    classSizes: Array.from(columnOf, (_, column) => total(counts.map((row) => row[column] as number))),
    n,
  };
}

/** Indices of the distinct numbers. */
function ranks(numbers: Int32Array): Map<number, number> {
  return new Map(Array.from(new Set(numbers)).map((number, rank) => [number, rank]));
}

const total = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0);

function bestAssignment({ counts, n }: Contingency): number {
  const costs = counts.map((row) => row.map((count) => n - count));
  return total(munkres(costs).map(([row, column]) => counts[row]?.[column] ?? 0)) / n;
}

function entropy(sizes: readonly number[], n: number): number {
  return -total(sizes.map((size) => (size / n) * Math.log(size / n)));
}

function mutualInformation({ counts, clusterSizes, classSizes, n }: Contingency): number {
  if (clusterSizes.length === 1 && classSizes.length === 1) return 1;
  const information = total(
    counts.flatMap((row, i) =>
      row.map((count, j) => {
        const expected = ((clusterSizes[i] as number) * (classSizes[j] as number)) / n;
        return count === 0 ? 0 : (count / n) * Math.log(count / expected);
      }),
    ),
  );
  const mean = (entropy(clusterSizes, n) + entropy(classSizes, n)) / 2;
  return Math.min(1, Math.max(0, information / mean));
}

const pairs = (count: number): number => (count * (count - 1)) / 2;

function adjustedRand({ counts, clusterSizes, classSizes, n }: Contingency): number {
  const together = total(counts.flat().map(pairs));
  const [inCluster, inClass] = [total(clusterSizes.map(pairs)), total(classSizes.map(pairs))];
  if (together === inCluster && together === inClass) return 1; // also where no pair of rows, or every pair, is together
  const expected = (inCluster * inClass) / pairs(n);
  return (together - expected) / ((inCluster + inClass) / 2 - expected);
}
