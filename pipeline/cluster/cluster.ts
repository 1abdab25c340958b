import { join } from 'node:path';
import { type ClusterMethod, type Clusters, clustersSchema } from '../artifacts/clusters.ts';
import { openSplit } from '../data/open.ts';
import { checkOutside } from '../data/outside.ts';
import { writeImageTable } from '../encode/parquet.ts';
import { checkFits, openEncoder, optionsFor } from '../inference/exported.ts';
import { publishFolder } from '../io/publish.ts';
import { createStages } from '../io/stages.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { writeReport } from '../report/folder.ts';
import { findClusters, ownClusters } from './find.ts';
import { addClusters, checkOpset } from './into.ts';
import { reportOf } from './measure.ts';
import { type ClusterOptions, methodOf } from './options.ts';
import { picturesOf } from './pictures.ts';
import { clustersPage, clustersText } from './report.ts';

export interface ClusterResult {
  readonly out: string;
  readonly report: Clusters;
}

const EARLIER: EarlierOutput = { names: /^((clusters|report)\.\w+$|pictures($|\/))/, file: 'clusters.json' };

/**
 * Finds clusters of images by the latents of an exported model, and writes the cluster of each and a report:
 * `clusters.parquet`, `clusters.json`, `report.md`, `report.html` and `pictures/`. The folder appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function cluster(options: ClusterOptions): Promise<ClusterResult> {
  const { exported, data, split, out, seed, into, signal } = options;
  await checkOutside(data, out);
  await checkTarget('folder', out, EARLIER);
  if (into) await checkTarget('folder', exported);
  const model = await openEncoder(exported);
  const method = methodOf(model, options);
  if (into) checkOpset(model);
  const dataset = await openSplit(data, split, optionsFor(model.card, options.dataOptions));
  try {
    checkFits(model.card, dataset, false);
    const stages = createStages(planOf(method, options), signal, options.progress);
    const found =
      method === 'dcec'
        ? await ownClusters(model, dataset, options, stages)
        : await findClusters(model, dataset, method, options, stages);
    const { clustering, others, choice, mixture, unconverged } = found;
    const report = await reportOf({ model, dataset, method, options, stages, clustering, others, choice, unconverged });
    const pictures = await stages.run('pictures', () => picturesOf(report, dataset, clustering));
    const complete = clustersSchema.parse({
      ...report,
      pictures: pictures.map(({ data: _, svg: __, ...note }) => note),
      seconds: stages.elapsed,
    });
    const ids = Array.from({ length: dataset.length }, (_, i) => dataset.id(i));
    const { labels, classes } = dataset;
    const about = {
      model: model.card.model.name,
      encoder: complete.model.encoder,
      data,
      split,
      method,
      k: complete.k,
      seed,
    };
    await publishFolder(
      out,
      async (folder) => {
        const columns = { cluster: clustering.clusters, confidence: clustering.confidences };
        await writeImageTable(join(folder, 'clusters.parquet'), { ids, labels, classes, columns, about });
        const documents = { pictures, page: clustersPage(complete, pictures), text: clustersText(complete) };
        await writeReport(folder, 'clusters.json', complete, documents);
      },
      { signal, earlier: EARLIER },
    );
    if (into && mixture) await addClusters(model, dataset, mixture, method === 'kmeans' ? 'kmeans' : 'gmm', options);
    return { out, report: complete };
  } finally {
    await dataset.close();
  }
}

/** The stages, by their seconds for MNIST. */
const planOf = (method: ClusterMethod, { k, seeds }: ClusterOptions) =>
  [
    ['encoding', 8],
    ...(method === 'umap-gmm' ? [['map', 90] as const] : []),
    ...(method === 'spectral' ? [['eigenvectors', 60] as const] : []),
    ...(k === 'auto' ? [['number of clusters', 60] as const] : []),
    ...(method === 'dcec' ? [] : [['clusters', 10] as const]),
    ...(method === 'dcec' || seeds < 2
      ? []
      : [['other seeds', (method === 'umap-gmm' ? 100 : 10) * (seeds - 1)] as const]),
    ['silhouette', 2],
    ['pictures', 3],
  ] as const;
