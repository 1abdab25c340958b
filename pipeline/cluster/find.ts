import type { ImageDataset } from '../data/dataset.ts';
import { largestOf } from '../data/rows.ts';
import { mostProbable } from '../encode/assigned.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import { withSessions } from '../inference/sessions.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import type { Stages, Tick } from '../io/stages.ts';
import { type Assigned, assign } from './assigner.ts';
import { chooseK, comparisonOf, TRIED } from './choose.ts';
import { distinctRows, type FittedMethod, fitClusters, type Space, spaceOf } from './methods.ts';
import type { ClusterOptions } from './options.ts';

/** Clusters unless the user or the model says how many. */
const CLUSTERS = 10;
/** Images that can be clustered, at least. */
const LEAST_IMAGES = 4;

/** Images in clusters, as they are written. */
export interface Clustering extends Assigned {
  readonly k: number;
  /** The most probable cluster of each image, and its probability, `[n]`. */
  readonly clusters: Int32Array;
  readonly confidences: Float32Array;
  readonly space: Space;
}

/** The clusters that a model has learned. */
export async function ownClusters(
  model: ExportedModel,
  dataset: ImageDataset,
  options: ClusterOptions,
  stages: Stages,
) {
  const k = model.card.clusters?.count ?? 0;
  const run = { ...options, graphs: ['encoder'] as const, images: dataset.length };
  const encoded = await stages.run(
    'encoding',
    (tick) => withSessions(model, run, (sessions) => sessions.encodeAll(dataset, { ...options, clusters: true, tick })),
    dataset.length,
  );
  const probabilities = encoded.clusters ?? new Float32Array();
  const space = { rows: encoded.latents, size: model.card.latent.size, name: 'latents' as const };
  // Where the kernel is the same for all clusters, the most probable image is the nearest to the centre.
  const assigned = mostProbable(probabilities, k);
  const distances = assigned.confidences.map((share) => -share);
  const clustering = { k, probabilities, distances, ...assigned, space };
  return { clustering, others: [], choice: null, mixture: undefined, unconverged: [] };
}

/** Clusters fitted to latents, with one seed and then with others; `unconverged` are the seeds whose mixture had not converged. */
export async function findClusters(
  model: ExportedModel,
  dataset: ImageDataset,
  method: FittedMethod,
  options: ClusterOptions,
  stages: Stages,
) {
  const { seed, seeds } = options;
  const { size } = model.card.latent;
  const least = options.k === 'auto' ? 9 : (options.k ?? CLUSTERS);
  const needed = Math.max(LEAST_IMAGES, least);
  if (dataset.length < needed) {
    const remedy = dataset.length < LEAST_IMAGES ? '' : `, or ${options.k === 'auto' ? 'a number' : 'a smaller --k'}`;
    throw new InputError(
      `${dataset.name}: it has ${counted(dataset.length, 'image')}, too few for --k ${options.k ?? CLUSTERS}; give at least ${needed}${remedy}`,
    );
  }
  if (options.k === 'auto') {
    const compared = comparisonOf(method, size, dataset.length);
    if (compared.most < TRIED.least) {
      const of = `mixtures of latents of ${size} numbers`;
      const why =
        compared.limit === 'time'
          ? `comparing ${of} takes too long`
          : `${counted(dataset.length, 'image')} are too few to compare ${of}, which takes ${compared.least}`;
      throw new InputError(`--k auto: ${why}; give a number, or choose --method umap-gmm or kmeans`);
    }
  }
  const { latents } = await stages.run(
    'encoding',
    (tick) => latentsOf(model, dataset, { ...options, errors: false, tick }),
    dataset.length,
  );
  const distinct = distinctRows(latents, size, Math.max(least, TRIED.most));
  if (distinct < least) {
    throw new InputError(
      `${dataset.name}: its images have only ${counted(distinct, 'distinct latent')}, too few for --k ${options.k ?? CLUSTERS}; give other images or a smaller --k`,
    );
  }
  const mapped = method === 'umap-gmm';
  const find = (tick?: Tick) => spaceOf(method, latents, size, { k: least, seed, tick });
  const space =
    mapped || method === 'spectral' ? await stages.run(mapped ? 'map' : 'eigenvectors', find) : await find();
  const choice =
    options.k === 'auto'
      ? await stages.run('number of clusters', (tick) => chooseK(method, space, { seed, distinct, tick }))
      : null;
  const k = choice?.k ?? (options.k as number | undefined) ?? CLUSTERS;
  const unconverged: number[] = [];
  const { mixture, clustering } = await stages.run('clusters', async (tick) => {
    const { mixture, converged } = await fitClusters(method, space, { k, seed, tick: (share) => tick(0.9 * share) });
    if (!converged) unconverged.push(seed);
    const assigned = await assign(mixture, space.rows, (share) => tick(0.9 + 0.1 * share));
    return { mixture, clustering: { ...assigned, ...mostProbable(assigned.probabilities, k), k, space } };
  });
  const others: { seed: number; clusters: Int32Array }[] = [];
  if (seeds > 1) {
    await stages.run('other seeds', async (tick) => {
      for (let i = 1; i < seeds; i++) {
        const part = (from: number, to: number) => (share: number) =>
          tick((i - 1 + from + (to - from) * share) / (seeds - 1));
        const fitted = mapped ? 0.8 : 0;
        const again = mapped
          ? await spaceOf(method, latents, size, { k, seed: seed + i, tick: part(0, fitted) })
          : space;
        const { mixture, converged } = await fitClusters(method, again, {
          k,
          seed: seed + i,
          tick: part(fitted, 0.95),
        });
        if (!converged) unconverged.push(seed + i);
        const { probabilities } = await assign(mixture, again.rows, part(0.95, 1));
        others.push({ seed: seed + i, clusters: largestOf(probabilities, k) });
      }
    });
  }
  return { clustering, others, choice, mixture, unconverged };
}
