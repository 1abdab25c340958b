import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { drawChart, ZOOM } from '../pictures/chart.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawGrid } from '../pictures/grid.ts';
import { drawHeatMap } from '../pictures/heat-map.ts';
import { plainColour } from '../pictures/palette.ts';
import { drawScatter } from '../pictures/scatter.ts';
import { integer } from '../report/figures.ts';
import type { Picture } from '../report/pictures.ts';
import type { Clustering } from './find.ts';
import type { ClustersWithoutPictures } from './measure.ts';

/** Clusters that are drawn as rows of images, and points of the map. */
const [MOST_ROWS, POINTS] = [40, 10_000];

/** Pictures of a report on clusters: images of each, the classes in each, the map, and how their number was chosen. */
export async function picturesOf(
  report: ClustersWithoutPictures,
  dataset: ImageDataset,
  clustering: Clustering,
): Promise<Picture[]> {
  const shown = report.clusters.filter(({ images }) => images > 0).slice(0, MOST_ROWS);
  const rest = shown.length < report.k ? ` ${shown.length} of ${report.k} clusters are shown.` : '';
  const sheet = async (which: 'representative' | 'borderline', title: string, caption: string) => {
    const ids = shown.map((cluster) => cluster[which]);
    const drawing = await drawSheet(
      dataset,
      ids,
      shown.map(({ cluster, images }) => `${cluster} (${integer(images)})`),
    );
    return pictureOf(`${which}.png`, drawing, {
      title,
      caption: `${caption}${rest}`,
      alt: `A row of images for each of ${shown.length} clusters.`,
    });
  };
  return [
    await sheet(
      'representative',
      'Representative images',
      'A row for each cluster, with the number of its images: those nearest to its centre.',
    ),
    await sheet(
      'borderline',
      'Borderline images',
      'Of each cluster, the images that belong to it least clearly, the least clear first.',
    ),
    ...(await confusion(report)),
    ...(await map(report, clustering)),
    ...(await curve(report)),
  ];
}

type Description = Pick<Picture, 'title' | 'caption' | 'alt'> & { readonly density?: number };

const pictureOf = (file: string, { png, svg, width, height }: Drawing, description: Description): Picture => ({
  ...{ file, density: 1, ...description, width, height, data: png, svg },
});

/** Images by id, in rows; short rows end in white. */
async function drawSheet(dataset: ImageDataset, ids: readonly (readonly string[])[], rowLabels: readonly string[]) {
  const { shape, length } = dataset;
  const wanted = new Set(ids.flat());
  const indices = new Map<string, number>();
  for (let i = 0; i < length; i++) if (wanted.has(dataset.id(i))) indices.set(dataset.id(i), i);
  const columns = Math.max(...ids.map((row) => row.length));
  const bytes = bytesPerImage(shape);
  const images = new Uint8Array(ids.length * columns * bytes).fill(255);
  for (const [row, list] of ids.entries()) {
    const rows = list.map((id) => indices.get(id) as number);
    await dataset.read(rows, images.subarray(row * columns * bytes));
  }
  return drawGrid({ shape, images, columns, rowLabels });
}

async function confusion({ clusters, data, k }: ClustersWithoutPictures): Promise<Picture[]> {
  const first = clusters[0]?.classes;
  if (!first || k > MOST_ROWS || first.length > MOST_ROWS) return [];
  const drawing = await drawHeatMap({
    titles: ['cluster', 'class'],
    rows: clusters.map(({ cluster }) => String(cluster)),
    columns: first.map((_, label) => data.classes?.[label] ?? String(label)),
    counts: clusters.map(({ classes }) => classes ?? []),
  });
  const caption =
    'The number of images of each class in each cluster, the darker the larger its share of the cluster. One dark cell in each row is best.';
  const alt = `Table of ${k} clusters and ${first.length} classes, shaded by their number of images.`;
  return [pictureOf('confusion.png', drawing, { title: 'Clusters and classes', caption, alt, density: ZOOM })];
}

async function map({ data }: ClustersWithoutPictures, { space, clusters }: Clustering): Promise<Picture[]> {
  if (space.name !== 'map') return [];
  const chosen = spreadRows(data.images, POINTS);
  const labels = Int32Array.from(chosen, (row) => clusters[row] as number);
  const drawing = await drawScatter({ points: pickRows(space.rows, space.size, chosen), labels, axes: null });
  const caption = `The map by UMAP in which the clusters were found: ${integer(chosen.length)} images, coloured by cluster.`;
  return [pictureOf('map.png', drawing, { title: 'Map', caption, alt: 'Scatter plot of the map.', density: ZOOM })];
}

async function curve({ choice, k }: ClustersWithoutPictures): Promise<Picture[]> {
  if (!choice) return [];
  const { by, images } = choice;
  const title = by === 'BIC' ? 'BIC' : 'stability (adjusted Rand index)';
  const encoding = {
    x: { field: 'k', type: 'quantitative', axis: { title: 'clusters', tickMinStep: 1, grid: false } },
    y: { field: 'value', type: 'quantitative', scale: { zero: false }, axis: { title } },
  };
  const chosen = { values: choice.curve.filter((one) => one.k === k) };
  const drawing = await drawChart({
    data: { values: choice.curve },
    ...{ width: 600, height: 300, encoding },
    layer: [
      { mark: { type: 'line', color: plainColour } },
      { mark: { type: 'circle', color: plainColour, size: 40, opacity: 1 } },
      { data: chosen, mark: { type: 'circle', color: '#e08214', size: 120, opacity: 1 } },
    ],
  });
  const caption =
    by === 'BIC'
      ? `The Bayesian information criterion of mixtures of ${integer(images)} evenly spaced images; ${k} clusters have the lowest.`
      : `Agreement of clusters that were found in two halves of ${integer(images)} evenly spaced images. ${k} is the largest number whose agreement is at least 0.95 times the highest.`;
  const alt = `Line chart of ${title} by the number of clusters.`;
  return [pictureOf('k.png', drawing, { title: 'Number of clusters', caption, alt, density: ZOOM })];
}
