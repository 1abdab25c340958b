import {
  allowedFactor,
  type Bounds,
  clampView,
  fullView,
  interpolate,
  type Point,
  panned,
  type Size,
  toMap,
  toScreen,
  type View,
  zoomAbout,
} from './transform.ts';

/** Margin around the map when all of it is shown, in pixels. */
const MARGIN = 36;
/** Duration of a view change requested by a button, in ms. */
const DURATION = 220;

/** A view for screens of any size: `zoom` is a multiple of the scale that shows everything. */
export interface PortableView {
  readonly x: number;
  readonly y: number;
  readonly zoom: number;
}

/** The visible part of the map, and how it changes. */
export class Camera {
  size: Size = { width: 0, height: 0 };
  view: View = { x: 0, y: 0, scale: 1 };
  /** The view that shows everything. */
  full: View = this.view;
  #bounds: Bounds = { left: -1, right: 1, bottom: -1, top: 1 };
  /** The view that the visitor has moved to; null for the one that shows everything. */
  #chosen: PortableView | null = null;
  #animation = 0;
  /** Called when the view has changed. */
  onChange: () => void = () => undefined;

  end(): void {
    cancelAnimationFrame(this.#animation);
  }

  get chosen(): PortableView | null {
    return this.#chosen;
  }

  /** Sets the map's extent and shows a view of it. */
  open(bounds: Bounds, chosen: PortableView | null): void {
    this.#bounds = bounds;
    this.#chosen = chosen;
    cancelAnimationFrame(this.#animation);
    this.resize(this.size);
  }

  resize(size: Size): void {
    this.size = size;
    this.full = fullView(this.#bounds, size, MARGIN);
    const { x, y, zoom } = this.#chosen ?? { ...this.full, zoom: 1 };
    this.view = clampView({ x, y, scale: zoom * this.full.scale }, this.#bounds);
    this.onChange();
  }

  /** The scale as a multiple of the one that shows everything. */
  get zoomed(): number {
    return this.view.scale / this.full.scale;
  }

  get middle(): Point {
    return [this.size.width / 2, this.size.height / 2];
  }

  toScreen(place: Point): Point {
    return toScreen(this.view, this.size, place);
  }

  toMap(at: Point): Point {
    return toMap(this.view, this.size, at);
  }

  move(dx: number, dy: number): void {
    this.#jumpTo(panned(this.view, dx, dy));
  }

  /** Zooms about a screen position, immediately or animated. */
  zoom(at: Point, factor: number, animated = false): void {
    const next = zoomAbout(this.view, this.size, at, allowedFactor(this.view, this.full, factor));
    if (animated) this.#animateTo(next);
    else this.#jumpTo(next);
  }

  /** Shows everything. */
  reset(): void {
    this.#animateTo(this.full, () => {
      this.#chosen = null;
      this.onChange();
    });
  }

  /** Shows a part of the map. */
  fit(part: Bounds): void {
    const wanted = fullView(part, this.size, 2 * MARGIN);
    const factor = allowedFactor(this.view, this.full, wanted.scale / this.view.scale);
    this.#animateTo({ ...wanted, scale: this.view.scale * factor });
  }

  /** Pans a position into view if it is outside. */
  reveal(place: Point): void {
    const [x, y] = this.toScreen(place);
    const { width, height } = this.size;
    const outside = x < 0 || y < 0 || x > width || y > height;
    if (outside && width > 0) this.#animateTo({ ...this.view, x: place[0], y: place[1] });
  }

  #jumpTo(view: View): void {
    cancelAnimationFrame(this.#animation);
    this.#set(view);
  }

  #set(view: View): void {
    this.view = clampView(view, this.#bounds);
    this.#chosen = { x: this.view.x, y: this.view.y, zoom: this.zoomed };
    this.onChange();
  }

  #animateTo(view: View, then: () => void = () => undefined): void {
    cancelAnimationFrame(this.#animation);
    const [from, began] = [this.view, performance.now()];
    const time = matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : DURATION;
    const step = (now: number) => {
      const share = time === 0 ? 1 : Math.min(1, Math.max(0, now - began) / time);
      this.#set(interpolate(from, view, 1 - (1 - share) ** 3));
      if (share < 1) this.#animation = requestAnimationFrame(step);
      else then();
    };
    step(began);
  }
}
