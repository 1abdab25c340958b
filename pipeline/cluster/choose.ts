import { clusterAgreement } from '../analyse/clustering.ts';
import type { Clusters } from '../artifacts/clusters.ts';
import { Generator } from '../data/generator.ts';
import { largestOf, pickRows, spreadRows } from '../data/rows.ts';
import type { Tick } from '../io/stages.ts';
import { assign } from './assigner.ts';
import { type FittedMethod, fitClusters, type Space } from './methods.ts';

/** Numbers of clusters that are tried. */
const TRIED = { least: 2, most: 20 };
/** Images that they are tried on, at most; and for each cluster, at least. */
const IMAGES = 5000;
const EACH = 4;
/** Images for each number of a latent and cluster: a mixture of fewer follows single images, and BIC prefers it. */
const EACH_NUMBER = 5;
/** Pairs of halves of these that are clustered, for stability. */
const PAIRS = 3;
/** The share of the highest stability that is as good as it. */
const NEARLY = 0.95;

export type Choice = NonNullable<Clusters['choice']> & {
  readonly k: number;
  /** Numbers of clusters with a mixture that had not converged. */
  readonly unconverged: readonly number[];
};

interface Tried {
  readonly value: number;
  readonly converged: boolean;
}

export interface ChoiceOptions {
  readonly seed: number;
  readonly tick?: Tick | undefined;
}

/** Images for each cluster that choosing their number takes. @param size of a latent */
export const imagesEach = (method: FittedMethod, size: number): number =>
  method === 'gmm' ? Math.max(EACH, EACH_NUMBER * size) : EACH;

/** Images of a data set that numbers of clusters are tried on. */
export const imagesTried = (images: number): number => Math.min(IMAGES, images);

/**
 * Chooses the number of clusters, on evenly spaced rows; there must be enough for two. A mixture of the latents by BIC, the lowest
 * (Schwarz 1978). Others by stability: clusters found in two random halves assign all rows, and the number is the largest whose
 * agreement (adjusted Rand index, a mean over pairs of halves) is at least 0.95 times the highest (after Ben-Hur, Elisseeff &
 * Guyon 2002).
 */
export async function chooseK(method: FittedMethod, space: Space, { seed, tick }: ChoiceOptions): Promise<Choice> {
  const chosen = spreadRows(space.rows.length / space.size, IMAGES);
  const some = { ...space, rows: pickRows(space.rows, space.size, chosen) };
  const most = Math.min(TRIED.most, Math.floor(chosen.length / imagesEach(method, space.size)));
  const tried = Array.from({ length: most - TRIED.least + 1 }, (_, i) => TRIED.least + i);
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
  return { by, images: chosen.length, curve, k: close.k, unconverged };
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
