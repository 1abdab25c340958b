import { join } from 'node:path';
import { schedules } from '../../models/kit/model.ts';
import type { TrainSummary } from '../train/options.ts';
import { type Context, defineCommand } from './command.ts';
import { DATA, device, engine, json, positiveNumbers, quiet, wholeNumbers } from './options.ts';
import { number, printResult, table } from './output.ts';

export const trainCommand = ({ signal }: Context) =>
  defineCommand({
    command: 'train <model>',
    describe: 'Train a model into a run folder',
    builder: (yargs) =>
      yargs
        .positional('model', {
          describe: 'what to train: a model that `convae models` lists, or a file that defines one',
          type: 'string',
          demandOption: true,
        })
        .option('data', { describe: `the images: ${DATA}`, type: 'string', requiresArg: true, default: 'mnist' })
        .option('run', {
          describe: 'the run folder',
          type: 'string',
          requiresArg: true,
          defaultDescription: 'runs/<model>',
        })
        .option('resume', { describe: 'continue the run, if it has begun', type: 'boolean', default: false })
        .options(
          wholeNumbers({
            epochs: ['how often to see all images', "the recipe's"],
            'batch-size': ['images in a step', "the recipe's"],
            latent: ['numbers in a code', "the recipe's"],
          }),
        )
        .options(
          positiveNumbers({
            'learning-rate': ['of the optimizer', "the recipe's"],
            beta: ["weight of a VAE's KL divergence", "the recipe's"],
            'kl-warm-up': ['epochs over which that weight grows from 0', 'none'],
          }),
        )
        .option('schedule', {
          describe: 'how the learning rate goes on; cosine and linear end at 0',
          choices: schedules,
          defaultDescription: "the recipe's",
          requiresArg: true,
        })
        .options(wholeNumbers({ seed: ['of weights, order and noise', '0'] }, Number.MIN_SAFE_INTEGER))
        .option('engine', engine)
        .option('device', device)
        .options(
          wholeNumbers({
            threads: ['threads that compute', "the engine's choice"],
            'limit-train': 'use the first so many training images alone',
            'limit-test': 'use the first so many test images alone',
            'checkpoint-steps': 'save every so many steps',
          }),
        )
        .options(positiveNumbers({ 'checkpoint-seconds': ['save every so many seconds', '60'] }))
        .option('quiet', quiet)
        .option('json', json)
        .example('$0 train cae', 'MNIST into runs/cae, by the recipe')
        .example('$0 train cae --epochs 20 --resume', 'go on with that run, up to 20 epochs')
        .example('$0 train cae --data photos --run runs/photos', 'a folder of images of one size')
        .example('$0 train ./my-model.ts', 'a model of your own'),
    async handler({ model, run, threads, quiet, json, ...options }) {
      const [{ findModel }, { train }, { createProgress }] = await Promise.all([
        import('../train/find-model.ts'),
        import('../train/train.ts'),
        import('../io/progress.ts'),
      ]);
      const found = await findModel(model);
      const summary = await train(
        {
          ...options,
          model: found.model,
          modelFile: found.file,
          run: run ?? join('runs', found.model.name),
          threads: threads ?? 0,
        },
        { signal, progress: createProgress(process.stderr, { quiet }) },
      );
      printResult(json, summary, describe);
    },
  });

const describe = ({ run, model, epochs, steps, train, test, best, engine, seconds, rate }: TrainSummary) =>
  table([
    ['run', run],
    ['model', model],
    ['epochs', number(epochs)],
    ['steps', number(steps)],
    ['loss', `train ${number(train.loss ?? Number.NaN, 5)}, test ${number(test.loss ?? Number.NaN, 5)}`],
    ['best', `test ${number(best.loss, 5)} in epoch ${number(best.epoch)}`],
    ['engine', engine],
    ['time', `${number(seconds, 1)} s${rate > 0 ? `, ${number(rate)} images/s` : ''}`],
  ]);
