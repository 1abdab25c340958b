import { InputError } from '../../io/errors.ts';
import type { StoredImage, Values } from '../image-source.ts';
import type { DataOptions } from '../options.ts';

/** How numbers become an image. */
interface PixelLayout {
  readonly height: number;
  readonly width: number;
  readonly channels: StoredImage['channels'];
  /** One channel after another, `[C, H, W]`; otherwise `[H, W, C]`. */
  readonly planar: boolean;
}

/** What `layoutOfRow` accepts, for messages. */
export const EXPECTED_COUNTS =
  'a square number (784 for 28×28), three times one (3072 for 32×32 in RGB), or WIDTH×HEIGHT of --size WIDTHxHEIGHT';

/**
 * Layout of an image that is stored as `count` numbers: gray or RGB, of the size that the options name, or square. Whether RGB
 * is planar is yet to be found, see `findOrder`.
 * @returns undefined where the count fits none
 */
export function layoutOfRow(
  count: number,
  { preprocessing, size = preprocessing }: DataOptions,
): PixelLayout | undefined {
  for (const channels of [1, 3] as const) {
    if (size && count === channels * size.height * size.width) return { ...size, channels, planar: false };
  }
  for (const channels of [1, 3] as const) {
    const side = Math.sqrt(count / channels);
    if (count > 3 && Number.isInteger(side)) return { height: side, width: side, channels, planar: false };
  }
  return undefined;
}

/**
 * Finds the order of RGB numbers in rows without dimensions: planar where neighbours then differ less than in `[H, W, 3]`.
 * @param rows a few images; those that are not flat lists of one length are left out
 */
export function findOrder(rows: readonly unknown[], options: DataOptions): { planar: boolean; note?: string } {
  const [first, ...others] = rows.filter((row) => isList(row) && !isList(row[0])) as ArrayLike<unknown>[];
  const layout = layoutOfRow(first?.length ?? 0, options);
  if (!first || layout?.channels !== 3) return { planar: false };
  const same = [first, ...others.filter(({ length }) => length === first.length)].map((row) => Array.from(row, Number));
  const planar = roughness(same, layout, true) < roughness(same, layout, false);
  const order = planar ? 'all of red, then green, then blue' : 'red, green and blue of one pixel after another';
  return { planar, note: `pixels are read as ${order}: so read, neighbours differ least` };
}

/** Sum of the differences between neighbours. */
function roughness(rows: readonly (readonly number[])[], { height, width }: PixelLayout, planar: boolean): number {
  const [pixel, channel] = planar ? [1, height * width] : [3, 1];
  let total = 0;
  for (const row of rows) {
    for (let c = 0; c < 3; c++) {
      for (let i = 0; i < height * width; i++) {
        const at = i * pixel + c * channel;
        const value = row[at] ?? 0;
        if (i % width > 0) total += Math.abs(value - (row[at - pixel] ?? 0));
        if (i >= width) total += Math.abs(value - (row[at - width * pixel] ?? 0));
      }
    }
  }
  return total;
}

const ARRAYS: Readonly<Record<string, new (length: number) => Values>> = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  float16: Float32Array,
  float32: Float32Array,
};

/** An array for numbers of numpy's type. */
export const numbersFor = (type: string, length: number): Values => new (ARRAYS[type] ?? Float64Array)(length);

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || ArrayBuffer.isView(value);

/**
 * An image of numbers in a flat list, see `layoutOfRow`, or in lists of lists: `[H, W]`, `[H, W, C]` or `[C, H, W]`.
 * @param type of the numbers, as numpy names it
 * @param planar whether RGB in a flat list is, see `findOrder`
 * @throws InputError when they make no image
 */
export function imageOfNumbers(
  value: unknown,
  type: string,
  { options, where, planar }: { options: DataOptions; where: string; planar: boolean },
): StoredImage {
  const sides: number[] = [];
  for (let list = value; isList(list); list = list[0]) sides.push(list.length);
  const count = sides.reduce((product, side) => product * side, 1);
  const layout = sides.length === 1 ? layoutOfRow(count, options) : layoutOfSides(sides);
  if (value == null || !layout || count === 0) {
    const found = value == null ? 'no image' : `${sides.join('×')} numbers`;
    throw new InputError(`${where}: it has ${found}; expected ${EXPECTED_COUNTS}`);
  }
  const values = numbersFor(type, count);
  if (!fill(values, 0, value, sides)) {
    throw new InputError(`${where}: it has lists of different lengths, or values that are not numbers`);
  }
  const { height, width, channels } = layout;
  const inPlanes = sides.length === 1 ? planar : layout.planar;
  return { height, width, channels, type, values: inPlanes ? interleave(values, channels) : values };
}

function layoutOfSides(sides: readonly number[]): PixelLayout | undefined {
  const [first = 0, second = 0, third = 1] = sides;
  const isChannels = (side: number): side is StoredImage['channels'] => side >= 1 && side <= 4;
  if (sides.length > 3) return undefined;
  if (isChannels(third)) return { height: first, width: second, channels: third, planar: false };
  return isChannels(first) ? { height: second, width: third, channels: first, planar: true } : undefined;
}

/** Copies lists of `sides` into `target`. @returns false where they have other lengths or hold something else than numbers */
function fill(target: Values, offset: number, list: unknown, [side = 0, ...sides]: readonly number[]): boolean {
  if (!isList(list) || list.length !== side) return false;
  const step = sides.reduce((product, inner) => product * inner, 1);
  for (let i = 0; i < side; i++) {
    const item = list[i];
    if (sides.length > 0) {
      if (!fill(target, offset + i * step, item, sides)) return false;
      continue;
    }
    if (typeof item !== 'number' && typeof item !== 'bigint' && typeof item !== 'boolean') return false;
    target[offset + i] = Number(item);
  }
  return true;
}

/** `[C, H, W]` as `[H, W, C]`. */
export function interleave<T extends Values>(values: T, channels: number): T {
  const result = values.slice() as T;
  const plane = values.length / channels;
  for (let pixel = 0; pixel < plane; pixel++) {
    for (let c = 0; c < channels; c++) result[pixel * channels + c] = values[c * plane + pixel] ?? 0;
  }
  return result;
}
