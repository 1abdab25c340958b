import { model } from '../../state/store.ts';
import type { Camera } from './camera.ts';
import { Fade, firstPictures, pictureAt, pictureSpacing, picturesIn } from './compose.ts';
import type { MapState } from './create-map.ts';
import type { Picture } from './painter.ts';
import { ThumbnailLevels } from './thumbnails.ts';
import { type Point, ZOOM } from './transform.ts';

/** The images that are drawn for points: of a selection only its own. */
export class VisibleThumbnails {
  readonly #map: MapState;
  readonly #camera: Camera;
  readonly #fade = new Fade();
  readonly #reducedMotion = matchMedia('(prefers-reduced-motion: reduce)');
  /** The images that become thumbnails while zooming in, and the scale at which the first do. */
  #levels: ThumbnailLevels | null = null;
  #firstScale = 1;
  /** Those of the last frame. */
  pictures: readonly Picture[] = [];

  constructor(map: MapState, camera: Camera) {
    this.#map = map;
    this.#camera = camera;
  }

  /** Forgets which images were chosen, after the points or their colours have changed. */
  forget(): void {
    this.#levels = null;
  }

  /** Whether one is still fading in. */
  get unfinished(): boolean {
    return this.#fade.unfinished;
  }

  /** The row whose thumbnail is at a screen position. */
  at(place: Point): number | null {
    return pictureAt(this.pictures, place);
  }

  /** Chooses those of a frame at `time`, in ms. */
  choose(time: number): readonly Picture[] {
    this.#fade.begin(time);
    this.pictures = this.#visible();
    return this.pictures;
  }

  #visible(): Picture[] {
    const { view, size, full } = this.#camera;
    const { bright, grid, pointColours, shownShuffled, thumbnails } = this.#map;
    const { shown, side } = thumbnails.value;
    const set = model.value?.set;
    if (!set || shown === 'off') return [];
    if (!this.#levels) {
      const chosen = bright.value;
      const rows = chosen ? shownShuffled.value.filter((row) => chosen[row]) : shownShuffled.value;
      const first = shown === 'always' ? 0.99 * ZOOM.min : firstPictures(rows.length, size, side);
      this.#firstScale = first * full.scale;
      this.#levels = new ThumbnailLevels(grid.value.map, rows, pictureSpacing(1, this.#firstScale, side));
    }
    const zoom = view.scale / this.#firstScale;
    const aspect = set.about.width / set.about.height;
    const opacity = (row: number) => (this.#reducedMotion.matches ? 1 : this.#fade.opacity(row));
    return picturesIn(grid.value, this.#levels, view, size, zoom, side, aspect, pointColours.value, opacity);
  }
}
