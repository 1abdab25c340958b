import { fitGaussianMixture, type GaussianMixture, sphericalMixture } from '../analyse/gaussian-mixture.ts';
import { kmeans } from '../analyse/kmeans.ts';
import { spectralEmbedding } from '../analyse/spectral.ts';
import type { ClusterMethod } from '../artifacts/clusters.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, range } from '../data/rows.ts';
import { sha256 } from '../io/digest.ts';
import { InputError } from '../io/errors.ts';
import type { Tick } from '../io/stages.ts';
import { umap } from '../pictures/umap.ts';

/** Clusters are fitted to these: the latents, a map of them, or eigenvectors of their graph of neighbours. */
export interface Space {
  /** `[n, size]` */
  readonly rows: Float32Array;
  readonly size: number;
  readonly name: 'latents' | 'map' | 'eigenvectors';
  /** Whether eigenvectors had nearly stopped changing. */
  readonly converged?: boolean | undefined;
}

/** Methods that fit clusters to latents. */
export type FittedMethod = Exclude<ClusterMethod, 'dcec'>;

/** Neighbours and distance of the map, as N2D has them (McConville et al. 2021). */
const MAP = { neighbours: 20, minDistance: 0, epochs: 500, exact: true };
/** Points that can be mapped. */
const LEAST_POINTS = 4;
/** Mixtures that are fitted from different starts, of which the most likely is kept. */
const STARTS = 3;

/**
 * Where a method looks for clusters. A map depends on the order of its points, which the seed decides; seed 0 takes them as
 * they are. Equal latents are one point, which a map would spread; fewer than four distinct ones are left as they are.
 * @param k the clusters to find, that `spectral` needs
 * @throws InputError where the graph of neighbours has more parts than clusters are to be found
 */
export async function spaceOf(
  method: FittedMethod,
  latents: Float32Array,
  size: number,
  { k, seed, tick }: FitOptions,
): Promise<Space> {
  const own = { rows: latents, size, name: 'latents' } as const;
  if (method === 'kmeans' || method === 'gmm') return own;
  const { firsts, pointOf } = pointsOf(latents, size);
  if (firsts.length < LEAST_POINTS) return own;
  if (method === 'spectral') {
    const points = pickRows(latents, size, Uint32Array.from(firsts));
    const { rows, scattered, converged } = await spectralEmbedding(points, size, { count: k, seed, tick });
    if (scattered) {
      throw new InputError(
        `--method spectral: the images form more than ${k} groups that are no neighbours of each other; give a larger --k, or choose another --method`,
      );
    }
    return { rows: pickRows(rows, k, pointOf), size: k, name: 'eigenvectors', converged };
  }
  const order = seed === 0 ? range(0, firsts.length) : Generator.of(seed, 'UMAP').shuffled(firsts.length);
  const chosen = order.map((point) => firsts[point] as number);
  const map = await umap(pickRows(latents, size, chosen), size, { ...MAP, tick: (done, all) => tick?.(done / all) });
  const placeOf = new Uint32Array(order.length);
  order.forEach((point, place) => {
    placeOf[point] = place;
  });
  const places = pointOf.map((point) => placeOf[point] as number);
  return { rows: pickRows(map, 2, places), size: 2, name: 'map' };
}

/** The first row of each distinct one, and which of these each row is, `[n]`. */
function pointsOf(rows: Float32Array, size: number) {
  const points = new Map<string, number>();
  const firsts: number[] = [];
  const pointOf = Uint32Array.from({ length: rows.length / size }, (_, row) => {
    const digest = sha256(new Uint8Array(rows.buffer, rows.byteOffset + 4 * row * size, 4 * size));
    const point = points.get(digest) ?? firsts.push(row) - 1;
    points.set(digest, point);
    return point;
  });
  return { firsts, pointOf };
}

export interface FitOptions {
  readonly k: number;
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/** Fits clusters, as a mixture of normal distributions. @throws RangeError where there are fewer rows than clusters */
export async function fitClusters(method: FittedMethod, space: Space, options: FitOptions): Promise<Fit> {
  const { rows, size, converged = true } = space;
  const { k: clusters, seed, tick } = options;
  if (method === 'kmeans' || method === 'spectral') {
    const { centres, inertia } = await kmeans(rows, size, { clusters, seed, tick });
    return {
      mixture: sphericalMixture(centres, size, Math.max(inertia / rows.length, Number.EPSILON)),
      logLikelihood: Number.NaN,
      converged,
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
  /** Mean log density of the rows in nats; NaN of k-means and spectral clustering. */
  readonly logLikelihood: number;
  /** Whether the likelihood, or eigenvectors, had nearly stopped changing when the fit ended; true for k-means. */
  readonly converged: boolean;
}

/** How many rows differ, `enough` at most. */
export function distinctRows(rows: Float32Array, size: number, enough: number): number {
  const seen = new Set<string>();
  for (let at = 0; at < rows.length && seen.size < enough; at += size) seen.add(rows.subarray(at, at + size).join());
  return seen.size;
}
