import { basename, join, resolve } from 'node:path';
import type { Metrics } from '../artifacts/metrics.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import type { Comparison, RunEntry } from '../runs/runs.ts';
import type { dryRun } from '../train/dry-run.ts';
import type { TrainSummary } from '../train/epochs.ts';
import type { FindCentres } from '../train/targets.ts';
import { defineCommand } from './command.ts';
import { readConfig } from './config.ts';
import { choice, dataOptions, dataOptionsOf, flag, integers, options, pick, readingOptions, text } from './options.ts';
import { duration, number, type Printout, seconds, size } from './output.ts';

type DryRun = Awaited<ReturnType<typeof dryRun>>;

const loss = ({ loss = Number.NaN }: { readonly loss?: number }) => number(loss, 5);

/** `train 0.09, val 0.1, test 0.1`, of the parts that there are. */
const lossesOf = (metrics: { readonly [split in 'train' | 'val' | 'test']?: Metrics | null | undefined }) =>
  (['train', 'val', 'test'] as const)
    .flatMap((split) => (metrics[split] ? `${split} ${loss(metrics[split])}` : []))
    .join(', ');

export const train = defineCommand({
  command: 'train [model]',
  describe: 'Train a model',
  options: {
    model: text(options.model.describe),
    data: { ...options.data, defaultDescription: 'mnist; the data of the run that is resumed' },
    ...dataOptions,
    ...pick('only-class', 'val-split'),
    run: { ...text('run folder'), defaultDescription: 'runs/<model>' },
    resume: flag('resume the run, or start it if there is none; epochs, learning rate and schedule may be new ones'),
    ...pick('config', 'trust', 'dry-run', 'epochs'),
    'batch-size': { ...options['batch-size'], defaultDescription: "the recipe's" },
    ...pick('latent', 'width', 'depth', 'clusters', 'centres', 'pixel-loss', 'ssim', 'colour', 'beta', 'kl-warm-up'),
    ...pick('optimizer', 'learning-rate', 'schedule', 'weight-decay', 'clip-norm', 'early-stopping', 'init'),
    ...pick('augment', 'seed', 'engine', 'device'),
    threads: { ...options.threads, defaultDescription: "the engine's choice" },
    ...pick('limit-train', 'limit-test', 'checkpoint-steps', 'checkpoint-seconds', 'quiet'),
  },
  examples: {
    'train cae': 'train on MNIST with the default recipe, into runs/cae',
    'train cae --epochs 20 --resume': 'resume that run, up to 20 epochs',
    'train cae --data photos --size 64 --run runs/photos': 'train on a folder of images, fitted to 64×64 pixels',
    'train cae --data photos --val-split 0.1 --early-stopping 10': 'stop once the validation loss no longer falls',
    'train cae --data photos --init runs/cae --run runs/photos': 'start from the weights of another run',
    'train dcec --init runs/conv-ae': 'go on from a conv-ae, so that its latents form clusters',
    'train --config runs/cae/recipe.yaml --run runs/again': 'repeat a run',
    'train ./my-model.ts --dry-run': 'look at your own model before training it',
  },
  async run(
    { model: spec, run, threads = 0, dryRun, width: filters, depth: halvings, ...choices },
    { signal, quiet },
  ): Promise<TrainSummary | DryRun> {
    if (spec === undefined) {
      throw new InputError('an argument is missing: a model, here or in a --config file (see `convae train --help`)');
    }
    const { findModel } = await import('../train/find-model.ts');
    const { config, trust } = choices;
    if (config !== undefined && !trust && Object(readConfig(config)).model === spec) {
      const { assertTrusted, foreignFolder } = await import('../train/trust.ts');
      await assertTrusted(spec, config, foreignFolder(config));
    }
    const { model, file: modelFile } = await findModel(spec);
    const { createProgress } = await import('../io/progress.ts');
    const progress = createProgress(process.stderr, { quiet });
    const dataOptions = dataOptionsOf(choices, { signal, progress: progress.reading });
    const size = { filters, halvings };
    const wanted = {
      ...choices,
      ...size,
      dataOptions,
      model,
      modelFile,
      run: run ?? join('runs', model.name),
      threads,
    };
    if (dryRun) return (await import('../train/dry-run.ts')).dryRun(wanted);
    const { train } = await import('../train/train.ts');
    const findCentres: FindCentres = async (...given) => (await import('../cluster/centres.ts')).findCentres(...given);
    return train(wanted, { signal, progress, findCentres });
  },
  print: (result) => ('layers' in result ? printDryRun(result) : printTraining(result)),
});

const printTraining = ({
  run,
  model,
  epochs,
  steps,
  best,
  engine,
  rate,
  dataWait,
  inSteps,
  ...result
}: TrainSummary): Printout => ({
  rows: [
    ['run', run],
    ['model', model],
    ['epochs', number(epochs)],
    ['steps', number(steps)],
    ['loss', lossesOf(result)],
    ...(best ? [['best', `${result.val ? 'val' : 'test'} ${loss(best)} in epoch ${number(best.epoch)}`]] : []),
    ['engine', engine],
    ['time', `${seconds(result.seconds)}${rate > 0 ? `, ${number(rate)} images/s` : ''}`],
    ['data wait', `${(100 * dataWait).toFixed(1)} %; in steps ${(100 * inSteps).toFixed(1)} %`],
  ],
});

function printDryRun({ plan, layers, parameters, stepsPerEpoch, steps, engine, ...result }: DryRun): Printout {
  const { size, recipe } = plan;
  const total = `${number(steps)} in ${counted(recipe.epochs, 'epoch')}, ${number(stepsPerEpoch)} each with batches of ${recipe.batchSize}`;
  return {
    head: ['layer', 'kind', 'output', 'parameters'],
    rows: layers.map(({ part, name, kind, output, parameters }) => [
      `${part}/${name}`,
      kind,
      output,
      number(parameters),
    ]),
    notes: [
      ...result.notes,
      `model: ${plan.model}, latent of ${size.latent}, ${number(parameters)} parameters`,
      `steps: ${total}`,
      `time: about ${duration(result.seconds)} with ${engine}; nothing was written`,
    ],
  };
}

export const exportCommand = defineCommand({
  command: 'export <run>',
  describe: 'Export a run to ONNX models and a card',
  options: {
    run: { ...text('run folder that `convae train` wrote'), demandOption: true },
    out: { ...text('output folder'), defaultDescription: 'exported/<name of the run>' },
    which: {
      ...choice('checkpoint: the one with the lowest validation loss, or the latest', ['best', 'latest']),
      defaultDescription: 'best if there is one',
    },
    data: { ...options.data, defaultDescription: 'the training data of the run' },
    ...readingOptions,
    'with-train-step': flag('add train-step.onnx, so that a web page can train the model further'),
    ...integers({ 'train-batch': ['batch size of the training step', '32'] }),
    trust: options.trust,
  },
  examples: { 'export runs/cae': 'export into exported/cae' },
  async run({ run, out = join('exported', basename(resolve(run))), which, data, trust, ...args }, { signal, note }) {
    if (args.trainBatch !== undefined && !args.withTrainStep) {
      throw new InputError('--train-batch needs --with-train-step');
    }
    const { exportRun } = await import('../export/export.ts');
    const trainStep = args.withTrainStep ? { batchSize: args.trainBatch ?? 32 } : undefined;
    const dataOptions = dataOptionsOf(args, { signal, note });
    return exportRun({ run, out, which, data, dataOptions, trainStep, trust, signal });
  },
  print({ out, card, ...result }) {
    const { files, metrics, parity, trainStep } = card;
    const sizes = { ...files, ...(trainStep && { [trainStep.file]: trainStep }) };
    const names = Object.entries(sizes).map(([name, { bytes }]) => `${name} (${size(bytes)})`);
    const [latent, image] = [parity.latent.toExponential(1), parity.image.toExponential(1)];
    return {
      rows: [
        ['exported', out],
        ['files', [...names, 'card.json'].join(', ')],
        ['checkpoint', `epoch ${number(metrics.epoch)}, ${lossesOf(metrics)}`],
        ...(metrics.measuredAtStep === undefined
          ? []
          : [['weights', `of step ${number(metrics.step)}, within the next epoch: their losses are not known`]]),
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

export const runs = defineCommand({
  command: 'runs [folder]',
  describe: 'List runs, or compare two',
  options: {
    folder: { ...text('folder of runs'), default: 'runs' },
    compare: { describe: 'two run folders: show in what recipe and results differ', type: 'string', nargs: 2 },
  },
  examples: {
    runs: 'list the runs in runs/',
    'runs --compare runs/cae runs/cae-2': 'show what differs between two runs',
  },
  async run({ folder, compare }): Promise<readonly RunEntry[] | Comparison> {
    const { compareRuns, listRuns } = await import('../runs/runs.ts');
    if (compare === undefined) return listRuns(folder);
    const [a, b, ...more] = compare as unknown as string[]; // nargs makes it a list
    if (a === undefined || b === undefined || more.length > 0)
      throw new InputError('--compare: expected two run folders');
    return compareRuns(a, b);
  },
  async print(result) {
    const cell = (value: string | number | null | undefined) =>
      typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : (value ?? '–');
    if ('differences' in result) {
      const { runs, differences } = result;
      return {
        head: ['', ...runs],
        rows: differences.map(({ name, values }) => [name, ...values.map(cell)]),
        notes: differences.length > 0 ? [] : ['nothing differs'],
      };
    }
    const { shortSpec } = await import('../data/formats.ts');
    const lossIn = (losses: Metrics | null | undefined) => (losses ? loss(losses) : '–');
    return {
      head: ['run', 'model', 'data', 'image', 'latent', 'epochs', 'train', 'val', 'test', 'time'],
      rows: result.map((entry) => {
        if ('problem' in entry) return [entry.run, `damaged: ${entry.problem}`];
        const { losses, epochs } = entry;
        const row = [
          entry.run,
          entry.model,
          shortSpec(entry.data),
          entry.image,
          entry.latent,
          `${epochs.done}/${epochs.planned}`,
        ];
        const columns = [losses.train, losses.val, losses.test].map(lossIn);
        return [...row, ...columns, entry.seconds === null ? '–' : duration(entry.seconds)];
      }),
      notes: result.length > 0 ? [] : ['no runs; `convae train` writes one'],
    };
  },
});
