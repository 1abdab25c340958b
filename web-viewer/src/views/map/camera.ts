import {
  allowedFactor,
  type Bounds,
  between,
  keepNear,
  moveBy,
  type Place,
  type Size,
  toMap,
  toScreen,
  type View,
  wholeView,
  zoomAbout,
} from './transform.ts';

/** Margin around the map when all of it is shown, in pixels. */
const MARGIN = 36;
/** Duration of a view change requested by a button, in ms. */
const GLIDE = 220;

/** The visible part of the map, and how it changes. */
export class Camera {
  size: Size = { width: 0, height: 0 };
  view: View = { x: 0, y: 0, scale: 1 };
  /** The view that shows everything. */
  whole: View = this.view;
  #bounds: Bounds = { left: -1, right: 1, bottom: -1, top: 1 };
  /** Whether the visitor has changed the view from the one that shows everything. */
  #own = false;
  #glide = 0;
  /** Called when the view has changed. */
  onChange: () => void = () => undefined;

  end(): void {
    cancelAnimationFrame(this.#glide);
  }

  /** Shows all of a map. */
  open(bounds: Bounds): void {
    this.#bounds = bounds;
    this.#own = false;
    cancelAnimationFrame(this.#glide);
    this.resize(this.size);
  }

  resize(size: Size): void {
    this.size = size;
    this.whole = wholeView(this.#bounds, size, MARGIN);
    if (!this.#own) this.view = this.whole;
    this.onChange();
  }

  /** The scale as a multiple of the one that shows everything. */
  get zoomed(): number {
    return this.view.scale / this.whole.scale;
  }

  get middle(): Place {
    return [this.size.width / 2, this.size.height / 2];
  }

  toScreen(place: Place): Place {
    return toScreen(this.view, this.size, place);
  }

  toMap(at: Place): Place {
    return toMap(this.view, this.size, at);
  }

  move(dx: number, dy: number): void {
    this.#take(moveBy(this.view, dx, dy));
  }

  /** Zooms about a screen position, immediately or animated. */
  zoom(at: Place, factor: number, gently = false): void {
    const next = zoomAbout(this.view, this.size, at, allowedFactor(this.view, this.whole, factor));
    if (gently) this.#glideTo(next);
    else this.#take(next);
  }

  /** Shows everything. */
  reset(): void {
    this.#glideTo(this.whole, () => {
      this.#own = false;
    });
  }

  /** Pans a position into view if it is outside. */
  reveal(place: Place): void {
    const [x, y] = this.toScreen(place);
    const { width, height } = this.size;
    const outside = x < 0 || y < 0 || x > width || y > height;
    if (outside && width > 0) this.#glideTo({ ...this.view, x: place[0], y: place[1] });
  }

  #take(view: View): void {
    cancelAnimationFrame(this.#glide);
    this.#set(view);
  }

  #set(view: View): void {
    this.view = keepNear(view, this.#bounds);
    this.#own = true;
    this.onChange();
  }

  #glideTo(view: View, then: () => void = () => undefined): void {
    cancelAnimationFrame(this.#glide);
    const [from, began] = [this.view, performance.now()];
    const time = matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : GLIDE;
    const step = (now: number) => {
      const share = time === 0 ? 1 : Math.min(1, Math.max(0, now - began) / time);
      this.#set(between(from, view, 1 - (1 - share) ** 3));
      if (share < 1) this.#glide = requestAnimationFrame(step);
      else then();
    };
    step(began);
  }
}
