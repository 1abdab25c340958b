import type { ClusterMethod, Clusters } from '../artifacts/clusters.ts';
import type { PictureNote } from '../artifacts/report.ts';
import { type Document, pageOf, textOf } from '../report/document.ts';
import { type Comparison, type Figure, fixed, higher, integer, neither, percent } from '../report/figures.ts';
import type { Picture } from '../report/pictures.ts';

const METHODS: Readonly<Record<ClusterMethod, string>> = {
  kmeans: 'k-means on the latents',
  gmm: 'a Gaussian mixture of the latents',
  'umap-gmm': 'a Gaussian mixture on a map of the latents by UMAP',
  spectral: 'spectral clustering of the latents',
  dcec: 'the clusters that the model was trained with',
};

const SPACES: Readonly<Record<NonNullable<Clusters['silhouette']>['space'], string>> = {
  latents: 'latent space',
  map: 'map',
  eigenvectors: 'space of the eigenvectors',
};

/** `report.html`: one self-contained file. */
export const clustersPage = (report: Clusters, pictures: readonly Picture[]): string =>
  pageOf(documentOf(report, pictures));

/** `report.md` */
export const clustersText = (report: Clusters): string => textOf(documentOf(report, report.pictures));

function documentOf<P extends PictureNote>(report: Clusters, pictures: readonly P[]): Document<P> {
  const { model, data, method, k, notes, seconds, seed, convae } = report;
  const figures = figuresOf(report);
  const named = (...files: string[]) => pictures.filter(({ file }) => files.includes(file));
  return {
    title: `${model.name}: clusters`,
    heading: `Clusters of ${data.name}`,
    summary: `${k} clusters by ${METHODS[method]}`,
    tiles: figures.slice(0, 3),
    sections: [
      {
        title: 'Clusters',
        figures,
        comparison: tableOf(report),
        pictures: named('representative.png', 'borderline.png'),
      },
      { title: 'Classes', figures: [], pictures: named('confusion.png') },
      { title: 'How they were found', figures: [], pictures: named('map.png', 'k.png') },
    ].filter(({ figures, pictures }) => figures.length + pictures.length > 0),
    notes,
    about: `${integer(data.images)} images (${data.split}) of ${data.name}, by latents of ${model.name} (${model.latent} dimensions), with seed ${seed} in ${integer(seconds)} s by convae ${convae}.`,
  };
}

/** Name and value of each measure, for a table on a terminal. */
export const figureRows = (report: Clusters): string[][] => figuresOf(report).map(({ name, value }) => [name, value]);

function figuresOf({ agreement, silhouette, stability }: Clusters): Figure[] {
  const spread = (of: 'accuracy' | 'nmi' | 'ari') => {
    const values = agreement?.seeds.map((one) => one[of]) ?? [];
    const said = of === 'accuracy' ? percent : (value: number) => fixed(value, 3);
    return values.length > 1 ? `; with the seeds ${said(Math.min(...values))} to ${said(Math.max(...values))}` : '';
  };
  return [
    agreement &&
      higher(
        'Accuracy (ACC)',
        percent(agreement.accuracy),
        `Share of ${integer(agreement.images)} labelled images whose cluster is assigned to their class, under the best assignment of one cluster to one class${spread('accuracy')}`,
      ),
    agreement &&
      higher(
        'NMI',
        fixed(agreement.nmi, 3),
        `Normalised mutual information of clusters and classes, from 0 to 1${spread('nmi')}`,
      ),
    agreement &&
      higher(
        'ARI',
        fixed(agreement.ari, 3),
        `Adjusted Rand index of clusters and classes: 0 for random clusters, 1 for a perfect match${spread('ari')}`,
      ),
    silhouette &&
      higher(
        'Silhouette',
        fixed(silhouette.value, 3),
        `How much nearer images are to their own cluster than to the next, from −1 to 1: the mean over ${integer(silhouette.images)} evenly spaced images, in the ${SPACES[silhouette.space]}`,
      ),
    stability
      ? higher(
          'Stability',
          fixed(stability.mean, 3),
          `Adjusted Rand index of the clusters found with any two of ${stability.seeds.length} seeds, the mean; the least is ${fixed(stability.least, 3)}`,
        )
      : undefined,
  ].filter((found) => !!found);
}

function tableOf({ clusters, data }: Clusters): Comparison {
  const labelled = clusters[0]?.classes != null;
  const most = (classes: readonly number[] | null) => {
    const count = classes?.reduce((most, one) => Math.max(most, one), 0) ?? 0;
    const sum = classes?.reduce((total, one) => total + one, 0) ?? 0;
    const label = classes?.indexOf(count) ?? -1;
    return count > 0 ? `${data.classes?.[label] ?? label} (${percent(count / sum)})` : '–';
  };
  const { name, value, ...meaning } = neither(
    '',
    '',
    `Number of images of each cluster and the mean of their confidence, the probability of their own cluster${labelled ? '; the most frequent class, and its share' : ''}`,
  );
  return {
    ...meaning,
    head: ['cluster', 'images', 'confidence', ...(labelled ? ['class'] : [])],
    rows: clusters.map(({ cluster, images, confidence, classes }) => [
      String(cluster),
      integer(images),
      confidence === null ? '–' : fixed(confidence, 3),
      ...(labelled ? [most(classes)] : []),
    ]),
  };
}
