import type { DrawnReport } from '../report/report.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, exported, json, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const reportCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'report <exported>',
    describe: 'Draw pictures of what an exported model does, as PNG and SVG',
    builder: (yargs) =>
      yargs
        .positional('exported', exported)
        .option('data', {
          describe: `the images: ${DATA}`,
          type: 'string',
          requiresArg: true,
          defaultDescription: 'what the model was trained on',
        })
        .option('out', {
          describe: 'the folder to write the pictures to',
          type: 'string',
          requiresArg: true,
          defaultDescription: 'pictures/ in the model’s',
        })
        .options(wholeNumbers({ seed: ['what draws codes', '0'] }, Number.MIN_SAFE_INTEGER))
        .option('device', device)
        .options(
          wholeNumbers({
            'batch-size': ['images in a batch', 'what suits their size'],
            threads: ['threads that compute', 'the cores, at most 16'],
          }),
        )
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 report exported/cae', 'exported/cae/pictures/'),
    async handler({ quiet, json, seed, ...options }) {
      const [{ drawReport }, { withStageProgress }] = await Promise.all([
        import('../report/report.ts'),
        import('../io/progress.ts'),
      ]);
      const result = await withStageProgress({ quiet }, (progress) =>
        drawReport({ ...options, seed: seed ?? 0, signal, progress }),
      );
      printResult(json, result, describe);
    },
  });

const describe = ({ out, pictures, seconds }: DrawnReport) =>
  table([
    ...pictures.map(({ title, files }) => [title, files.map((file) => `${out}/${file}`).join(', ')]),
    ['time', `${number(seconds, 1)} s`],
  ]);
