import type { ReconstructResult } from '../generate/reconstruct.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, exported, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const reconstructCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'reconstruct <exported>',
    describe: 'Encode and decode images with an exported model',
    builder: (yargs) =>
      yargs
        .positional('exported', exported)
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, demandOption: true })
        .option('split', {
          describe: 'which of the images',
          choices: ['train', 'test', 'all'] as const,
          default: 'test' as const,
          requiresArg: true,
        })
        .options(wholeNumbers({ n: ['so many of them, evenly spread', 'all'] }))
        .option('out', {
          describe: 'the folder to write: a PNG file under the id of each image, and grid.png',
          type: 'string',
          requiresArg: true,
          demandOption: true,
        })
        .option('device', device)
        .options(wholeNumbers({ threads: ['threads that compute', 'the cores, at most 16'] }))
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 reconstruct exported/cae --data mnist --n 100 --out reconstructions', '100 of the test images'),
    async handler({ quiet, json, ...options }) {
      const [{ reconstruct }, { withCountProgress }] = await Promise.all([
        import('../generate/reconstruct.ts'),
        import('../io/progress.ts'),
      ]);
      const result = await withCountProgress({ quiet }, (progress) => reconstruct({ ...options, signal, progress }));
      printResult(json, result, describe);
    },
  });

const describe = ({ out, images, seconds, imagesPerSecond }: ReconstructResult) =>
  table([
    ['reconstructions', out],
    ['images', number(images)],
    ['time', `${number(seconds, 1)} s, ${number(imagesPerSecond)} images/s`],
  ]);
