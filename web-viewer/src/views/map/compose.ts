import type { Rgb } from './colours.ts';
import { type Grid, visitWithin } from './grid.ts';
import type { Picture } from './painter.ts';
import type { ThumbnailLevels } from './thumbnails.ts';
import { type Bounds, type Size, toScreen, type View, visibleBounds } from './transform.ts';

/** The thumbnails' longer side grows while zooming in, to this many times that of the first. */
const GROWTH = { most: 2, power: 0.3 } as const;
/** Distance between thumbnails as a multiple of their side: room for points. */
const SPACING = 1.25;

/** Diameter of the points in CSS pixels: smaller on dense maps, growing while zooming in. */
export function pointDiameter(count: number, { width, height }: Size, zoom: number): number {
  const first = Math.min(7, Math.max(2.2, 0.55 * Math.sqrt((width * height) / Math.max(1, count))));
  return Math.min(13, first * Math.max(1, zoom) ** 0.4);
}

/** The zoom at which the first thumbnails appear, as a multiple of the scale that shows everything: sooner where points are few. */
export const firstPictures = (count: number, { width, height }: Size, side: number): number =>
  Math.min(4, Math.max(0.7, 0.6 * side * Math.sqrt(Math.max(1, count) / Math.max(1, width * height))));

/** The side of thumbnails in CSS pixels, at `zoom` times the scale at which the first, of side `first`, appear. */
const pictureSide = (zoom: number, first: number): number =>
  first * Math.min(GROWTH.most, Math.max(1, zoom) ** GROWTH.power);

/** The distance between thumbnails, in map units. */
export const pictureSpacing = (zoom: number, scale: number, first: number): number =>
  (SPACING * pictureSide(zoom, first)) / scale;

/**
 * The thumbnails that a view shows, each in a frame of its point's colour.
 * @param zoom the scale as a multiple of that at which the first appear
 * @param first their side in CSS pixels at that scale
 * @param aspect width of an image divided by its height
 * @param colours of the points `[N, 4]`
 * @param opacity of a row's thumbnail
 */
export function picturesIn(
  grid: Grid,
  levels: ThumbnailLevels,
  view: View,
  size: Size,
  zoom: number,
  first: number,
  aspect: number,
  colours: Uint8Array,
  opacity: (row: number) => number,
): Picture[] {
  if (zoom <= 1) return [];
  const [spacing, side] = [pictureSpacing(zoom, view.scale, first), pictureSide(zoom, first)];
  const [width, height] = [side * Math.min(1, aspect), side * Math.min(1, 1 / aspect)];
  const pictures: Picture[] = [];
  visitWithin(grid, widened(visibleBounds(view, size), side / view.scale), (row, x, y) => {
    if (!levels.has(row, spacing)) return;
    const [left, top] = toScreen(view, size, [x, y]);
    const frame: Rgb = [colours[4 * row] ?? 0, colours[4 * row + 1] ?? 0, colours[4 * row + 2] ?? 0];
    pictures.push({
      key: row,
      left: left - width / 2,
      top: top - height / 2,
      width,
      height,
      alpha: opacity(row),
      frame,
    });
  });
  return pictures;
}

/** The thumbnail that covers a screen position; null where none does. */
export const pictureAt = (pictures: readonly Picture[], [x, y]: readonly [number, number]): number | null =>
  pictures.findLast(
    ({ left, top, width, height, alpha }) =>
      alpha > 0.5 && x >= left && x <= left + width && y >= top && y <= top + height,
  )?.key ?? null;

const widened = ({ left, right, bottom, top }: Bounds, by: number): Bounds => ({
  left: left - by,
  right: right + by,
  bottom: bottom - by,
  top: top + by,
});

/** Fade-in time, in ms. */
const TIME = 160;

/** Fades in items that were not in the last frame. */
export class Fade {
  #before = new Map<number, number>();
  #now = new Map<number, number>();
  #time = 0;
  /** Whether an item is still fading in. */
  unfinished = false;

  /** Starts a frame at `time`, in ms. */
  begin(time: number): void {
    [this.#before, this.#now] = [this.#now, new Map()];
    this.#time = time;
    this.unfinished = false;
  }

  /** The opacity of an item in this frame, 0 to 1. */
  opacity(key: number): number {
    const born = this.#before.get(key) ?? this.#time;
    this.#now.set(key, born);
    const share = Math.min(1, Math.max(0.05, (this.#time - born) / TIME));
    if (share < 1) this.unfinished = true;
    return share;
  }
}
