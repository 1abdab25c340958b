import type { Size, View } from './transform.ts';

/** What is drawn. */
export interface Frame {
  readonly size: Size;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly view: View;
  /** Diameter of a point, in CSS pixels. */
  readonly diameter: number;
  readonly alpha: number;
}

/** Draws the points of the map on a transparent canvas. */
export interface Painter {
  readonly kind: 'webgl2' | 'canvas';
  readonly canvas: HTMLCanvasElement;
  /** Sets map positions `[N, 2]`. */
  setPositions(map: Float32Array): void;
  /** Sets colours `[N, 4]`, and the rows to draw, from the lowest to the topmost. */
  setStyle(colours: Uint8Array, order: Uint32Array): void;
  /** @returns whether points are left for the next frame */
  draw(frame: Frame): boolean;
}

/** Gives a canvas the size of the screen area, which empties it if that has changed. */
export function fitCanvas(canvas: HTMLCanvasElement, { width, height }: Size, ratio: number): void {
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== wide) canvas.width = wide;
  if (canvas.height !== high) canvas.height = high;
}

/** The margin drawn beyond each edge of the screen, as a share of the screen, and the part of it after which it is renewed. */
const MARGIN = 0.25;
const RENEW = 0.6;
/** Time between frames, in ms, with which drawing all points of a moving map is fast enough; after `TRIES` others it is not. */
const FAST = 25;
const TRIES = 3;
/** The share of a portion that is drawn by code that the browser may not have compiled yet. */
const FIRST = 1 / 8;
/** All points are tried while moving where there are at most this many times as many as in a sample. */
const MOST_SAMPLES = 10;

/** Points of an order: the first, and the one after the last. */
export type Range = readonly [from: number, to: number];

/** Draws points for a `PointLayer`, on the screen or on hidden surfaces of its own. */
export interface PointTarget<Surface> {
  /** An empty surface of a size in device pixels; `old` may be used again. */
  clear(old: Surface | null, width: number, height: number): Surface;
  /** Draws points `from` to `to` of the layer's order, `growth` times as wide, onto a surface; null for the screen. */
  points(surface: Surface | null, range: Range, growth: number, frame: Frame, view: View, size: Size): void;
  /** Copies a surface to the screen, whose left upper corner is at x and y of the surface, in device pixels. */
  copy(surface: Surface, x: number, y: number): void;
}

/** A surface with points, and the look and the view that they were drawn in. */
interface Drawn<Surface> {
  readonly surface: Surface;
  readonly look: string;
  readonly view: View;
  /** How many points of the order are on it. */
  points: number;
}

/**
 * The points of a view and its surroundings on a surface, which the frames of a pan are taken from, so that panning costs the
 * same for any number of points. A surface is drawn in portions, over several frames; meanwhile, and while zooming, a sample of
 * the points stands for all where the machine cannot draw all in time.
 */
export class PointLayer<Surface> {
  readonly #target: PointTarget<Surface>;
  readonly #portion: number;
  /** How many points there are, and the sample that follows them in the order. */
  #count = 0;
  #sample: { readonly range: Range; readonly growth: number } = { range: [0, 0], growth: 1 };
  /** Look of the last frame, and its time. */
  #last = '';
  #time = 0;
  #front: Drawn<Surface> | null = null;
  #back: Drawn<Surface> | null = null;
  /** A surface to use again. */
  #spare: Surface | null = null;
  /** Whether the last frame drew all points of a moving map, and how many such frames took too long. */
  #wasWhole = false;
  #slow = 0;

  /** @param portion points that can be drawn in a frame without a GPU; fewer are always drawn whole */
  constructor(target: PointTarget<Surface>, portion = 12_000) {
    this.#target = target;
    this.#portion = portion;
  }

  /**
   * Sets the rows to draw, from the lowest to the topmost, and forgets what is drawn.
   * @returns the order whose ranges are drawn: the rows, and a sample of them
   */
  setOrder(order: Uint32Array): Uint32Array {
    const { rows, growth } = sampleOf(order, this.#portion);
    this.#count = order.length;
    this.#sample = { range: [order.length, order.length + rows.length], growth };
    this.#spare = this.#front?.surface ?? this.#spare;
    this.#front = null;
    this.#back = null;
    this.#last = '';
    const all = new Uint32Array(order.length + rows.length);
    all.set(order);
    all.set(rows, order.length);
    return all;
  }

  /** Draws the points of a frame. @returns whether the next frame can show more of them */
  draw(frame: Frame, now: number): boolean {
    const { view, size, ratio, diameter, alpha } = frame;
    const [target, count] = [this.#target, this.#count];
    if (count <= this.#portion) return this.#drawFew(frame);
    const look = [view.scale, size.width, size.height, ratio, diameter, alpha].join();
    const moving = look !== this.#last;
    if (this.#wasWhole && now - this.#time > FAST) this.#slow++;
    this.#last = look;
    this.#time = now;
    this.#wasWhole = false;
    const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    const [wide, high] = [Math.ceil(width * MARGIN), Math.ceil(height * MARGIN)];
    const reaches = (drawn: Drawn<Surface> | null, share: number): boolean => {
      if (drawn?.look !== look) return false;
      const [x, y] = shiftOf(drawn.view, frame);
      return Math.abs(x) <= share * wide && Math.abs(y) <= share * high;
    };
    if (!moving && !reaches(this.#front, RENEW)) {
      const margins = { width: width + 2 * wide, height: height + 2 * high };
      if (!reaches(this.#back, RENEW)) {
        const surface = target.clear(this.#back?.surface ?? this.#spare, margins.width, margins.height);
        this.#spare = null;
        this.#back = { surface, look, view, points: 0 };
      }
      this.#continue(frame, { width: margins.width / ratio, height: margins.height / ratio }, this.#portion);
    }
    const front = this.#front;
    if (front && reaches(front, 1)) {
      const [x, y] = shiftOf(front.view, frame);
      target.copy(front.surface, wide + x, high + y);
    } else if (moving && this.#slow < TRIES && count <= MOST_SAMPLES * this.#portion) {
      this.#wasWhole = true;
      target.points(null, [0, count], 1, frame, view, size);
    } else target.points(null, this.#sample.range, this.#sample.growth, frame, view, size);
    return this.#back !== null || !reaches(this.#front, RENEW);
  }

  /**
   * Draws all points of a small map at once. New ones are drawn in several frames, and shown when all are there: code that the
   * browser has not compiled yet takes many times as long.
   * @returns as `draw`
   */
  #drawFew(frame: Frame): boolean {
    const { view, size, ratio } = frame;
    const [look, first] = [JSON.stringify(frame), FIRST * this.#portion];
    if (this.#last === '' && this.#count > first) {
      const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
      this.#back = { surface: this.#target.clear(this.#spare, width, height), look, view, points: 0 };
    }
    this.#last = look;
    if (this.#back?.look === look) {
      const whole = this.#continue(frame, size, Math.max(first, this.#back.points));
      if (whole !== null) this.#target.copy(whole, 0, 0);
      return whole === null;
    }
    this.#back = null;
    this.#target.points(null, [0, this.#count], 1, frame, view, size);
    return false;
  }

  /** Draws another portion of the points on the hidden surface, and takes it into use when it has all. @returns it then */
  #continue(frame: Frame, size: Size, portion: number): Surface | null {
    const back = this.#back;
    if (!back) return null;
    const to = Math.min(this.#count, back.points + portion);
    this.#target.points(back.surface, [back.points, to], 1, frame, back.view, size);
    back.points = to;
    if (to < this.#count) return null;
    this.#spare = this.#front?.surface ?? this.#spare;
    [this.#front, this.#back] = [back, null];
    return back.surface;
  }
}

/** How far a frame's view is right of and below another, in device pixels. */
const shiftOf = (from: View, { view, ratio }: Frame): readonly [number, number] => [
  Math.round((view.x - from.x) * view.scale * ratio),
  Math.round((from.y - view.y) * view.scale * ratio),
];

/** Every so many-th row of an order, at most `most` of them, and by how much larger their points cover as much. */
export function sampleOf(order: Uint32Array, most: number): { readonly rows: Uint32Array; readonly growth: number } {
  if (order.length <= most) return { rows: order, growth: 1 };
  const step = order.length / most;
  const rows = Uint32Array.from(
    { length: Math.floor(order.length / step) },
    (_, i) => order[Math.floor(i * step)] as number,
  );
  return { rows, growth: Math.min(2, Math.sqrt(step)) };
}
