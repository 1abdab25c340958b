import { clusterAgreement } from '../analyse/clustering.ts';
import { CLUSTERS_FORMAT, type ClusterMethod, type Clusters } from '../artifacts/clusters.ts';
import { type ImageDataset, labelledRows } from '../data/dataset.ts';
import { unreadNote } from '../data/unread.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { version } from '../io/installation.ts';
import type { Stages } from '../io/stages.ts';
import { type Choice, TRIED } from './choose.ts';
import { silhouetteOf, stabilityOf } from './figures.ts';
import type { Clustering } from './find.ts';
import type { ClusterOptions } from './options.ts';

/** Images of a cluster that are shown. */
const SHOWN = 12;

interface Found {
  readonly model: ExportedModel;
  readonly dataset: ImageDataset;
  readonly method: ClusterMethod;
  readonly options: ClusterOptions;
  readonly stages: Stages;
  readonly clustering: Clustering;
  readonly others: readonly { readonly seed: number; readonly clusters: Int32Array }[];
  readonly choice: Choice | null;
  /** Seeds whose mixture had not converged. */
  readonly unconverged: readonly number[];
}

/** All of the report but its pictures. */
export async function reportOf({
  model: { card },
  dataset,
  method,
  options,
  stages,
  clustering,
  others,
  choice,
  unconverged,
}: Found) {
  const { split, seed } = options;
  const { clusters, k, space } = clustering;
  const silhouette = await stages.run('silhouette', (tick) => silhouetteOf(space, clusters, tick));
  const rows = labelledRows(dataset);
  const labels = Int32Array.from(rows, (row) => dataset.labels?.[row] as number);
  const distinct = new Set(labels).size;
  const agree = (all: Int32Array) =>
    clusterAgreement(
      Int32Array.from(rows, (row) => all[row] as number),
      labels,
    );
  const seeds = [{ seed, clusters }, ...others];
  const classes = dataset.classes?.length ?? labels.reduce((most, label) => Math.max(most, label + 1), 0);
  const all = Array.from({ length: k }, (_, cluster) =>
    clusterOf(cluster, dataset, clustering, rows.length > 0 ? classes : 0),
  );
  const small = method === 'gmm' ? all.filter(({ images }) => images > 0 && images <= space.size) : [];
  const { accuracy, nmi, ari } = distinct > 1 ? agree(clusters) : { accuracy: 0, nmi: 0, ari: 0 };
  return {
    format: CLUSTERS_FORMAT,
    convae: version,
    model: { name: card.model.name, latent: card.latent.size, encoder: card.files['encoder.onnx'].sha256 },
    data: {
      name: options.data,
      split,
      image: card.image,
      images: dataset.length,
      classes: dataset.classes?.slice() ?? null,
    },
    method,
    k,
    seed,
    choice: choice && { by: choice.by, images: choice.images, curve: choice.curve },
    silhouette: silhouette ? { ...silhouette, space: space.name } : null,
    stability:
      others.length > 0
        ? { seeds: seeds.map(({ seed }) => seed), ...stabilityOf(seeds.map(({ clusters }) => clusters)) }
        : null,
    agreement:
      distinct > 1
        ? {
            accuracy,
            nmi,
            ari,
            images: rows.length,
            seeds: seeds.map((one) => ({ seed: one.seed, ...agree(one.clusters) })),
          }
        : null,
    clusters: all,
    notes: [
      unreadNote(dataset),
      rows.length === 0 && 'ACC, NMI, ARI and the classes of the clusters are missing: the images have no labels.',
      rows.length > 0 && distinct < 2 && 'ACC, NMI and ARI are missing: all labelled images are of one class.',
      rows.length > 0 &&
        rows.length < dataset.length &&
        `Measures by class use the ${rows.length} images that have a label.`,
      choice !== null &&
        k === TRIED.least &&
        `${k} clusters are the fewest that were tried: whether the images form clusters at all is not known.`,
      choice !== null &&
        k === choice.curve.at(-1)?.k &&
        `${k} clusters are the most that were tried: there may be more; give their number with --k.`,
      choice?.limit === 'time' &&
        `Mixtures of up to ${choice.curve.at(-1)?.k} clusters were compared: more would take too long with latents of ${space.size} numbers. To choose among more, take --method umap-gmm or kmeans.`,
      choice !== null &&
        choice.unconverged.length > 0 &&
        `Mixtures of ${choice.unconverged.join(', ')} clusters ended before they converged: their ${choice.by} is less certain.`,
      method === 'dcec' &&
        'The clusters were learned with the model, so there is nothing to find again with other seeds: train with another --seed to compare.',
      unconverged.length > 0 &&
        (method === 'spectral'
          ? 'The eigenvectors had not converged: other seeds may give other clusters.'
          : `The mixture of seed ${unconverged.join(', ')} ended before it converged: its clusters may not be the most likely ones.`),
      small.length > 0 &&
        `Of ${k} clusters, ${small.length} have no more images than a latent has numbers (${space.size}): a mixture cannot tell their shape, and their confidence says little. Choose fewer clusters, or --method umap-gmm or kmeans.`,
      !silhouette && 'The silhouette is missing: it needs two clusters or more, and fewer than images.',
    ].filter((note) => typeof note === 'string'),
  } satisfies Omit<Clusters, 'pictures' | 'seconds'>;
}

export type ClustersWithoutPictures = Awaited<ReturnType<typeof reportOf>>;

function clusterOf(
  cluster: number,
  dataset: ImageDataset,
  { clusters, confidences, distances }: Clustering,
  classes: number,
) {
  const rows = [...clusters.keys()].filter((row) => clusters[row] === cluster);
  const by = (values: Float32Array) =>
    [...rows].sort((a, b) => (values[a] as number) - (values[b] as number)).slice(0, SHOWN);
  const counts = new Array<number>(classes).fill(0);
  for (const row of rows) {
    const label = dataset.labels?.[row] ?? -1;
    if (label >= 0 && label < classes) counts[label] = (counts[label] as number) + 1;
  }
  const sum = rows.reduce((total, row) => total + (confidences[row] as number), 0);
  return {
    cluster,
    images: rows.length,
    confidence: rows.length > 0 ? Math.min(1, sum / rows.length) : null,
    representative: by(distances).map((row) => dataset.id(row)),
    borderline: by(confidences).map((row) => dataset.id(row)),
    classes: classes > 0 ? counts : null,
  };
}
