import { clusterAgreement } from '../analyse/clustering.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { pauses, type Tick } from '../io/stages.ts';
import type { Space } from './methods.ts';

/** Images of the silhouette, at most: all of them are compared with each other. */
const SILHOUETTE = 4000;

/**
 * The mean silhouette (Rousseeuw 1987) of evenly spaced rows, each compared with the others of them: (b − a) / max(a, b),
 * where a is the mean distance from the rows of its own cluster and b from those of the nearest other one. It is 0 for a row
 * that is alone in its cluster.
 * @returns undefined where those rows are all of one cluster, or each is of its own
 */
export async function silhouetteOf({ rows, size }: Space, clusters: Int32Array, tick?: Tick) {
  const chosen = spreadRows(clusters.length, SILHOUETTE);
  const some = pickRows(rows, size, chosen);
  const of = Int32Array.from(chosen, (row) => clusters[row] as number);
  const n = chosen.length;
  const k = of.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  const counts = new Float64Array(k);
  for (const cluster of of) counts[cluster] = (counts[cluster] as number) + 1;
  const distinct = counts.filter((count) => count > 0).length;
  if (distinct < 2 || distinct === n) return undefined;
  const pause = pauses(tick);
  let total = 0;
  for (let i = 0; i < n; i++) {
    const sums = new Float64Array(k);
    for (let j = 0; j < n; j++) {
      let square = 0;
      for (let d = 0; d < size; d++) square += ((some[i * size + d] as number) - (some[j * size + d] as number)) ** 2;
      sums[of[j] as number] = (sums[of[j] as number] as number) + Math.sqrt(square);
    }
    const own = of[i] as number;
    const others = (counts[own] as number) - 1;
    if (others > 0) {
      const inside = (sums[own] as number) / others;
      const means = sums.map((sum, c) =>
        c === own || counts[c] === 0 ? Number.POSITIVE_INFINITY : sum / (counts[c] as number),
      );
      const outside = means.reduce((least, mean) => Math.min(least, mean));
      total += Math.max(inside, outside) > 0 ? (outside - inside) / Math.max(inside, outside) : 0;
    }
    await pause((i + 1) / n);
  }
  return { value: total / n, images: n };
}

/** Adjusted Rand index of any two of several clusterings of the same rows: mean and least. @param clusterings at least two */
export function stabilityOf(clusterings: readonly Int32Array[]): { mean: number; least: number } {
  const pairs = clusterings.flatMap((one, i) =>
    clusterings.slice(i + 1).map((other) => clusterAgreement(one, other).ari),
  );
  return { mean: pairs.reduce((sum, ari) => sum + ari, 0) / pairs.length, least: Math.min(...pairs) };
}
