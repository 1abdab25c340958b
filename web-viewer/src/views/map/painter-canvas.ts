import { type Shape, toImageData } from '../../ui/pixels.ts';
import type { Rgb } from './colours.ts';
import {
  Atlas,
  DIM,
  FRAME,
  type Frame,
  type Painter,
  type Picture,
  type PictureLayer,
  type PictureSource,
} from './painter.ts';
import { PointLayer, type PointTarget, type Range } from './point-layer.ts';
import type { Size, View } from './transform.ts';

/** Points that are drawn in a frame. */
const PORTION = 3000;
/** The largest side of a canvas with pictures, in pixels. */
const MOST = 2048;
const css = ([r, g, b]: Rgb, alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`;

/** @returns a painter that needs no WebGL; null where the canvas already has another context */
export function canvasPainter(canvas: HTMLCanvasElement): Painter | null {
  const context = canvas.getContext('2d', { alpha: false });
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
  readonly #atlases = new Map<PictureLayer, { readonly atlas: Atlas; readonly canvas: OffscreenCanvas }>();
  /** The colours that the pictures of the plane are mixed with. */
  #mixed = '';
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

  setSource(name: PictureLayer, source: PictureSource | null): void {
    this.#atlases.delete(name);
    if (!source) return;
    const atlas = new Atlas(source, MOST);
    this.#atlases.set(name, { atlas, canvas: new OffscreenCanvas(atlas.width, atlas.height) });
  }

  draw(frame: Frame): boolean {
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(frame.ground);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const waiting = this.#drawPictures('plane', frame.plane, frame);
    const more = this.#layer.draw(frame, performance.now());
    return this.#drawPictures('thumbnails', frame.thumbnails, frame) || waiting || more;
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
      context.fillStyle = css([colour & 255, (colour >> 8) & 255, (colour >> 16) & 255]);
      context.arc(this.#dotSize / 2 + 1, this.#dotSize / 2 + 1, this.#dotSize / 2, 0, 2 * Math.PI);
      context.fill();
    }
    this.#dots.set(colour, dot);
    return dot;
  }

  #drawPictures(name: PictureLayer, list: readonly Picture[], { ratio, ground, ink }: Frame): boolean {
    const { atlas, canvas } = this.#atlases.get(name) ?? {};
    if (!atlas || !canvas) return false;
    const { shape } = atlas.source;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (name === 'plane' && this.#mixed !== `${ground} ${ink}`) {
      this.#mixed = `${ground} ${ink}`;
      atlas.clear();
    }
    const waiting = atlas.place(
      list,
      (pixels, x, y) => {
        const image = toImageData(pixels, shape);
        if (name === 'plane') dim(image, shape, ground, ink);
        canvas.getContext('2d')?.putImageData(image, x, y);
      },
      ({ left, top, width, height, alpha, frame }, x, y) => {
        const edge = name === 'plane' ? 0 : FRAME.width;
        context.globalAlpha = alpha;
        if (edge > 0) {
          context.fillStyle = css(frame);
          context.beginPath();
          context.roundRect(left, top, width, height, FRAME.radius);
          context.fill();
        }
        const [across, down] = [width - 2 * edge, height - 2 * edge];
        context.drawImage(canvas, x, y, shape.width, shape.height, left + edge, top + edge, across, down);
      },
    );
    context.globalAlpha = 1;
    return waiting;
  }
}

/** Blends an image with the background: a gray one as ink. */
function dim({ data }: ImageData, { channels }: Shape, ground: Rgb, ink: Rgb): void {
  for (let i = 0; i < data.length; i++) {
    const c = i % 4;
    if (c === 3) continue;
    const [value, base] = [data[i] as number, ground[c] as number];
    const towards = channels === 1 ? (value / 255) * ((ink[c] as number) - base) : value - base;
    data[i] = base + DIM * towards;
  }
}
