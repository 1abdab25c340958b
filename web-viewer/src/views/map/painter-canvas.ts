import { type Frame, type Painter, PointLayer, type PointTarget, type Range } from './point-layer.ts';
import type { Size, View } from './transform.ts';

/** @returns a painter that needs no GPU; null where the canvas already has another context */
export function canvasPainter(canvas: HTMLCanvasElement): Painter | null {
  const context = canvas.getContext('2d');
  return context && new CanvasPainter(canvas, context);
}

class CanvasPainter implements Painter, PointTarget<ImageData> {
  readonly kind = 'canvas';
  readonly canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  #map = new Float32Array();
  #colours = new Uint8Array();
  #order = new Uint32Array();
  readonly #layer = new PointLayer<ImageData>(this);
  /** What is on the screen where points are drawn on it directly. */
  #screen: ImageData | null = null;

  constructor(canvas: HTMLCanvasElement, context: CanvasRenderingContext2D) {
    this.canvas = canvas;
    this.#context = context;
  }

  setPositions(map: Float32Array): void {
    this.#map = map as Float32Array<ArrayBuffer>;
    this.setStyle(new Uint8Array(), new Uint32Array());
  }

  setStyle(colours: Uint8Array, order: Uint32Array): void {
    this.#colours = colours as Uint8Array<ArrayBuffer>;
    this.#order = this.#layer.setOrder(order) as Uint32Array<ArrayBuffer>;
  }

  draw(frame: Frame): boolean {
    return this.#layer.draw(frame, performance.now());
  }

  clear(old: ImageData | null, width: number, height: number): ImageData {
    if (old?.width !== width || old.height !== height) return new ImageData(width, height);
    old.data.fill(0);
    return old;
  }

  points(image: ImageData | null, range: Range, growth: number, frame: Frame, view: View, size: Size): void {
    const { ratio, diameter, alpha } = frame;
    const on = image ?? this.clear(this.#screen, this.canvas.width, this.canvas.height);
    const { width, height, data } = on;
    const pixels = new Uint32Array(data.buffer);
    const [map, colours, scale] = [this.#map, this.#colours, view.scale * ratio];
    const [left, top] = [(size.width * ratio) / 2 - view.x * scale, (size.height * ratio) / 2 + view.y * scale];
    // As far as a point has colour from its centre.
    const reach = (diameter * ratio * growth + 1) / 2;
    for (const row of this.#order.subarray(...range)) {
      const x = left + (map[2 * row] as number) * scale;
      const y = top - (map[2 * row + 1] as number) * scale;
      const red = colours[4 * row] as number;
      const green = colours[4 * row + 1] as number;
      const blue = colours[4 * row + 2] as number;
      const [first, last] = [Math.max(0, Math.round(x - reach)), Math.min(width, Math.round(x + reach))];
      const end = Math.min(height, Math.round(y + reach));
      for (let j = Math.max(0, Math.round(y - reach)); j < end; j++) {
        const down = j + 0.5 - y;
        for (let i = first; i < last; i++) {
          const across = i + 0.5 - x;
          const inside = reach - Math.sqrt(across * across + down * down);
          if (inside <= 0) continue;
          const cover = 255 * alpha * (inside < 1 ? inside : 1);
          const place = j * width + i;
          if (pixels[place] === 0) {
            // The low byte of each pixel is its red, wherever browsers run.
            pixels[place] = ((cover + 0.5) << 24) | (blue << 16) | (green << 8) | red;
            continue;
          }
          const at = 4 * place;
          const below = (1 - cover / 255) * (data[at + 3] as number);
          const share = below / (cover + below);
          data[at] = red + share * ((data[at] as number) - red);
          data[at + 1] = green + share * ((data[at + 1] as number) - green);
          data[at + 2] = blue + share * ((data[at + 2] as number) - blue);
          data[at + 3] = cover + below;
        }
      }
    }
    if (image) return;
    this.#screen = on;
    this.#context.putImageData(on, 0, 0);
  }

  copy(image: ImageData, x: number, y: number): void {
    this.#context.putImageData(image, -x, -y);
  }
}
