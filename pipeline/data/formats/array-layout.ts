import { InputError } from '../../io/errors.ts';
import { describeArray } from '../../io/npy.ts';
import type { StoredImage, Values } from '../image-source.ts';
import type { DataOptions } from '../options.ts';
import type { StoredArray } from './array-file.ts';
import { decodeNumbers, isDecodable } from './numbers.ts';
import { EXPECTED_COUNTS, findOrder, layoutOfRow } from './pixel-rows.ts';

/** How the numbers of an array are images, one after another. */
export interface Layout extends Pick<StoredImage, 'height' | 'width' | 'channels'> {
  readonly count: number;
  /** From one row, column and channel to the next, in numbers. */
  readonly steps: readonly [number, number, number];
  /** What was taken for granted. */
  readonly notes: readonly string[];
}

const SHAPES = '[count, height, width], with channels last or first, or rows of pixels [count, height × width]';
/** Rows whose order of channels is looked at. */
const SAMPLE = 16;

/**
 * Finds how an array of shape `[n, h, w]`, `[n, h, w, 1|3|4]`, `[n, 1|3, h, w]` or `[n, h × w]`, `[n, h × w, 1]` contains images.
 * @param transposed its images are stored column by column
 * @throws InputError when its shape can be read in no way or in several, its type is no number, or it is empty
 */
export function layoutOf(array: StoredArray, options: DataOptions, transposed = false): Layout {
  const { name, shape, type } = array;
  const refuse = (reason: string) => new InputError(`${name}: ${reason}`);
  const found = describeArray(array);
  if (!isDecodable(type)) throw refuse(`its pixels are ${type.name}; real numbers were expected: save them as uint8`);
  const [count = 0, ...sides] = shape;
  if (sides.length > 0 && shape.includes(0)) throw refuse(`it contains no images (${found})`);
  const [numbers, ...more] = sides.filter((side) => side > 1);
  const isRow = sides.length === 1 || (sides.length <= 3 && numbers !== undefined && more.length === 0);
  if (isRow) return layoutOfRows({ ...array, shape: [count, numbers ?? 1] }, options);
  if (sides.length < 1 || sides.length > 3) throw refuse(`it contains ${found}; images are ${SHAPES}`);
  const [height, width, channels] = sides as [number, number, number?];
  if (channels !== undefined) return layoutOfChannels(array, [height, width, channels]);
  if (transposed) {
    return {
      count,
      height: width,
      width: height,
      channels: 1,
      steps: [1, width, 1],
      notes: [transposedNote(name)],
    };
  }
  if ((width === 3 || width === 4) && height !== width) {
    throw refuse(
      `it contains ${found}: one image with ${width} channels, or gray images of width ${width}; save one image as array[None], gray images as array[..., None]`,
    );
  }
  const notes = count === 3 ? [`${name}: ${found} are 3 gray images, not one of 3 channels`] : [];
  if (count > 1 && mayCountLast(array)) {
    notes.push(
      `${name}: ${found} are ${count} images of ${width}×${height}; if they are ${width} of ${height}×${count} with the count last, as MATLAB stores them, save numpy.moveaxis(array, -1, 0)`,
    );
  }
  return { count, height, width, channels: 1, steps: [width, 1, 1], notes };
}

/** What is said of images that are stored column by column. */
export const transposedNote = (name: string): string =>
  `${name}: its images are stored column by column; they are turned upright`;

/** How much more neighbours in a row differ than those in a column where they are of two images. */
const MUCH_MORE = 2;

/**
 * Whether an array `[a, b, c]` may have `c` images, as MATLAB stores them: by Fortran's order, by sides that no images have, or
 * because numbers that lie next to each other differ too much to be neighbours in an image.
 */
function mayCountLast({ shape, type, sample, fortran }: StoredArray): boolean {
  const [count, height, width] = shape as [number, number, number];
  if (fortran || count === height) return count !== width || height !== width;
  const numbers = decodeNumbers(sample.subarray(0, sample.length - (sample.length % type.bytes)), type);
  let [inRow, inColumn] = [0, 0];
  for (let at = width; at < numbers.length; at++) {
    if (at % width === 0 || at % (height * width) < width) continue;
    const value = numbers[at] as number;
    inRow += Math.abs(value - (numbers[at - 1] as number));
    inColumn += Math.abs(value - (numbers[at - width] as number));
  }
  return inRow > MUCH_MORE * inColumn && inColumn > 0;
}

function layoutOfChannels(array: StoredArray, [first, second, last]: readonly [number, number, number]): Layout {
  const { name, shape } = array;
  const count = shape[0] as number;
  const readings: Layout[] = [];
  if (last === 1 || last === 3 || last === 4) {
    const notes = last === 4 ? [`${name}: the last of 4 channels is taken for transparency`] : [];
    readings.push({ count, height: first, width: second, channels: last, steps: [second * last, last, 1], notes });
  }
  if (first === 1 || first === 3) {
    readings.push({ count, height: second, width: last, channels: first, steps: [last, 1, second * last], notes: [] });
  }
  const [reading, other] = readings;
  const same =
    other === undefined || (reading?.height === other.height && reading.width === other.width && second === 1);
  if (reading && same) return reading;
  const found = describeArray(array);
  if (reading) {
    throw new InputError(
      `${name}: ${found} may have ${last} channels last or ${first} first; save the images without the axis of channels, or with 2 more rows and columns`,
    );
  }
  const remedy =
    first === 4
      ? `the channels seem to come first; save the images as [count, height, width, channels], here ${[count, second, last, first].join('×')}`
      : count > 4 && (second === 1 || second === 3)
        ? `the last axis seems to count the images; save numpy.moveaxis(images, -1, 0), here ${[last, count, first, second].join('×')}`
        : 'keep 1 (gray), 3 (RGB) or 4 (RGB and transparency)';
  throw new InputError(`${name}: its images have ${last} channels (${found}); ${remedy}`);
}

function layoutOfRows(array: StoredArray, options: DataOptions): Layout {
  const { name, shape, type, sample } = array;
  const [count, numbers] = shape as [number, number];
  const found = describeArray(array);
  const row = layoutOfRow(numbers, options);
  if (!row || count === numbers) {
    throw new InputError(
      `${name}: it contains ${found}; a single image is saved as array[None], with a first axis of 1; a row of pixels has ${EXPECTED_COUNTS}`,
    );
  }
  const { height, width, channels } = row;
  const bytes = numbers * type.bytes;
  const rows = Math.min(SAMPLE, Math.floor(sample.length / bytes));
  const order = findOrder(
    Array.from({ length: rows }, (_, i) => [...decodeNumbers(sample.subarray(i * bytes, (i + 1) * bytes), type)]),
    options,
  );
  const size = `${name}: each row of ${numbers} numbers is an image of ${width}×${height} pixels, ${channels === 1 ? 'gray' : 'RGB'}`;
  const planar = channels === 3 && (order.planar || rows === 0);
  const unseen = planar && rows === 0 ? 'all of red, then green, then blue' : undefined;
  const reading = order.note ?? (unseen && `pixels are read as ${unseen}`);
  const notes = reading ? [size, `${name}: ${reading}`] : [size];
  const steps = planar ? ([width, 1, height * width] as const) : ([width * channels, channels, 1] as const);
  return { count, height, width, channels, steps, notes };
}

/** Whether images are stored as `[H, W, C]`. */
export const isChannelsLast = ({ width, channels, steps: [row, column, channel] }: Layout): boolean =>
  row === width * channels && column === channels && (channel === 1 || channels === 1);

/** The numbers of an image as `[H, W, C]`. */
export function arrange<T extends Values>(values: T, layout: Layout): T {
  if (isChannelsLast(layout)) return values;
  const { height, width, channels, steps } = layout;
  const arranged = values.slice() as T;
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      for (let channel = 0; channel < channels; channel++) {
        arranged[at++] = values[row * steps[0] + column * steps[1] + channel * steps[2]] as number;
      }
    }
  }
  return arranged;
}
