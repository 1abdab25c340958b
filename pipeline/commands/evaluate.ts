import type { Evaluation } from '../encode/evaluate.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const evaluateCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'evaluate <exported>',
    describe: 'Measure how well an exported model does on images',
    builder: (yargs) =>
      yargs
        .positional('exported', {
          describe: 'a folder that `convae export` made',
          type: 'string',
          demandOption: true,
        })
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, demandOption: true })
        .option('device', device)
        .options(
          wholeNumbers({
            'batch-size': ['images in a batch', 'what suits their size'],
            threads: ['threads that compute', 'the cores, at most 16'],
          }),
        )
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 evaluate exported/cae --data mnist', 'reconstruction error, nearest-neighbour accuracy, spread'),
    async handler({ quiet, json, ...options }) {
      const [{ evaluate }, { withCountProgress }] = await Promise.all([
        import('../encode/evaluate.ts'),
        import('./count-progress.ts'),
      ]);
      const result = await withCountProgress({ quiet }, (progress) => evaluate({ ...options, signal, progress }));
      printResult(json, result, describe);
    },
  });

const describe = ({ images, reconstruction, knn10, latent, seconds }: Evaluation) =>
  table([
    ['test images', number(images)],
    ['reconstruction error', `${number(reconstruction, 5)} per pixel`],
    ['10-nearest-neighbour accuracy', knn10 === null ? 'the images have no labels' : `${number(knn10 * 100, 2)} %`],
    [
      'latent spread',
      `standard deviations from ${number(Math.min(...latent.std), 3)} to ${number(Math.max(...latent.std), 3)}`,
    ],
    ['time', `${number(seconds, 1)} s`],
  ]);
