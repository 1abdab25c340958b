import { InputError } from '../io/errors.ts';
import { deviceChoices, engineChoices } from '../train/engine.ts';

/** What `--data` takes. */
export const DATA = 'mnist, IMAGES[,LABELS] (idx or npy), FILE.npz or a FOLDER of images';

/** The positional argument of all that is done with an exported model. */
export const exported = { describe: 'a folder that `convae export` made', type: 'string', demandOption: true } as const;

export const engine = {
  describe: 'what runs the training steps',
  choices: engineChoices,
  default: 'auto',
  requiresArg: true,
} as const;

export const device = {
  describe: 'where to compute; webgpu is experimental',
  choices: deviceChoices,
  default: 'auto',
  requiresArg: true,
} as const;

export const json = { describe: 'print the result as a line of JSON', type: 'boolean', default: false } as const;
export const quiet = { describe: 'no progress on stderr', type: 'boolean', default: false } as const;

interface NumberOption {
  describe: string;
  defaultDescription?: string;
  requiresArg: true;
  coerce: (value: unknown) => number;
}

/** What an option is, and what happens without it. */
type Description = string | readonly [describe: string, otherwise: string];

/** Options that take a whole number from `least` on. */
export const wholeNumbers = <K extends string>(descriptions: Record<K, Description>, least = 1) =>
  numbers(
    descriptions,
    (value) => Number.isSafeInteger(value) && value >= least,
    least > Number.MIN_SAFE_INTEGER ? `a whole number of at least ${least}` : 'a whole number',
  );

/** Options that take a number above 0. */
export const positiveNumbers = <K extends string>(descriptions: Record<K, Description>) =>
  numbers(descriptions, (value) => value > 0 && value < Number.POSITIVE_INFINITY, 'a number above 0');

function numbers<K extends string>(
  descriptions: Record<K, Description>,
  accepts: (value: number) => boolean,
  expected: string,
): Record<K, NumberOption> {
  const options = Object.entries<Description>(descriptions).map(([name, description]) => {
    const [describe, otherwise] = typeof description === 'string' ? [description] : description;
    const coerce = (value: unknown): number => {
      const number = value === '' ? Number.NaN : Number(value);
      if (!accepts(number)) throw new InputError(`--${name} ${value}: ${expected} was expected`);
      return number;
    };
    return [name, { describe, ...(otherwise && { defaultDescription: otherwise }), requiresArg: true, coerce }];
  });
  return Object.fromEntries(options) as Record<K, NumberOption>;
}
