import type { ImageSet } from '../../site/image-set.ts';
import { model, report } from '../../state/store.ts';
import type { Camera } from './camera.ts';
import type { MapState } from './create-map.ts';
import { visitWithin } from './grid.ts';
import { type Picture, PictureLayer } from './pictures.ts';
import { ThumbnailLevels } from './thumbnails.ts';
import { type Bounds, type Point, visibleBounds, ZOOM } from './transform.ts';

/** Thumbnails grow while zooming in, by a power of the zoom, to this many times their first side. */
const GROWTH = { most: 2, power: 0.3 } as const;
/** Distance between thumbnails as a multiple of their side: room for points. */
const SPACING = 1.25;
/** Fade-in time, in ms. */
const FADE = 160;

/** The pixels of an image, which are read for a later frame where they are not there. */
const pixelsIfRead = (set: ImageSet) => (row: number) => {
  if (set.has(row)) return set.pixels(row);
  set.ready([row]).catch(report);
  return null;
};

/** The images that are drawn for points: of a selection only its own. */
export class VisibleThumbnails {
  readonly #map: MapState;
  readonly #camera: Camera;
  readonly #layer = new PictureLayer();
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  /** The images that become thumbnails while zooming in, and the scale at which the first do. */
  #levels: ThumbnailLevels | null = null;
  #firstScale = 1;
  /** Those of the last frame, and when each row's appeared. */
  pictures: readonly Picture[] = [];
  #since = new Map<number, number>();
  /** Whether one is still fading in. */
  #unfinished = false;

  constructor(map: MapState, camera: Camera) {
    this.#map = map;
    this.#camera = camera;
  }

  get canvas(): HTMLCanvasElement {
    return this.#layer.canvas;
  }

  /** Takes the images of the open model. */
  setImages(): void {
    const set = model.value?.set;
    const isDrawable = set && [1, 3].includes(set.about.channels);
    this.#layer.setSource(isDrawable ? { shape: set.about, pixels: pixelsIfRead(set) } : null);
  }

  /** Forgets which images were chosen, after the points or their colours have changed. */
  forget(): void {
    this.#levels = null;
  }

  /** The row whose thumbnail covers a screen position; null where none does. */
  at([x, y]: Point): number | null {
    const covers = ({ left, top, width, height, alpha }: Picture) =>
      alpha > 0.5 && x >= left && x <= left + width && y >= top && y <= top + height;
    return this.pictures.findLast(covers)?.key ?? null;
  }

  /** Draws those of a frame at `time`, in ms. @returns whether the next frame has more to draw */
  draw(time: number, ratio: number): boolean {
    const before = this.#since;
    this.#since = new Map();
    this.#unfinished = false;
    const opacity = (row: number) => {
      const since = before.get(row) ?? time;
      this.#since.set(row, since);
      if (this.#reducedMotion.matches) return 1;
      const share = Math.min(1, Math.max(0.05, (time - since) / FADE));
      this.#unfinished ||= share < 1;
      return share;
    };
    this.pictures = this.#visible(opacity);
    return this.#layer.draw(this.pictures, this.#camera.size, ratio) || this.#unfinished;
  }

  /** The pictures in view, each in a frame of its point's colour. */
  #visible(opacity: (row: number) => number): Picture[] {
    const { view, size } = this.#camera;
    const { grid, pointColours, thumbnails } = this.#map;
    const about = model.value?.set?.about;
    if (!about || thumbnails.value.shown === 'off') return [];
    this.#levels ??= this.#newLevels();
    const zoom = view.scale / this.#firstScale;
    if (zoom <= 1) return [];
    const side = thumbnails.value.side * Math.min(GROWTH.most, zoom ** GROWTH.power);
    const [spacing, aspect, colours] = [(SPACING * side) / view.scale, about.width / about.height, pointColours.value];
    const [width, height] = [side * Math.min(1, aspect), side * Math.min(1, 1 / aspect)];
    const hasThumbnail = this.#levels.at(spacing);
    const pictures: Picture[] = [];
    visitWithin(grid.value, widened(visibleBounds(view, size), side / view.scale), (key, x, y) => {
      if (!hasThumbnail(key)) return;
      const [middle, centre] = this.#camera.toScreen([x, y]);
      const [r = 0, g = 0, b = 0] = colours.subarray(4 * key, 4 * key + 3);
      const [left, top] = [middle - width / 2, centre - height / 2];
      pictures.push({ key, left, top, width, height, alpha: opacity(key), frame: [r, g, b] });
    });
    return pictures;
  }

  /** The order in which images become thumbnails: the first ones sooner where points are few. */
  #newLevels(): ThumbnailLevels {
    const { bright, positions, shownShuffled, thumbnails } = this.#map;
    const { size, full } = this.#camera;
    const { shown, side } = thumbnails.value;
    const chosen = bright.value;
    const rows = chosen ? shownShuffled.value.filter((row) => chosen[row]) : shownShuffled.value;
    const density = Math.max(1, rows.length) / Math.max(1, size.width * size.height);
    const first = shown === 'always' ? 0.99 * ZOOM.min : Math.min(4, Math.max(0.7, 0.6 * side * Math.sqrt(density)));
    this.#firstScale = first * full.scale;
    return new ThumbnailLevels(positions.value, rows, (SPACING * side) / this.#firstScale);
  }
}

const widened = ({ left, right, bottom, top }: Bounds, by: number): Bounds => {
  return { left: left - by, right: right + by, bottom: bottom - by, top: top + by };
};
