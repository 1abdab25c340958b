import { defineCommand } from './command.ts';
import { dataOptions, dataOptionsOf, flag, integers, options, pick, readingOptions, text } from './options.ts';
import { number, seconds, size } from './output.ts';

const percent = (share: number | undefined) => (share === undefined ? '–' : number(100 * share, 1));

export const gallery = defineCommand({
  command: 'gallery',
  describe: 'Train, export and evaluate several models, and compare them',
  options: {
    models: {
      ...text('comma-separated names or files of models'),
      defaultDescription: 'all',
      coerce: (names: string | undefined) => names?.split(','),
    },
    data: { ...options.data, default: 'mnist' },
    runs: { ...text('folder for the runs'), default: 'runs' },
    out: { ...text('folder for the exported models and their reports'), default: 'exported' },
    epochs: { ...options.epochs, defaultDescription: "the recipe's, 20 for conv-ae" },
    ...dataOptions,
    ...pick('seed', 'limit-train', 'limit-test', 'engine', 'device', 'quick', 'quiet'),
  },
  examples: {
    gallery: 'all models on MNIST, in about an hour; run again, it does only what is missing',
    'gallery --models cae,cvae --data photos --runs runs/photos --out exported/photos': 'two models on other images',
  },
  async run(args, { signal, note, showStages }) {
    const { gallery } = await import('../gallery/gallery.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return gallery({ ...args, dataOptions, note, progress, signal });
    });
  },
  print: (entries) => ({
    head: ['model', 'epochs', 'error', 'at the mean', 'nats', '10-NN', 'k-means', 'samples', 'evaluation'],
    rows: entries.map(({ model, card, report }) => {
      const { reconstruction, variational, clusters, representations, generation, settings } = report;
      const { atCode: atMean, atSample } = reconstruction;
      const nats = variational?.negativeElbo ?? atMean.nats;
      return [
        model,
        card.training.epochs,
        number((atSample ?? atMean).perPixel, 4),
        atSample ? number(atMean.perPixel, 4) : '–',
        nats === null ? '–' : number(nats, 1),
        percent(representations?.[0]?.neighbours.accuracy),
        `${percent(clusters?.accuracy)} / ${percent(clusters?.nmi)}`,
        percent(generation?.accuracy),
        `${settings.quick ? '(quick) ' : ''}${report.seconds.total.toFixed(0)} s`,
      ];
    }),
  }),
});

export const site = defineCommand({
  command: 'site [exported..]',
  describe: 'Build a static web page to explore exported models',
  options: {
    exported: {
      describe: 'folders that `convae export` wrote; the first is shown first',
      type: 'string',
      array: true,
      default: [] as string[],
    },
    out: { ...text('output folder; an existing page is replaced'), demandOption: true },
    data: {
      ...options.data,
      defaultDescription: 'the training data of each model',
      describe: `${options.data.describe}; repeat it for several data sets`,
      array: true,
      default: [] as string[],
    },
    split: { ...options.split, defaultDescription: 'test, or val where there is no test part' },
    maps: {
      describe: 'map of latents of more than two dimensions; repeat it for several, the first is shown first',
      choices: ['t-SNE', 'UMAP', 'PCA'] as const,
      array: true,
      requiresArg: true,
      default: ['t-SNE', 'UMAP', 'PCA'] as const,
    },
    columns: {
      describe: 'table with a column `id` (CSV or Parquet) to colour the points by; repeat it for several',
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
    },
    serve: flag('serve the page on http://localhost'),
    port: { ...integers({ port: ['port to serve on'] }, 0).port, default: 8080 },
    ...readingOptions,
    device: options.device,
    app: { type: 'string', requiresArg: true, hidden: true },
    quiet: options.quiet,
  },
  examples: {
    'site exported/cvae exported/cae2 --out site': 'build a folder for any static host',
    'site exported/cvae --out site --serve': 'build it and serve it',
    'site exported/cae --out site --columns clusters/clusters.parquet': 'colour the points by cluster',
  },
  async run(args, { signal, note, showStages }) {
    const { buildSite } = await import('../site/site.ts');
    return showStages((progress, reading) => {
      const dataOptions = dataOptionsOf(args, { signal, note, progress: reading });
      return buildSite({ ...args, dataOptions, note, progress, signal });
    });
  },
  print: ({ out, models, ...total }, { serve }) => ({
    head: ['model', 'points', 'map', 'bytes'],
    rows: models.map(({ name, points, maps, bytes }) => {
      return [name, number(points), maps.join(', ').replace('codes', 'latents'), size(bytes)];
    }),
    notes: [
      `${out}: ${size(total.bytes)} in ${seconds(total.seconds)}, for any static host${serve ? '' : '; --serve shows it here'}`,
    ],
  }),
  async after({ out }, { serve, port }, { signal }) {
    if (!serve) return;
    const { serveFolder } = await import('../site/serve.ts');
    const served = await serveFolder(out, { port });
    process.stderr.write(`${served.url} (Ctrl-C stops)\n`);
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    await served.close();
  },
});
