import type { SampleResult } from '../generate/sample.ts';
import { samplerNames } from '../generate/sampler-names.ts';
import { type Context, defineCommand } from './command.ts';
import { device, exported, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const sampleCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'sample <exported>',
    describe: 'Generate images with an exported model',
    builder: (yargs) =>
      yargs
        .positional('exported', exported)
        .option('out', {
          describe: 'the folder to write: numbered PNG files, grid.png and codes.csv',
          type: 'string',
          requiresArg: true,
          demandOption: true,
        })
        .options(wholeNumbers({ n: ['images', '100; of all classes 10 each'] }))
        .option('class', {
          describe: 'of a conditional model: name or index of the class to generate',
          type: 'string',
          requiresArg: true,
          defaultDescription: 'all, each code as every class',
        })
        .option('sampler', {
          describe:
            'where codes come from: N(0, I), the Gaussian mixture of the training codes, or lines between two codes',
          choices: samplerNames,
          requiresArg: true,
          defaultDescription: 'prior for variational models, else mixture',
        })
        .options(wholeNumbers({ seed: 'of the codes' }, Number.MIN_SAFE_INTEGER))
        .default('seed', 0)
        .option('device', device)
        .options(wholeNumbers({ threads: ['threads that compute', 'the cores, at most 16'] }))
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 sample exported/cvae --out samples', '100 images')
        .example('$0 sample exported/ccvae --class 7 --n 10 --out sevens', 'ten of one class')
        .example('$0 sample exported/cvae --sampler interpolation --out lines', 'ten images on each of ten lines'),
    async handler({ quiet, json, ...options }) {
      const [{ sample }, { withCountProgress }] = await Promise.all([
        import('../generate/sample.ts'),
        import('../io/progress.ts'),
      ]);
      const result = await withCountProgress({ quiet }, (progress) => sample({ ...options, signal, progress }));
      printResult(json, result, describe);
    },
  });

const describe = ({ out, images, sampler, seed, classes, seconds }: SampleResult) =>
  table([
    ['samples', out],
    ['images', number(images)],
    ['sampler', `${sampler}, seed ${seed}`],
    ...(classes ? [['classes', classes.join(', ')]] : []),
    ['time', `${number(seconds, 1)} s`],
  ]);
