import type { ClusterMethod } from '../artifacts/clusters.ts';
import { InputError } from '../io/errors.ts';
import { defineCommand } from './command.ts';
import { choice, dataOptionsOf, flag, integers, options, pick, readingOptions, text } from './options.ts';
import { number, seconds } from './output.ts';

export const cluster = defineCommand({
  command: 'cluster <exported>',
  describe: 'Find groups of similar images',
  options: {
    exported: options.exported,
    data: { ...options.data, demandOption: true },
    split: { ...options.split, default: 'all' },
    out: { ...text('output folder: clusters.parquet, clusters.json and a report with pictures'), demandOption: true },
    method: {
      ...choice(
        'k-means or a Gaussian mixture on the latents; a mixture on their map by UMAP; spectral clustering of their nearest neighbours; the clusters of a dcec model',
        ['kmeans', 'gmm', 'umap-gmm', 'spectral', 'dcec'] as const satisfies readonly ClusterMethod[],
      ),
      defaultDescription: 'dcec for such a model, else umap-gmm',
    },
    k: {
      ...text('number of clusters, or auto: by BIC for gmm, by stability for kmeans and umap-gmm'),
      defaultDescription: '10; that of a dcec model',
      coerce(value: string): number | 'auto' {
        if (value === 'auto') return value;
        const k = Number(value);
        if (value !== '' && Number.isSafeInteger(k) && k >= 1) return k;
        throw new InputError(`--k ${value}: expected an integer of at least 1, or auto`);
      },
    },
    seed: { ...options.seed, default: 0 },
    ...integers({ seeds: ['find clusters with N seeds and compare them; 1 is faster', '3'] }),
    into: flag(
      'add an output `cluster` to encoder.onnx of <exported>: the probability of each cluster; for kmeans and gmm',
    ),
    ...readingOptions,
    ...pick('device', 'batch-size', 'threads', 'quiet'),
  },
  examples: {
    'cluster exported/cae --data mnist --out clusters': 'find 10 clusters on a map of the latents',
    'cluster exported/cae --data photos --k auto --out clusters': 'choose the number of clusters, too',
    'cluster exported/cae --data photos --method gmm --into --out clusters':
      'add the clusters to the exported model, for other images',
    'cluster exported/dcec --data mnist --out clusters': 'use the clusters that `convae train dcec` has learned',
  },
  async run({ seeds = 3, ...args }, { signal, note, showStages }) {
    const { cluster } = await import('../cluster/cluster.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return cluster({ ...args, seeds, dataOptions, signal, progress });
    });
  },
  async print({ out, report }) {
    const { figureRows } = await import('../cluster/report.ts');
    const comparedBy = ({ curve, images }: NonNullable<typeof report.choice>) =>
      ` of ${curve[0]?.k} to ${curve.at(-1)?.k} on ${number(images)} images`;
    const { k, method, choice } = report;
    const rows = [
      ['clusters', `${k} by ${method}${choice ? `, chosen by ${choice.by}${comparedBy(choice)}` : ''}`],
      ...figureRows(report),
      ['time', seconds(report.seconds)],
      ['report', `${out}/report.html`],
    ];
    return { rows, notes: report.notes };
  },
});
