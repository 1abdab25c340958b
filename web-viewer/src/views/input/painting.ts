import { type Shape, toImageData } from '../../ui/pixels.ts';
import { cssOf } from '../../ui/rgb.ts';
import type { Placement, Raster } from './raster.ts';

/** A stroke: points `x, y, x, y, …`, the brush's radius, and its colour `[C]`. */
export interface Stroke {
  readonly points: readonly number[];
  readonly radius: number;
  readonly colour: readonly number[];
}

/** A base picture of the painting's size, null for the plain background, and the strokes on it in drawing order. */
export interface Sketch {
  readonly base: Raster | null;
  readonly strokes: readonly Stroke[];
}

export const EMPTY: Sketch = { base: null, strokes: [] };

/** The share of a brush's radius that is its soft edge, and the lines that it is made of. */
const SOFT_EDGE = 0.75;
const LINES = 6;

type Context = OffscreenCanvasRenderingContext2D;

/** A rendered sketch whose last stroke may be unfinished. */
export class Painting {
  readonly #shape: Shape;
  readonly #placement: Placement;
  readonly #shown: Context;
  /** The picture below the unfinished stroke, and the stroke alone. */
  readonly #below: Context;
  readonly #stroke: Context;

  /**
   * @param shape of the painting
   * @param placement of the sketch in it
   * @param background colour `[C]`
   * @throws Error where the browser has no canvas
   */
  constructor(shape: Shape, { base, strokes }: Sketch, placement: Placement, background: readonly number[]) {
    this.#shape = shape;
    this.#placement = placement;
    this.#shown = contextOf(shape);
    this.#below = contextOf(shape);
    this.#stroke = contextOf(shape);
    const { height, width } = shape;
    this.#shown.fillStyle = cssOf(background);
    this.#shown.fillRect(0, 0, width, height);
    if (base) {
      const { scale, x, y } = placement;
      this.#shown.drawImage(bitmapOf(base), x, y, scale * width, scale * height);
    }
    this.finish();
    for (const stroke of strokes) {
      this.draw(stroke);
      this.finish();
    }
  }

  get canvas(): OffscreenCanvas {
    return this.#shown.canvas;
  }

  /** The picture, `[H, W, C]`. */
  get raster(): Raster {
    const { height, width, channels } = this.#shape;
    const { data: rgba } = this.#shown.getImageData(0, 0, width, height);
    const data = new Uint8Array(height * width * channels);
    for (let i = 0; i < data.length; i++) data[i] = rgba[4 * Math.floor(i / channels) + (i % channels)] as number;
    return { height, width, channels, data };
  }

  /** Draws a stroke, which may be longer than when it was drawn last, over the finished ones. */
  draw({ points, radius, colour }: Stroke): void {
    const { height, width } = this.#shape;
    const { scale, x, y } = this.#placement;
    const brush = this.#stroke;
    brush.resetTransform();
    brush.clearRect(0, 0, width, height);
    brush.setTransform(scale, 0, 0, scale, x, y);
    brush.strokeStyle = cssOf(colour);
    brush.lineCap = 'round';
    brush.lineJoin = 'round';
    brush.beginPath();
    // A line of no length is not drawn everywhere.
    brush.moveTo((points[0] ?? 0) - 0.01, points[1] ?? 0);
    for (let i = 0; i < points.length; i += 2) brush.lineTo(points[i] as number, points[i + 1] as number);
    // From wide and faint to narrow and opaque: the line adds up to coverage that falls evenly across the edge.
    const soft = Math.max(1 / scale, SOFT_EDGE * radius);
    for (let i = 0; i < LINES; i++) {
      brush.globalAlpha = 1 / (LINES - i);
      brush.lineWidth = Math.max(0.1, 2 * (radius + soft * (0.5 - (i + 0.5) / LINES)));
      brush.stroke();
    }
    this.#shown.drawImage(this.#below.canvas, 0, 0);
    this.#shown.drawImage(brush.canvas, 0, 0);
  }

  /** Ends the stroke; the next one is drawn over it. */
  finish(): void {
    this.#below.drawImage(this.#shown.canvas, 0, 0);
  }
}

function contextOf({ height, width }: Shape): Context {
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('this browser cannot draw');
  return context;
}

function bitmapOf(picture: Raster): OffscreenCanvas {
  const context = contextOf(picture);
  context.putImageData(toImageData(picture.data, picture), 0, 0);
  return context.canvas;
}
