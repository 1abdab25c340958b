import { basename, join, resolve } from 'node:path';
import { InputError } from '../io/errors.ts';
import { defineCommand } from './command.ts';
import { choice, flag, integers, options, pick, text } from './options.ts';
import { number, seconds, size } from './output.ts';

const loss = ({ loss = Number.NaN }: { readonly loss?: number }) => number(loss, 5);

export const train = defineCommand({
  command: 'train <model>',
  describe: 'Train a model',
  options: {
    model: options.model,
    data: { ...options.data, default: 'mnist' },
    run: { ...text('run folder'), defaultDescription: 'runs/<model>' },
    resume: flag('resume the run, or start it if there is none'),
    epochs: options.epochs,
    'batch-size': { ...options['batch-size'], defaultDescription: "the recipe's" },
    ...pick('latent', 'learning-rate', 'schedule', 'beta', 'kl-warm-up', 'seed', 'engine', 'device'),
    threads: { ...options.threads, defaultDescription: "the engine's choice" },
    ...pick('limit-train', 'limit-test', 'checkpoint-steps', 'checkpoint-seconds', 'quiet'),
  },
  examples: {
    'train cae': 'train on MNIST with the default recipe, into runs/cae',
    'train cae --epochs 20 --resume': 'resume that run, up to 20 epochs',
    'train cae --data photos --run runs/photos': 'train on a folder of images of one size',
    'train ./my-model.ts': 'train your own model',
  },
  async run({ model: spec, run, threads = 0, ...choices }, { signal, quiet }) {
    const { findModel } = await import('../train/find-model.ts');
    const { train } = await import('../train/train.ts');
    const { createProgress } = await import('../io/progress.ts');
    const { model, file: modelFile } = await findModel(spec);
    return train(
      { ...choices, model, modelFile, run: run ?? join('runs', model.name), threads },
      { signal, progress: createProgress(process.stderr, { quiet }) },
    );
  },
  print: ({ run, model, epochs, steps, train, test, best, engine, rate, ...result }) => ({
    rows: [
      ['run', run],
      ['model', model],
      ['epochs', number(epochs)],
      ['steps', number(steps)],
      ['loss', `train ${loss(train)}, test ${loss(test)}`],
      ['best', `test ${loss(best)} in epoch ${number(best.epoch)}`],
      ['engine', engine],
      ['time', `${seconds(result.seconds)}${rate > 0 ? `, ${number(rate)} images/s` : ''}`],
    ],
  }),
});

export const exportCommand = defineCommand({
  command: 'export <run>',
  describe: 'Export a run to ONNX models and a card',
  options: {
    run: { ...text('run folder that `convae train` wrote'), demandOption: true },
    out: { ...text('output folder'), defaultDescription: 'exported/<name of the run>' },
    which: {
      ...choice('checkpoint: the one with the lowest test loss, or the latest', ['best', 'latest']),
      default: 'best',
    },
    data: { ...options.data, defaultDescription: 'the training data of the run' },
    'with-train-step': flag('add train-step.onnx, so that a web page can train the model further'),
    ...integers({ 'train-batch': ['batch size of the training step', '32'] }),
  },
  examples: { 'export runs/cae': 'export into exported/cae' },
  async run({ run, out = join('exported', basename(resolve(run))), which, data, ...args }, { signal }) {
    if (args.trainBatch !== undefined && !args.withTrainStep) {
      throw new InputError('--train-batch needs --with-train-step');
    }
    const { exportRun } = await import('../export/export.ts');
    const trainStep = args.withTrainStep ? { batchSize: args.trainBatch ?? 32 } : undefined;
    return exportRun({ run, out, which, data, trainStep, signal });
  },
  print({ out, card: { files, metrics, parity, trainStep }, ...result }) {
    const sizes = { ...files, ...(trainStep && { [trainStep.file]: trainStep }) };
    const names = Object.entries(sizes).map(([name, { bytes }]) => `${name} (${size(bytes)})`);
    const [latent, image] = [parity.latent.toExponential(1), parity.image.toExponential(1)];
    return {
      rows: [
        ['exported', out],
        ['files', [...names, 'card.json'].join(', ')],
        ['checkpoint', `epoch ${number(metrics.epoch)}, test loss ${loss(metrics.test)}`],
        ['parity', `tfjs and ONNX Runtime differ by at most ${latent} (latent) and ${image} (image)`],
        ['time', seconds(result.seconds)],
      ],
    };
  },
});

export const models = defineCommand({
  command: 'models',
  describe: 'List the models and their recipes',
  options: {},
  async run() {
    const { models } = await import('../../models/index.ts');
    const all = Object.values(models);
    return all.map(({ name, summary, recipe, conditional }) => ({ name, summary, recipe, conditional }));
  },
  print: (list) => ({
    head: ['model', 'latent', 'epochs', 'batch', 'description'],
    rows: list.map(({ name, summary, recipe }) => [name, recipe.latent, recipe.epochs, recipe.batchSize, summary]),
  }),
});
