import { layers } from '@tensorflow/tfjs-layers';
import type { Layer } from './layers.ts';
import type { ModelSize } from './model.ts';

/** What decides the shapes inside a trunk. */
export type TrunkSize = Pick<ModelSize, 'height' | 'width' | 'filters' | 'halvings'>;

/** Height and width of the smallest images that models take. */
const SMALLEST = 8;

/**
 * Filters and halvings, by default 32 and 3.
 * @throws RangeError where height or width is less than 8, or too small for that many halvings
 */
export function stagesOf({ height, width, filters = 32, halvings = 3 }: TrunkSize) {
  const least = Math.max(SMALLEST, 2 ** halvings);
  if (Math.min(height, width) >= least) return { filters, halvings };
  const remedy = least > SMALLEST ? 'halve them fewer times, or enlarge them' : 'enlarge them';
  throw new RangeError(
    `images of ${width}×${height} are too small for ${halvings === 1 ? 'a halving' : `${halvings} halvings`}: width and height must be at least ${least}; ${remedy}`,
  );
}

/** Channels after that many halvings: 32, 64, 128, and so on 128. */
export const channelsAt = (size: TrunkSize, halvings: number): number =>
  stagesOf(size).filters * Math.min(4, 2 ** (halvings - 1));

/** Height and width enlarged to multiples of 2 to the number of halvings. */
export function evenSize(size: TrunkSize): [height: number, width: number] {
  const unit = 2 ** stagesOf(size).halvings;
  return [Math.ceil(size.height / unit) * unit, Math.ceil(size.width / unit) * unit];
}

/**
 * A layer that pads images with zeros to a larger size, or crops them from it; none where the sizes are equal.
 * @param larger height and width
 */
export function margins(
  layer: 'pad' | 'crop',
  { height, width }: TrunkSize,
  larger: readonly [number, number],
): Layer[] {
  const around = (extra: number): [number, number] => [Math.floor(extra / 2), Math.ceil(extra / 2)];
  const sides: [[number, number], [number, number]] = [around(larger[0] - height), around(larger[1] - width)];
  if (sides.flat().every((pixels) => pixels === 0)) return [];
  return [
    layer === 'pad'
      ? layers.zeroPadding2d({ name: layer, padding: sides })
      : layers.cropping2D({ name: layer, cropping: sides }),
  ];
}

/** The halvings in order: 1, 2, 3. */
export const everyHalving = (size: TrunkSize): number[] =>
  Array.from({ length: stagesOf(size).halvings }, (_, i) => i + 1);
