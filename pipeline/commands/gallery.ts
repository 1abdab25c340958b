import type { Exhibit } from '../gallery/gallery.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, engine, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const galleryCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'gallery',
    describe: 'Train, export, evaluate and draw models one after another, and compare them',
    builder: (yargs) =>
      yargs
        .option('models', {
          describe: 'names with commas between them',
          type: 'string',
          requiresArg: true,
          defaultDescription: 'all',
          coerce: (names: string) => names.split(','),
        })
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, default: 'mnist' })
        .option('runs', { describe: 'the folder for the runs', type: 'string', requiresArg: true, default: 'runs' })
        .option('out', {
          describe: 'the folder for the exported models and their reports',
          type: 'string',
          requiresArg: true,
          default: 'exported',
        })
        .options(wholeNumbers({ epochs: ['of every model', "the recipes', conv-ae 20"] }))
        .options(wholeNumbers({ seed: ['of weights, order and noise', '0'] }, Number.MIN_SAFE_INTEGER))
        .options(
          wholeNumbers({
            'limit-train': 'use the first so many training images alone',
            'limit-test': 'use the first so many test images alone',
          }),
        )
        .option('engine', engine)
        .option('device', device)
        .option('quick', { describe: 'measure and draw less', type: 'boolean', default: false })
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 gallery', 'all models on MNIST, in about an hour; again: what is not done yet')
        .example(
          '$0 gallery --models cae,cvae --data photos --runs runs/photos --out exported/photos',
          'two, on other images',
        ),
    async handler({ quiet, json, ...options }) {
      const [{ gallery }, { withStageProgress }] = await Promise.all([
        import('../gallery/gallery.ts'),
        import('../io/progress.ts'),
      ]);
      const note = (line: string) => void (quiet || process.stderr.write(`${line}\n`));
      const exhibits = await withStageProgress({ quiet }, (progress) =>
        gallery({ ...options, note, progress, signal }),
      );
      printResult(json, exhibits, describe);
    },
  });

const share = (value: number | undefined) => (value === undefined ? '–' : number(100 * value, 1));

const describe = (exhibits: readonly Exhibit[]) =>
  table(
    exhibits.map(({ model, card, report }) => {
      const { reconstruction, variational, clusters, representations, generation } = report;
      const { atCode, atSample } = reconstruction;
      return [
        model,
        card.training.epochs,
        number((atSample ?? atCode).perPixel, 4),
        atSample ? number(atCode.perPixel, 4) : '–',
        number(variational?.negativeElbo ?? atCode.nats ?? Number.NaN, 1).replace('NaN', '–'),
        share(representations?.[0]?.neighbours.accuracy),
        `${share(clusters?.accuracy)} / ${share(clusters?.nmi)}`,
        share(generation?.accuracy),
        `${report.settings.quick ? '(quick) ' : ''}${report.seconds.total.toFixed(0)} s`,
      ];
    }),
    ['model', 'epochs', 'error', 'at the mean', 'nats', '10-NN', 'k-means', 'samples', 'evaluated in'],
  );
