import { InputError } from '../io/errors.ts';

/** Random changes of training images; 0 (or false) leaves that one out. */
export interface Augmentation {
  /** Mirrors half of the images, left to right. */
  readonly flip: boolean;
  /** Moves by up to this share of the width and of the height. */
  readonly shift: number;
  /** Turns by up to so many degrees. */
  readonly rotate: number;
  /** Scales by a factor in 1 ± this. */
  readonly zoom: number;
  /** Multiplies pixels by a factor in 1 ± this. */
  readonly brightness: number;
}

/** What each amount may be at most, and what it is. */
const AMOUNTS = {
  shift: { most: 0.5, what: 'the share of the side by which images are moved', example: 0.1 },
  rotate: { most: 180, what: 'the degrees by which images are turned', example: 10 },
  zoom: { most: 0.9, what: 'the share by which images are scaled up or down', example: 0.1 },
  brightness: { most: 1, what: 'the share by which pixels become brighter or darker', example: 0.1 },
} as const;
const AMOUNT_NAMES = Object.keys(AMOUNTS) as (keyof typeof AMOUNTS)[];

/** Every change, as it is written. */
export const AUGMENT_FORMS = ['flip', ...AMOUNT_NAMES.map((name) => `${name}=${AMOUNTS[name].example}`)].join(',');

/** The value of `--augment` that changes nothing. */
export const NO_AUGMENTATION = 'none';

/**
 * Reads a value of `--augment`.
 * @param spec names separated by commas, all but `flip` with an amount: `flip,shift=0.1`; or `none`
 * @throws InputError when a name is unknown or given twice, or an amount is missing or out of range
 */
export function parseAugmentation(spec: string): Augmentation {
  const augmentation: { -readonly [name in keyof Augmentation]: Augmentation[name] } = {
    ...{ flip: false, shift: 0, rotate: 0, zoom: 0, brightness: 0 },
  };
  const refused = (found: string, expected: string) =>
    new InputError(`--augment ${spec}: ${found}; expected ${expected}`);
  if (spec.trim() === NO_AUGMENTATION) return augmentation;
  for (const part of spec.split(',').map((text) => text.trim())) {
    const [name = '', amount, ...more] = part.split('=');
    const known = AMOUNT_NAMES.find((other) => other === name);
    if ((!known && name !== 'flip') || more.length > 0) {
      throw refused(`'${part}' is not a change of images`, `some of ${AUGMENT_FORMS}`);
    }
    if (augmentation[known ?? 'flip']) throw refused(`${name} is given twice`, 'each change once');
    if (!known) {
      if (amount !== undefined) throw refused(`flip has the amount '${amount}'`, 'flip alone');
      augmentation.flip = true;
      continue;
    }
    const { most, what, example } = AMOUNTS[known];
    const number = amount?.trim() ? Number(amount) : Number.NaN;
    if (!(number > 0 && number <= most)) {
      const found = amount === undefined ? `${name} has no amount` : `${name} is '${amount}'`;
      throw refused(found, `${what}, above 0 and at most ${most}, such as ${name}=${example}`);
    }
    augmentation[known] = number;
  }
  return augmentation;
}

/** The same text for equal augmentations: what `parseAugmentation` reads. */
export const formatAugmentation = (augmentation: Augmentation): string =>
  [
    ...(augmentation.flip ? ['flip'] : []),
    ...AMOUNT_NAMES.filter((name) => augmentation[name] > 0).map((name) => `${name}=${augmentation[name]}`),
  ].join(',') || NO_AUGMENTATION;
