import { basename, join, resolve } from 'node:path';
import type { ExportResult } from '../export/export.ts';
import { InputError } from '../io/errors.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, json, wholeNumbers } from './options.ts';
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
        .option('with-train-step', {
          describe: 'add a training step, to train the exported model further in a web page',
          type: 'boolean',
          default: false,
        })
        .options(wholeNumbers({ 'train-batch': ['images that the training step takes', '32'] }))
        .option('json', json)
        .example('$0 export runs/cae', 'into exported/cae'),
    async handler({ run, out, which, data, withTrainStep, trainBatch, json }) {
      if (trainBatch !== undefined && !withTrainStep) {
        throw new InputError('--train-batch: it is the size of a training step; add --with-train-step');
      }
      const { exportRun } = await import('../export/export.ts');
      const trainStep = withTrainStep ? { batchSize: trainBatch ?? 32 } : undefined;
      const target = out ?? join('exported', basename(resolve(run)));
      printResult(json, await exportRun({ run, out: target, which, data, trainStep, signal }), describe);
    },
  });

const describe = ({ out, card: { files, metrics, parity, trainStep }, seconds }: ExportResult) =>
  table([
    ['exported', out],
    [
      'files',
      [
        ...[...Object.entries(files), ...(trainStep ? [[trainStep.file, trainStep] as const] : [])].map(
          ([name, { bytes }]) => `${name} (${size(bytes)})`,
        ),
        'card.json',
      ].join(', '),
    ],
    ['checkpoint', `epoch ${number(metrics.epoch)}, test loss ${number(metrics.test.loss ?? Number.NaN, 5)}`],
    [
      'parity',
      `tfjs and ONNX Runtime differ by at most ${parity.latent.toExponential(1)} (latent) and ${parity.image.toExponential(1)} (image)`,
    ],
    ['time', `${number(seconds, 1)} s`],
  ]);
