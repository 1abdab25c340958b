import type { EncodeResult } from '../encode/encode.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, exported, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const encodeCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'encode <exported>',
    describe: 'Turn images into latents with an exported model',
    builder: (yargs) =>
      yargs
        .positional('exported', exported)
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, demandOption: true })
        .option('split', {
          describe: 'which of the images',
          choices: ['train', 'test', 'all'] as const,
          default: 'all' as const,
          requiresArg: true,
        })
        .option('out', {
          describe: 'the file to write: .parquet or .npy',
          type: 'string',
          requiresArg: true,
          demandOption: true,
        })
        .option('error', {
          describe: 'write reconstruction errors too; --no-error is faster',
          type: 'boolean',
          defaultDescription: 'yes into Parquet',
        })
        .option('device', device)
        .options(
          wholeNumbers({
            'batch-size': ['images in a batch', 'what suits their size'],
            threads: ['threads that compute', 'the cores, at most 16'],
          }),
        )
        .option('quiet', quiet)
        .option('json', json)
        .example(
          '$0 encode exported/cae --data mnist --out mnist.parquet',
          'id, label, latent and error of 70,000 images',
        )
        .example('$0 encode exported/cae --data photos --out photos.npy', 'latents alone, as a numpy array'),
    async handler({ quiet, json, ...options }) {
      const [{ encode }, { withCountProgress }] = await Promise.all([
        import('../encode/encode.ts'),
        import('../io/progress.ts'),
      ]);
      const result = await withCountProgress({ quiet }, (progress) => encode({ ...options, signal, progress }));
      printResult(json, result, describe);
    },
  });

const describe = ({ out, rows, seconds, imagesPerSecond }: EncodeResult) =>
  table([
    ['latents', out],
    ['images', number(rows)],
    ['time', `${number(seconds, 1)} s, ${number(imagesPerSecond)} images/s`],
  ]);
