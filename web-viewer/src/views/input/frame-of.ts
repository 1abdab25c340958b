import { isLarge } from '../../site/image-set.ts';
import type { OpenModel } from '../../state/store.ts';
import type { Shape } from '../../ui/pixels.ts';
import { centre } from './centre.ts';
import { type Conventions, conventionsOf, fromInk, toInk } from './conventions.ts';
import { type Fitted, fitAsTrained, fitPicture } from './fit.ts';
import { IN_PLACE, type Placement, type Raster, resample } from './raster.ts';

/** Approximate width of the painting on the screen, in pixels. */
const WIDTH = 252;
/** Number of a set's images that its conventions are derived from. */
const SAMPLE = 60;

/** What a model expects of its images. */
export interface Frame {
  /** The shape of its images. */
  readonly shape: Shape;
  /** Painting pixels per image pixel, along each side, and the shape of a painting. */
  readonly scale: number;
  readonly canvas: Shape;
  readonly conventions: Conventions;
}

/** The frame of a model; without one, of MNIST's shape. */
export function frameOf(model: Pick<OpenModel, 'card' | 'set'> | null): Frame {
  const { set, card } = model ?? {};
  const shape = card?.image ?? { height: 28, width: 28, channels: 1 };
  const scale = Math.max(1, Math.round(WIDTH / Math.max(shape.width, shape.height)));
  // Asking for those of all sheets of a large set would read them all.
  const among = (set && isLarge(set.about) ? set.about.sheets[0]?.count : set?.about.images) ?? 0;
  const count = Math.min(SAMPLE, among);
  const images = Array.from({ length: count }, (_, i) => {
    const row = Math.floor((i * among) / count);
    const pixels = set?.pixels(row);
    return set?.has(row) ? pixels : undefined;
  });
  const found = conventionsOf(
    shape,
    images.filter((pixels) => pixels !== undefined),
  );
  const digits = count === 0 && card?.dataset.name === 'mnist' && shape.channels === 1;
  return {
    shape,
    scale,
    canvas: { height: scale * shape.height, width: scale * shape.width, channels: shape.channels },
    conventions: digits ? { ...found, centred: true } : found,
  };
}

/**
 * Fits a picture of any size to a painting: as the model's training images were where the card says how.
 * @param rgba `[H, W, 4]`, alpha not premultiplied
 * @param centres whether drawings are centred: then a photo of a digit is made a drawing, which fitting alone does not
 */
export function fitToFrame(
  { data, height, width }: ImageData,
  { canvas, conventions }: Frame,
  card: OpenModel['card'] | undefined,
  centres: boolean,
): Fitted {
  const size = { height, width, channels: 4 };
  const asTrained = centres ? undefined : card?.preprocessing;
  return asTrained ? fitAsTrained(data, size, canvas, asTrained) : fitPicture(data, size, canvas, conventions);
}

/** The model's input for a painting, and the painting's placement in it. */
export function inputOf(
  painting: Raster,
  { shape, scale, conventions }: Frame,
  centres: boolean,
): { readonly picture: Raster; readonly placement: Placement } {
  const { height, width } = shape;
  if (!centres) {
    const placement = { ...IN_PLACE, scale: 1 / scale };
    return { picture: resample(painting, placement, height, width, conventions.background), placement };
  }
  const centred = centre(toInk(painting, conventions), height, width);
  return { ...centred, picture: fromInk(centred.picture, conventions) };
}
