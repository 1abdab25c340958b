import { extname } from 'node:path';
import type { Options, PositionalOptions } from 'yargs';
import { centresMethods, type PixelLossName, pixelLosses, schedules } from '../../models/kit/model.ts';
import { AUGMENT_FORMS, parseAugmentation } from '../data/augment.ts';
import { channelChoices, type DataOptions, fits, parseBackground, parseRange, parseSize } from '../data/options.ts';
import { InputError } from '../io/errors.ts';
import { deviceChoices, engineChoices } from '../train/engine.ts';
import { optimizerChoices } from '../train/options.ts';

/** An option, or a positional argument, as yargs takes it. */
export type Option = Options & PositionalOptions;

export const text = (describe: string) => ({ describe, type: 'string', requiresArg: true }) as const;
export const flag = (describe: string) => ({ describe, type: 'boolean', default: false }) as const;
/** The name of a PNG file to write. */
export const pngFile = (option: string, describe: string) => ({
  ...text(`PNG file to ${describe}`),
  coerce(path: string): string {
    if (extname(path).toLowerCase() === '.png') return path;
    throw new InputError(`--${option} ${path}: a PNG file is written; name it with .png`);
  },
});
/** The names in a text, between commas. */
export const namesIn = (text: string | undefined): string[] | undefined => text?.split(',');
export const choice = <const C extends string>(describe: string, choices: readonly C[]) =>
  ({ describe, choices, requiresArg: true }) as const;

/** By an option's name: its description, the default that help shows, and an alias. */
type Descriptions<K extends string> = Record<K, readonly [describe: string, byDefault?: string, alias?: string]>;

/** Options that take an integer of at least `least`. */
export const integers = <K extends string>(descriptions: Descriptions<K>, least = 1) =>
  numbers(
    descriptions,
    (value) => Number.isSafeInteger(value) && value >= least,
    least > Number.MIN_SAFE_INTEGER ? `an integer of at least ${least}` : 'an integer',
  );

/** Options that take a number above 0. */
const positives = <K extends string>(descriptions: Descriptions<K>) =>
  numbers(descriptions, (value) => value > 0 && value < Number.POSITIVE_INFINITY, 'a number above 0');

/** Options that take a share. @param accepts besides numbers between 0 and 1 */
const shares = <K extends string>(descriptions: Descriptions<K>, accepts: readonly number[]) =>
  numbers(
    descriptions,
    (value) => (value > 0 && value < 1) || accepts.includes(value),
    `a share, ${accepts.length > 0 ? 'from 0 to' : 'above 0 and below'} 1`,
  );
/** Options that take a number of at least 0. */
const nonNegatives = <K extends string>(descriptions: Descriptions<K>) =>
  numbers(descriptions, (value) => value >= 0 && value < Number.POSITIVE_INFINITY, 'a number of at least 0');

function numbers<K extends string>(
  descriptions: Descriptions<K>,
  accepts: (value: number) => boolean,
  expected: string,
) {
  const entries = Object.entries<Descriptions<K>[K]>(descriptions).map(([name, description]) => {
    const [describe, byDefault, alias = []] = description;
    const coerce = (value: unknown): number => {
      const number = value === '' ? Number.NaN : Number(value);
      if (!accepts(number)) throw new InputError(`--${name} ${value}: expected ${expected}`);
      return number;
    };
    return [name, { describe, ...(byDefault && { defaultDescription: byDefault }), alias, requiresArg: true, coerce }];
  });
  return Object.fromEntries(entries) as Record<K, { describe: string; requiresArg: true; coerce(v: unknown): number }>;
}

/** The options that commands share, in one place. */
export const options = {
  model: { ...text('name of a model, see `convae models`, or a file that defines one'), demandOption: true },
  exported: { ...text('folder that `convae export` wrote'), demandOption: true },
  data: text('images: mnist, or a folder, file or archive of images or arrays'),
  split: choice('part of the images', ['train', 'val', 'test', 'all']),
  size: {
    ...text('size that images are fitted to: a side or WIDTHxHEIGHT in pixels, as in 64 or 96x64'),
    defaultDescription: 'that of the images',
    coerce: parseSize,
  },
  fit: {
    ...choice(
      'cover fills the size and cuts what is outside, contain leaves a margin of the background, stretch distorts',
      fits,
    ),
    defaultDescription: 'cover',
  },
  background: {
    ...text('colour behind transparent pixels and around contained images: white, black or #rrggbb'),
    defaultDescription: 'white',
    coerce: parseBackground,
  },
  channels: {
    ...choice('make images gray or RGB; auto: RGB if any is in colour', channelChoices),
    defaultDescription: 'auto',
  },
  range: {
    ...text('numbers that become black and white, for data other than 8-bit pixels: --range=MIN,MAX'),
    defaultDescription: 'by type and values',
    coerce: parseRange,
  },
  ...shares({ 'max-skipped': ['share of the images that may be unreadable; they are left out', '0.01'] }, [0, 1]),
  ...shares({ 'val-split': ['share of the training images that is held out for validation', 'none'] }, []),
  label: {
    ...text('column of a table, array of an npz file, or field of .json files in an archive, to take labels from'),
    defaultDescription: 'label, class, target or the like',
  },
  'only-class': {
    ...text('use only images of these classes: names with commas between them, as in good or 0,1,2'),
    defaultDescription: 'all',
    coerce: namesIn,
  },
  strict: flag('stop at the first unreadable image'),
  cache: {
    ...text('folder for decoded images; the default one is kept below 20 GiB, yours is left as it is'),
    defaultDescription: '~/.cache/convae/images',
  },
  optimizer: {
    ...choice('optimizer; sgd has the momentum of the recipe', optimizerChoices),
    defaultDescription: "the recipe's",
  },
  ...nonNegatives({
    colour: [
      'weight of the squared error of colour alone in the loss',
      '4 for few larger images in colour, else 0',
      'color',
    ],
    'weight-decay': ['decoupled weight decay of kernels, not of biases and norms', '0.01 for adamw, else 0'],
  }),
  schedule: {
    ...choice(
      'learning-rate schedule; cosine and linear fall to 0, plateau halves after 3 epochs without a lower validation loss',
      schedules,
    ),
    defaultDescription: "the recipe's",
  },
  augment: {
    ...text(`change training images at random: some of ${AUGMENT_FORMS}, or none`),
    defaultDescription: 'flip,shift=0.06 for few larger images, else none',
    coerce(spec: string): string {
      parseAugmentation(spec);
      return spec;
    },
  },
  ...integers({
    epochs: ['number of epochs', "the recipe's"],
    'batch-size': ['images per batch', 'by image size'],
    latent: ['latent size', "the recipe's"],
    width: ['filters of the first convolution; the next have two and four times as many', '32'],
    depth: ['how many times the model halves height and width', '3'],
    clusters: ['number of clusters, for dcec', '10'],
    threads: ['number of threads', 'one per core, at most 16'],
    'limit-train': ['use only the first N training images'],
    'limit-test': ['use only the first N test images, and as many for validation'],
    'early-stopping': ['stop after N epochs without a lower validation loss', 'never'],
    'checkpoint-steps': ['save a checkpoint every N steps'],
  }),
  centres: {
    ...choice('how the first centres of the clusters are found, for dcec', centresMethods),
    defaultDescription: 'umap-gmm',
    alias: 'centers',
  },
  'pixel-loss': {
    ...choice(
      'pixel error to train on: cross-entropy, squared or absolute',
      Object.keys(pixelLosses) as PixelLossName[],
    ),
    defaultDescription: "the model's",
  },
  ...integers({ seed: ['random seed', '0'] }, Number.MIN_SAFE_INTEGER),
  ...positives({
    'learning-rate': ['initial learning rate', "the recipe's", 'lr'],
    'clip-norm': ['scale gradients down to a common norm of at most N', 'none'],
    beta: ['weight of the KL divergence, for variational models', "the recipe's"],
    'kl-warm-up': ['epochs over which that weight grows from 0', 'none'],
    ssim: ['weight of 1 − SSIM (structural similarity) in the loss', 'none'],
    'checkpoint-seconds': ['save a checkpoint every N seconds', '60'],
  }),
  engine: { ...choice('engine that runs the training steps', engineChoices), default: 'auto' },
  device: { ...choice('device to compute on; webgpu is experimental', deviceChoices), default: 'auto' },
  quick: flag('use fewer images: less accurate, but done in half a minute'),
  init: text('run folder or checkpoint folder to take the first weights from'),
  config: text('YAML file of options, such as the recipe.yaml of a run; options given here override it'),
  'dry-run': flag('describe data, model and steps, estimate the time, and write nothing'),
  trust: flag('run the model file that a run or a file of options names, wherever it is'),
  quiet: flag('print no progress, only warnings'),
  json: flag('print the result as one line of JSON'),
} as const satisfies Record<string, Option>;

/** Some of the shared options. */
export const pick = <K extends keyof typeof options>(...names: K[]): Pick<typeof options, K> =>
  Object.fromEntries(names.map((name) => [name, options[name]])) as Pick<typeof options, K>;

/** Options about data for a model that has been trained: its pixels are prepared as they were for training. */
export const readingOptions = pick('label', 'cache', 'max-skipped', 'strict');

/** Options about data to train on. */
export const dataOptions = { ...pick('size', 'fit', 'background', 'channels', 'range'), ...readingOptions };

/** Names of `DataOptions` that are options of commands. */
const DATA_OPTIONS = [
  ...(['size', 'fit', 'background', 'channels', 'range', 'onlyClass'] as const),
  ...(['label', 'maxSkipped', 'strict', 'cache'] as const),
] as const;

/** The data options among the arguments of a command. */
export function dataOptionsOf(
  args: Pick<DataOptions, (typeof DATA_OPTIONS)[number]>,
  context: Pick<DataOptions, 'signal' | 'note' | 'progress'>,
): DataOptions {
  const given = DATA_OPTIONS.filter((name) => args[name] !== undefined).map((name) => [name, args[name]]);
  return { ...Object.fromEntries(given), ...context };
}
