import type { Options, PositionalOptions } from 'yargs';
import { schedules } from '../../models/kit/model.ts';
import { InputError } from '../io/errors.ts';
import { deviceChoices, engineChoices } from '../train/engine.ts';

/** An option, or a positional argument, as yargs takes it. */
export type Option = Options & PositionalOptions;

export const text = (describe: string) => ({ describe, type: 'string', requiresArg: true }) as const;
export const flag = (describe: string) => ({ describe, type: 'boolean', default: false }) as const;
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
  data: text('images: mnist, IMAGES[,LABELS] (idx or npy), FILE.npz or a FOLDER of images'),
  split: choice('part of the images', ['train', 'test', 'all']),
  schedule: {
    ...choice('learning-rate schedule; cosine and linear decay to 0', schedules),
    defaultDescription: "the recipe's",
  },
  ...integers({
    epochs: ['number of epochs', "the recipe's"],
    'batch-size': ['images per batch', 'by image size'],
    latent: ['latent size', "the recipe's"],
    threads: ['number of threads', 'one per core, at most 16'],
    'limit-train': ['use only the first N training images'],
    'limit-test': ['use only the first N test images'],
    'checkpoint-steps': ['save a checkpoint every N steps'],
  }),
  ...integers({ seed: ['random seed', '0'] }, Number.MIN_SAFE_INTEGER),
  ...positives({
    'learning-rate': ['initial learning rate', "the recipe's", 'lr'],
    beta: ['weight of the KL divergence, for variational models', "the recipe's"],
    'kl-warm-up': ['epochs over which that weight grows from 0', 'none'],
    'checkpoint-seconds': ['save a checkpoint every N seconds', '60'],
  }),
  engine: { ...choice('engine that runs the training steps', engineChoices), default: 'auto' },
  device: { ...choice('device to compute on; webgpu is experimental', deviceChoices), default: 'auto' },
  quick: flag('use fewer images: less accurate, but done in half a minute'),
  quiet: flag('print no progress'),
  json: flag('print the result as one line of JSON'),
} as const satisfies Record<string, Option>;

/** Some of the shared options. */
export const pick = <K extends keyof typeof options>(...names: K[]): Pick<typeof options, K> =>
  Object.fromEntries(names.map((name) => [name, options[name]])) as Pick<typeof options, K>;
