import { basename, join, resolve } from 'node:path';
import type { ExportResult } from '../export/export.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, json } from './options.ts';
import { number, printResult, size, table } from './output.ts';

export const exportCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'export <run>',
    describe: "Turn a run's checkpoint into ONNX models and a card",
    builder: (yargs) =>
      yargs
        .positional('run', { describe: 'a run folder that `convae train` made', type: 'string', demandOption: true })
        .option('out', {
          describe: 'the folder to write',
          type: 'string',
          requiresArg: true,
          defaultDescription: "exported/<the run's name>",
        })
        .option('which', {
          describe: 'the checkpoint with the lowest test loss, or the last',
          choices: ['best', 'latest'] as const,
          default: 'best' as const,
          requiresArg: true,
        })
        .option('data', {
          describe: `the run's images, if they have moved: ${DATA}`,
          type: 'string',
          requiresArg: true,
        })
        .option('json', json)
        .example('$0 export runs/cae', 'into exported/cae'),
    async handler({ run, out, which, data, json }) {
      const { exportRun } = await import('../export/export.ts');
      const target = out ?? join('exported', basename(resolve(run)));
      printResult(json, await exportRun({ run, out: target, which, data, signal }), describe);
    },
  });

const describe = ({ out, card: { files, metrics, parity }, seconds }: ExportResult) =>
  table([
    ['exported', out],
    [
      'files',
      [...Object.entries(files).map(([name, { bytes }]) => `${name} (${size(bytes)})`), 'card.json'].join(', '),
    ],
    ['checkpoint', `epoch ${number(metrics.epoch)}, test loss ${number(metrics.test.loss ?? Number.NaN, 5)}`],
    [
      'parity',
      `tfjs and ONNX Runtime differ by at most ${parity.latent.toExponential(1)} (latent) and ${parity.image.toExponential(1)} (image)`,
    ],
    ['time', `${number(seconds, 1)} s`],
  ]);
