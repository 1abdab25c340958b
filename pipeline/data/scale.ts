import type { Scaling } from '../artifacts/preprocessing.ts';
import { InputError } from '../io/errors.ts';
import type { Values } from './image-source.ts';
import type { DataOptions } from './options.ts';

/** The rule of a scaling that the user gave. */
export const GIVEN_RANGE = 'given by --range';

/** All numbers of one type in a data set. `type` is numpy's: uint8, bool, int64, float32. */
export interface Found {
  readonly type: string;
  readonly min: number;
  readonly max: number;
}

type Rule = Omit<Scaling, 'type'>;

const MASK: Rule = { from: [0, 1], rule: 'masks of 0 and 1' };
const BYTES = { from: [0, 255] } as const;
const UNIT: Rule = { from: [0, 1], rule: 'from 0 to 1' };
const SIGNED_UNIT: Rule = { from: [-1, 1], rule: 'from -1 to 1' };

/** How far floats may be beyond the ends of a range, as a share of it: the rounding of float32. */
const ROUNDING = 1e-5;
/** Floats up to this would all be black: they were perhaps divided by 255 twice. */
const BLACK = 1.5 / 255;
/** Floats from 0 that reach this are 8-bit pixels. */
const HALF_BYTE = 127;
/** Floats from −1 to 1 reach this. Slightly negative ones may be from 0 to 1 and have been resized. */
const CLEARLY_NEGATIVE = -0.5;

/**
 * Decides which numbers become black and white.
 * @param where for messages: the data set
 * @param options a range that the user gives is used for any type; for a trained model, none can be given
 * @throws InputError where the range is ambiguous
 */
export function chooseScaling(
  found: Found,
  where: string,
  { range, preprocessing }: Pick<DataOptions, 'range' | 'preprocessing'> = {},
): Scaling {
  const { type } = found;
  if (range) return { type, from: range, rule: GIVEN_RANGE };
  const rule = type.startsWith('float') ? ruleOfFloats(found) : ruleOfIntegers(found);
  if (rule) return { type, ...rule };
  const [min, max] = [short(found.min), short(found.max)];
  const white = max > min ? max : min + 1;
  const remedy = preprocessing
    ? 'the model was trained on others: save them as 8 bits'
    : `give their range: --range${min < 0 ? '=' : ' '}${min},${white}`;
  throw new InputError(
    `${where}: its pixels are ${type} from ${min} to ${max}, and it is unclear which of them are black and white; ${remedy}`,
  );
}

/** By their range alone: the bits of an integer type say nothing on how many of them are used. */
function ruleOfIntegers({ type, min, max }: Found): Rule | undefined {
  if (min < 0 || max > 65535) return undefined;
  const eight = type === 'uint8';
  if (type === 'bool' || max === 1) return MASK;
  if (type === 'int8') return undefined; // it ends at 127
  if (max <= 255) return { ...BYTES, rule: eight ? '8 bits' : `8 bits in ${type}` };
  // Fewer than 12 bits are not told from dark images of 12 bits, nor 14 from dark ones of 16.
  if (max <= 4095) return { from: [0, 4095], rule: `12 bits in ${type}` };
  if (type === 'int16') return undefined; // it ends at 32767
  return { from: [0, 65535], rule: type === 'uint16' ? '16 bits' : `16 bits in ${type}` };
}

function ruleOfFloats({ min, max }: Found): Rule | undefined {
  const within = (low: number, high: number) => {
    const slack = ROUNDING * (high - low);
    return min >= low - slack && max <= high + slack;
  };
  if (within(0, 1) && (max > BLACK || max === 0)) return UNIT;
  if (within(-1, 1) && min <= CLEARLY_NEGATIVE) return SIGNED_UNIT;
  if (within(0, 255) && max > HALF_BYTE) return { ...BYTES, rule: 'from 0 to 255' };
  return undefined;
}

/** What to say of a set of masks that a trained model reads as 8-bit pixels. */
export const DARK_MASKS = 'all pixels are 0 or 1, nearly black; if they are masks, save them as 0 and 255';

/** For people, and to be typed. */
const short = (value: number): number => Number(value.toPrecision(6));

/**
 * The smallest and the largest number of an image.
 * @param where for messages: the image
 * @throws InputError when a number is NaN or infinite
 */
export function rangeOf(values: Values, where: string): { min: number; max: number } {
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!Number.isFinite(value)) throw new InputError(`${where}: number ${i} of its pixels is ${value}; replace it`);
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/**
 * Scales numbers to 0–255, to the nearest; halves become larger.
 * @param from becomes 0 and 255
 * @param target as long as `values`
 * @returns how many numbers were outside of 0–255 after rounding, and were clipped
 */
export function toBytes(values: Values, { from: [black, white] }: Pick<Scaling, 'from'>, target: Uint8Array): number {
  if (values instanceof Uint8Array && black === 0 && white === 255) {
    target.set(values);
    return 0;
  }
  let clipped = 0;
  for (let i = 0; i < values.length; i++) {
    const byte = Math.floor((((values[i] as number) - black) * 255) / (white - black) + 0.5);
    if (byte < 0 || byte > 255) clipped++;
    target[i] = byte < 0 ? 0 : byte > 255 ? 255 : byte;
  }
  return clipped;
}
