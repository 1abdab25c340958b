import { kmeans } from '../analyse/kmeans.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import type { FindCentres } from '../train/targets.ts';
import { assign } from './assigner.ts';
import { distinctRows, fitClusters, spaceOf } from './methods.ts';

/** Part of the time of `umap-gmm` that its map takes. */
const MAPPING = 0.8;
/** Latents that are mapped at most, evenly spaced. */
const MAPPED = 100_000;

/**
 * The first centres of clusters in latents.
 * @throws InputError where fewer latents than clusters are distinct; what `tick` throws
 */
export const findCentres: FindCentres = async (latents, size, { method, clusters: k, seed, tick }) => {
  const distinct = distinctRows(latents, size, k);
  if (distinct < k) {
    throw new InputError(
      `--clusters ${k}: the training images have only ${counted(distinct, 'distinct latent')}; choose fewer clusters, or train the model of --init longer`,
    );
  }
  if (method === 'kmeans') return (await kmeans(latents, size, { clusters: k, seed, tick })).centres;
  const rows = pickRows(latents, size, spreadRows(latents.length / size, MAPPED));
  const space = await spaceOf(method, rows, size, { k, seed, tick: (share) => tick(MAPPING * share) });
  const fitting = (share: number) => tick(MAPPING + (1 - MAPPING) * share);
  const { mixture } = await fitClusters(method, space, { k, seed, tick: fitting });
  const { probabilities } = await assign(mixture, space.rows);
  return weightedMeans(rows, size, probabilities, k);
};

/** The mean of the rows `[n, size]` for each of `k` clusters, weighted by their probabilities `[n, k]`. */
function weightedMeans(rows: Float32Array, size: number, probabilities: Float32Array, k: number): Float64Array {
  const [sums, weights] = [new Float64Array(k * size), new Float64Array(k)];
  probabilities.forEach((share, at) => {
    const [row, cluster] = [Math.floor(at / k), at % k];
    weights[cluster] = (weights[cluster] as number) + share;
    for (let i = 0; i < size; i++) {
      const to = cluster * size + i;
      sums[to] = (sums[to] as number) + share * (rows[row * size + i] as number);
    }
  });
  return sums.map((sum, at) => sum / (weights[Math.floor(at / size)] as number));
}
