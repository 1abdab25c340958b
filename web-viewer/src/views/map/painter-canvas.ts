import { cssOf } from '../../ui/rgb.ts';
import { type Frame, type Painter, PointLayer, type PointTarget, type Range } from './point-layer.ts';
import type { Size, View } from './transform.ts';

/** Points that are drawn in a frame. */
const PORTION = 3000;

/** @returns a painter that needs no WebGL; null where the canvas already has another context */
export function canvasPainter(canvas: HTMLCanvasElement): Painter | null {
  const context = canvas.getContext('2d');
  return context && new CanvasPainter(canvas, context);
}

class CanvasPainter implements Painter, PointTarget<OffscreenCanvas> {
  readonly kind = 'canvas';
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #map = new Float32Array();
  #colours = new Uint32Array();
  #order = new Uint32Array();
  readonly #layer = new PointLayer<OffscreenCanvas>(this, PORTION);
  /** A sprite of a point in each colour. */
  #dots = new Map<number, OffscreenCanvas>();
  #dotSize = 0;

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
    this.canvas = canvas;
    this.#context = context;
  }

  setPositions(map: Float32Array): void {
    this.#map = map as Float32Array<ArrayBuffer>;
    this.setStyle(new Uint8Array(), new Uint32Array());
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    this.#colours = new Uint32Array(colours.slice().buffer);
    this.#order = this.#layer.setOrder(order) as Uint32Array<ArrayBuffer>;
    this.#dots.clear();
  }

  draw(frame: Frame): boolean {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    return this.#layer.draw(frame, performance.now());
  }

  clear(old: OffscreenCanvas | null, width: number, height: number): OffscreenCanvas {
    const canvas = old ?? new OffscreenCanvas(width, height);
    Object.assign(canvas, { width, height }); // also empties it
    return canvas;
  }

  points(
    canvas: OffscreenCanvas | null,
    range: Range,
    growth: number,
    { ratio, diameter, alpha }: Frame,
    view: View,
    size: Size,
  ): void {
    const context = canvas?.getContext('2d') ?? this.#context;
    const across = diameter * ratio * growth;
    if (across !== this.#dotSize) this.#dots.clear();
    this.#dotSize = across;
    const [width, height] = [size.width * ratio, size.height * ratio];
    const [map, scale, half] = [this.#map, view.scale * ratio, across / 2 + 1];
    const [left, top] = [width / 2 - view.x * scale, height / 2 + view.y * scale];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = alpha;
    for (const row of this.#order.subarray(...range)) {
      const [x, y] = [left + (map[2 * row] as number) * scale, top - (map[2 * row + 1] as number) * scale];
      if (!(x > -half && y > -half && x < width + half && y < height + half)) continue;
      context.drawImage(this.#dot(this.#colours[row] as number), x - half, y - half);
    }
    context.globalAlpha = 1;
  }

  copy(canvas: OffscreenCanvas, x: number, y: number): void {
    this.#context.setTransform(1, 0, 0, 1, 0, 0);
    this.#context.drawImage(canvas, -x, -y);
  }

  #dot(colour: number): OffscreenCanvas {
    const made = this.#dots.get(colour);
    if (made) return made;
    const side = Math.ceil(this.#dotSize + 2);
    const dot = new OffscreenCanvas(side, side);
    const context = dot.getContext('2d');
    if (context) {
      context.fillStyle = cssOf([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]);
      context.arc(this.#dotSize / 2 + 1, this.#dotSize / 2 + 1, this.#dotSize / 2, 0, 2 * Math.PI);
      context.fill();
    }
    this.#dots.set(colour, dot);
    return dot;
  }
}
