import { clusterAgreement } from '../analyse/clustering.ts';
import type { Clusters } from '../artifacts/clusters.ts';
import { Generator } from '../data/generator.ts';
import { largestOf, pickRows, spreadRows } from '../data/rows.ts';
import type { Tick } from '../io/stages.ts';
import { assign } from './assigner.ts';
import { type FittedMethod, fitClusters, type Space } from './methods.ts';

/** Numbers of clusters that are tried. */
export const TRIED = { least: 2, most: 20 };
/** Images that they are tried on, where no more are needed; and for each cluster, at least. */
const IMAGES = 5000;
const EACH = 4;
/** Images for each number of a latent and cluster: a mixture of fewer follows single images, and BIC prefers it. */
const EACH_NUMBER = 5;
/** Numbers of mixtures of all tried numbers of clusters: images × clusters × latent size². */
const MOST_COST = 2e10;
/** Pairs of halves of these that are clustered, for stability. */
const PAIRS = 3;
/** The share of the highest stability that is as good as it. */
const NEARLY = 0.95;

export type Choice = NonNullable<Clusters['choice']> & {
  readonly k: number;
  /** Numbers of clusters with a mixture that had not converged. */
  readonly unconverged: readonly number[];
  readonly limit: Comparison['limit'];
};

interface Tried {
  readonly value: number;
  readonly converged: boolean;
}

export interface ChoiceOptions {
  readonly seed: number;
  /** Distinct latents: there are no more clusters. */
  readonly distinct: number;
  readonly tick?: Tick | undefined;
}

/** Numbers of clusters that can be compared, up to `most`, and the images that this is done on. */
export interface Comparison {
  /** Below 2 where none can. */
  readonly most: number;
  readonly images: number;
  /** Images that comparing two takes. */
  readonly least: number;
  /** What keeps it from comparing more. */
  readonly limit: 'images' | 'time' | undefined;
}

/** @param size of a latent @param images of the data set */
export function comparisonOf(method: FittedMethod, size: number, images: number): Comparison {
  const full = method === 'gmm';
  const each = full ? Math.max(EACH, EACH_NUMBER * size) : EACH;
  const used = (most: number) => Math.min(images, Math.max(IMAGES, most * each));
  let [most, sum]: [number, number] = [TRIED.least - 1, 0];
  let limit: Comparison['limit'];
  for (let k = TRIED.least; k <= TRIED.most && !limit; k++) {
    sum += k;
    if (k * each > used(k)) limit = 'images';
    else if (full && used(k) * sum * size ** 2 > MOST_COST) limit = 'time';
    else most = k;
  }
  return { most, images: used(most), least: TRIED.least * each, limit };
}

/**
 * Chooses the number of clusters, on evenly spaced rows; there must be enough for two, see `comparisonOf`. A mixture of the
 * latents by BIC, the lowest (Schwarz 1978). Others by stability: clusters found in two random halves assign all rows, and the
 * number is the largest whose agreement (adjusted Rand index, a mean over pairs of halves) is at least 0.95 times the highest
 * (after Ben-Hur, Elisseeff & Guyon 2002).
 */
export async function chooseK(
  method: FittedMethod,
  space: Space,
  { seed, distinct, tick }: ChoiceOptions,
): Promise<Choice> {
  const n = space.rows.length / space.size;
  const { most, images, limit } = comparisonOf(method, space.size, n);
  const some = { ...space, rows: pickRows(space.rows, space.size, spreadRows(n, images)) };
  const tried = Array.from({ length: Math.min(most, distinct) - TRIED.least + 1 }, (_, i) => TRIED.least + i);
  const by = method === 'gmm' ? 'BIC' : 'stability';
  const curve: Choice['curve'] = [];
  const unconverged: number[] = [];
  for (const [i, k] of tried.entries()) {
    const part: Tick = (share) => tick?.((i + share) / tried.length);
    const measure = by === 'BIC' ? bicOf : stabilityAt;
    const { value, converged } = await measure(method, some, k, seed, part);
    curve.push({ k, value });
    if (!converged) unconverged.push(k);
  }
  const best = curve.reduce((best, one) =>
    (by === 'BIC' ? one.value < best.value : one.value > best.value) ? one : best,
  );
  const close = by === 'BIC' ? best : (curve.findLast(({ value }) => value >= NEARLY * best.value) ?? best);
  return { by, images, curve, k: close.k, unconverged, limit };
}

/** −2 log L + p log n, with the p free numbers of k components with full covariances. */
async function bicOf(method: FittedMethod, space: Space, k: number, seed: number, tick: Tick): Promise<Tried> {
  const { size } = space;
  const n = space.rows.length / size;
  const { logLikelihood, converged } = await fitClusters(method, space, { k, seed, tick });
  const free = k - 1 + k * (size + (size * (size + 1)) / 2);
  return { value: -2 * n * logLikelihood + free * Math.log(n), converged };
}

async function stabilityAt(method: FittedMethod, space: Space, k: number, seed: number, tick: Tick): Promise<Tried> {
  const { rows, size } = space;
  const n = rows.length / size;
  const generator = Generator.of(seed, 'halves');
  const found: number[] = [];
  let converged = true;
  for (let pair = 0; pair < PAIRS; pair++) {
    const order = generator.shuffled(n);
    const half = Math.floor(n / 2);
    const clusterings: Int32Array[] = [];
    for (const part of [order.slice(0, half), order.slice(half)]) {
      const fit = await fitClusters(method, { ...space, rows: pickRows(rows, size, part) }, { k, seed });
      converged &&= fit.converged;
      clusterings.push(largestOf((await assign(fit.mixture, rows)).probabilities, k));
      tick((2 * pair + clusterings.length) / (2 * PAIRS));
    }
    const [one, other] = clusterings as [Int32Array, Int32Array];
    found.push(clusterAgreement(one, other).ari);
  }
  return { value: found.reduce((sum, ari) => sum + ari, 0) / PAIRS, converged };
}
