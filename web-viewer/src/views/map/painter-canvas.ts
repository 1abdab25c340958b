import { type Shape, toImageData } from '../../ui/pixels.ts';
import type { Rgb } from './colours.ts';
import {
  atlasFor,
  DIM,
  FRAME,
  type Frame,
  type Painter,
  type Picture,
  type PictureLayer,
  type PictureSource,
  Slots,
  UPLOADS,
} from './painter.ts';
import { PointLayer, type PointTarget, sampleOf } from './point-layer.ts';
import type { Size, View } from './transform.ts';

/** Points that are drawn in a frame. */
const PORTION = 3000;
const WANTED = 1600;
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
  #sample = sampleOf(this.#order, PORTION);
  readonly #layer = new PointLayer<OffscreenCanvas>(this, PORTION);
  readonly #atlases = new Map<PictureLayer, Atlas>();
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
    this.#order = order as Uint32Array<ArrayBuffer>;
    this.#sample = sampleOf(order, PORTION);
    this.#dots.clear();
    this.#layer.invalidate();
  }

  setSource(name: PictureLayer, source: PictureSource | null): void {
    if (source) this.#atlases.set(name, new Atlas(source, name === 'plane'));
    else this.#atlases.delete(name);
  }

  draw(frame: Frame): boolean {
    const context = this.#context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = css(frame.ground);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    const waiting = this.#drawPictures('plane', frame.plane, frame);
    const more = this.#layer.draw(frame, this.#order.length, performance.now());
    return this.#drawPictures('thumbnails', frame.thumbnails, frame) || waiting || more;
  }

  clear(old: OffscreenCanvas | null, width: number, height: number): OffscreenCanvas {
    const canvas = old ?? new OffscreenCanvas(width, height);
    Object.assign(canvas, { width, height }); // also empties it
    return canvas;
  }

  points(
    canvas: OffscreenCanvas | null,
    range: readonly [number, number] | 'sample',
    { ratio, diameter, alpha }: Frame,
    view: View,
    size: Size,
  ): void {
    const context = canvas?.getContext('2d') ?? this.#context;
    const sample = range === 'sample';
    const order = sample ? this.#sample.rows : this.#order.subarray(...range);
    const across = diameter * ratio * (sample ? this.#sample.growth : 1);
    if (across !== this.#dotSize) this.#dots.clear();
    this.#dotSize = across;
    const [width, height] = [size.width * ratio, size.height * ratio];
    const [map, scale, half] = [this.#map, view.scale * ratio, across / 2 + 1];
    const [left, top] = [width / 2 - view.x * scale, height / 2 + view.y * scale];
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.globalAlpha = alpha;
    for (const row of order) {
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
    const atlas = this.#atlases.get(name);
    if (!atlas) return false;
    const context = this.#context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    atlas.ground(ground, ink);
    let [uploads, waiting] = [0, false];
    for (const picture of list.slice(0, atlas.slots.count)) {
      if (atlas.slots.find(picture.key) === undefined && uploads++ >= UPLOADS) {
        waiting = true;
        continue;
      }
      const { left, top, width, height, alpha, frame } = picture;
      context.globalAlpha = alpha;
      if (name === 'thumbnails') {
        context.fillStyle = css(frame);
        context.beginPath();
        context.roundRect(left, top, width, height, FRAME.radius);
        context.fill();
        const edge = FRAME.width;
        atlas.draw(context, picture.key, left + edge, top + edge, width - 2 * edge, height - 2 * edge);
      } else atlas.draw(context, picture.key, left, top, width, height);
    }
    context.globalAlpha = 1;
    return waiting;
  }
}

/** The pictures currently needed, on one canvas. */
class Atlas {
  readonly slots: Slots;
  readonly #source: PictureSource;
  readonly #dim: boolean;
  readonly #canvas: OffscreenCanvas;
  readonly #columns: number;
  #mixed = '';
  #mix: (image: ImageData) => void = () => undefined;

  constructor(source: PictureSource, dim: boolean) {
    const { columns, count, width, height } = atlasFor(source.shape, WANTED);
    this.slots = new Slots(count);
    this.#source = source;
    this.#dim = dim;
    this.#columns = columns;
    this.#canvas = new OffscreenCanvas(width, height);
  }

  /** Sets the colour that the dimmed pictures are blended with. */
  ground(ground: Rgb, ink: Rgb): void {
    if (!this.#dim || this.#mixed === `${ground} ${ink}`) return;
    this.#mixed = `${ground} ${ink}`;
    this.slots.clear();
    this.#mix = (image) => dimmed(image, this.#source.shape, ground, ink);
  }

  draw(context: CanvasRenderingContext2D, key: number, x: number, y: number, across: number, down: number): void {
    const { width, height } = this.#source.shape;
    let slot = this.slots.find(key);
    const fresh = slot === undefined ? this.#source.pixels(key) : null;
    if (slot === undefined && !fresh) return;
    slot ??= this.slots.take(key);
    const [left, top] = [(slot % this.#columns) * width, Math.floor(slot / this.#columns) * height];
    if (fresh) {
      const image = toImageData(fresh, this.#source.shape);
      this.#mix(image);
      this.#canvas.getContext('2d')?.putImageData(image, left, top);
    }
    context.drawImage(this.#canvas, left, top, width, height, x, y, across, down);
  }
}

/** Blends an image with the background: a gray one as ink. */
function dimmed({ data }: ImageData, { channels }: Shape, ground: Rgb, ink: Rgb): void {
  for (let i = 0; i < data.length; i++) {
    const c = i % 4;
    if (c === 3) continue;
    const [value, base] = [data[i] as number, ground[c] as number];
    const towards = channels === 1 ? (value / 255) * ((ink[c] as number) - base) : value - base;
    data[i] = base + DIM * towards;
  }
}
