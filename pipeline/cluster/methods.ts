import { fitGaussianMixture, type GaussianMixture, sphericalMixture } from '../analyse/gaussian-mixture.ts';
import { kmeans } from '../analyse/kmeans.ts';
import type { ClusterMethod } from '../artifacts/clusters.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, range } from '../data/rows.ts';
import type { Tick } from '../io/stages.ts';
import { umap } from '../pictures/umap.ts';

/** Clusters are fitted to these: the latents, or a map of them. */
export interface Space {
  /** `[n, size]` */
  readonly rows: Float32Array;
  readonly size: number;
  readonly name: 'latents' | 'map';
}

/** Methods that fit clusters to latents. */
export type FittedMethod = Exclude<ClusterMethod, 'dcec'>;

/** Neighbours and distance of the map, as N2D has them (McConville et al. 2021). */
const MAP = { neighbours: 20, minDistance: 0, epochs: 500, exact: true };
/** Mixtures that are fitted from different starts, of which the most likely is kept. */
const STARTS = 3;

/**
 * Where a method looks for clusters. A map depends on the order of its points, which the seed decides; seed 0 takes them as
 * they are.
 */
export async function spaceOf(
  method: FittedMethod,
  latents: Float32Array,
  size: number,
  { seed, tick }: { readonly seed: number; readonly tick?: Tick | undefined },
): Promise<Space> {
  if (method !== 'umap-gmm') return { rows: latents, size, name: 'latents' };
  const n = latents.length / size;
  const order = seed === 0 ? range(0, n) : Generator.of(seed, 'UMAP').shuffled(n);
  const map = await umap(pickRows(latents, size, order), size, { ...MAP, tick: (done, all) => tick?.(done / all) });
  const rows = new Float32Array(2 * n);
  order.forEach((row, i) => {
    rows.set(map.subarray(2 * i, 2 * i + 2), 2 * row);
  });
  return { rows, size: 2, name: 'map' };
}

export interface FitOptions {
  readonly k: number;
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/** Fits clusters, as a mixture of normal distributions. @throws RangeError where there are fewer rows than clusters */
export async function fitClusters(method: FittedMethod, { rows, size }: Space, options: FitOptions): Promise<Fit> {
  const { k: clusters, seed, tick } = options;
  if (method === 'kmeans') {
    const { centres, inertia } = await kmeans(rows, size, { clusters, seed, tick });
    return {
      mixture: sphericalMixture(centres, size, Math.max(inertia / rows.length, Number.EPSILON)),
      logLikelihood: Number.NaN,
      converged: true,
    };
  }
  let best: Fit | undefined;
  for (let start = 0; start < STARTS; start++) {
    const part: Tick = (share) => tick?.((start + share) / STARTS);
    const found = await fitGaussianMixture(rows, size, {
      components: clusters,
      seed: STARTS * seed + start,
      tick: part,
    });
    if (!best || found.logLikelihood > best.logLikelihood) best = found;
  }
  return best as Fit;
}

export interface Fit {
  readonly mixture: GaussianMixture;
  /** Mean log density of the rows in nats; NaN of k-means. */
  readonly logLikelihood: number;
  /** Whether the likelihood had nearly stopped growing when the fit ended; true for k-means, which has none. */
  readonly converged: boolean;
}

/** How many rows differ, `enough` at most. */
export function distinctRows(rows: Float32Array, size: number, enough: number): number {
  const seen = new Set<string>();
  for (let at = 0; at < rows.length && seen.size < enough; at += size) seen.add(rows.subarray(at, at + size).join());
  return seen.size;
}
