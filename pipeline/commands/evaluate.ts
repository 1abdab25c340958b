import type { Evaluation } from '../report/evaluate.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, exported, json, quiet, wholeNumbers } from './options.ts';
import { printResult, table } from './output.ts';

export const evaluateCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'evaluate <exported>',
    describe: 'Measure how well an exported model does on images, and write a report with pictures',
    builder: (yargs) =>
      yargs
        .positional('exported', exported)
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, demandOption: true })
        .option('out', {
          describe: 'the folder to write report.json, report.md, report.html and pictures/ to',
          type: 'string',
          requiresArg: true,
          defaultDescription: 'report/ in the model’s',
        })
        .options(wholeNumbers({ seed: ['what draws codes and samples', '0'] }, Number.MIN_SAFE_INTEGER))
        .option('quick', { describe: 'measure and draw less, in half a minute', type: 'boolean', default: false })
        .option('device', device)
        .options(
          wholeNumbers({
            'batch-size': ['images in a batch', 'what suits their size'],
            threads: ['threads that compute', 'the cores, at most 16'],
          }),
        )
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 evaluate exported/cae --data mnist', 'exported/cae/report/report.html'),
    async handler({ quiet, json, seed, ...options }) {
      const [{ evaluate }, { withStageProgress }, { sectionsOf }] = await Promise.all([
        import('../report/evaluate.ts'),
        import('../io/progress.ts'),
        import('../report/figures.ts'),
      ]);
      const result = await withStageProgress({ quiet }, (progress) =>
        evaluate({ ...options, seed: seed ?? 0, signal, progress }),
      );
      printResult(json, result, ({ out, report }: Evaluation) =>
        [
          table([
            ...sectionsOf(report).flatMap(({ figures, comparison }) => [
              ...figures.map(({ name, value }) => [name, value]),
              ...(comparison?.rows.map(([name, neighbours, probe]) => [
                `${name}`,
                `10-NN ${neighbours}, linear probe ${probe}`,
              ]) ?? []),
            ]),
            ['time', `${report.seconds.total.toFixed(1)} s`],
            ['report', `${out}/report.html`],
          ]),
          ...report.notes,
        ].join('\n'),
      );
    },
  });
