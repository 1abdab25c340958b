import { type Shape, toImageData } from '../../ui/pixels.ts';
import { cssOf, type Rgb } from '../../ui/rgb.ts';
import { fitCanvas } from './painter.ts';
import type { Size } from './transform.ts';

/** A picture on the map, in CSS pixels. */
export interface Picture {
  /** Its index in its source. */
  readonly key: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly alpha: number;
  /** Colour of its frame; null for none. */
  readonly frame: Rgb | null;
}

/** The source of pictures' pixels, bytes `[H, W, C]`, all of one shape. */
export interface PictureSource {
  readonly shape: Shape;
  /** Null until they are there. */
  pixels(key: number): Uint8Array | null;
}

/** A source with pictures no larger than `most` pixels: larger ones are averaged over squares. */
export function reducedSource({ shape, pixels }: PictureSource, most: number): PictureSource {
  const factor = Math.ceil(Math.max(shape.height, shape.width) / most);
  if (factor <= 1) return { shape, pixels };
  const small = {
    height: Math.max(1, Math.floor(shape.height / factor)),
    width: Math.max(1, Math.floor(shape.width / factor)),
    channels: shape.channels,
  };
  const reduced = (key: number) => {
    const found = pixels(key);
    return found && average(found, shape, small, factor);
  };
  return { shape: small, pixels: reduced };
}

function average(pixels: Uint8Array, from: Shape, to: Shape, factor: number): Uint8Array {
  const { channels } = from;
  const result = new Uint8Array(to.height * to.width * channels);
  for (let i = 0; i < result.length; i++) {
    const [c, x, y] = [i % channels, Math.floor(i / channels) % to.width, Math.floor(i / channels / to.width)];
    let [sum, count] = [0, 0];
    for (let v = y * factor; v < Math.min(from.height, (y + 1) * factor); v++) {
      for (let u = x * factor; u < Math.min(from.width, (x + 1) * factor); u++) {
        sum += pixels[(v * from.width + u) * channels + c] as number;
        count++;
      }
    }
    result[i] = Math.round(sum / count);
  }
  return result;
}

/** Opacity of dimmed pictures. */
const DIM = 0.34;

/**
 * A source of dimmed pictures, mixed with the background: gray ones as ink on it.
 * @param colours of the background and of ink
 */
export function dimmedSource({ shape, pixels }: PictureSource, colours: () => readonly [Rgb, Rgb]): PictureSource {
  const { channels } = shape;
  const dimmed = (key: number) => {
    const found = pixels(key);
    const [ground, ink] = colours();
    return (
      found &&
      Uint8Array.from({ length: (3 * found.length) / channels }, (_, i) => {
        const c = i % 3;
        const [value, base] = [found[Math.floor(i / 3) * channels + (c % channels)] as number, ground[c] as number];
        const towards = channels === 1 ? (value / 255) * ((ink[c] as number) - base) : value - base;
        return Math.round(base + DIM * towards);
      })
    );
  };
  return { shape: { ...shape, channels: 3 }, pixels: dimmed };
}

/** Slots for pictures on one large canvas, with least-recently-used eviction. */
export class Slots {
  readonly count: number;
  /** Slot of each key, the least recently used first. */
  readonly #slots = new Map<number, number>();

  constructor(count: number) {
    this.count = count;
  }

  /** The slot of a key, which becomes the most recently used; undefined where it has none. */
  find(key: number): number | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    return slot;
  }

  /** A slot for a key that has none: a free one, or that of the least recently used key. */
  take(key: number): number {
    let slot = this.#slots.size;
    if (slot >= this.count) {
      const [[oldest, its] = [0, 0]] = this.#slots;
      this.#slots.delete(oldest);
      slot = its;
    }
    this.#slots.set(key, slot);
    return slot;
  }
}

/** Pictures that are kept, and those that are made per frame, so that no frame takes long. */
const [KEPT, MADE] = [1600, 128];
/** The largest side of the canvas that they are kept on, in pixels. */
const MOST = 2048;
/** Width of a picture's frame and radius of its corners, in CSS pixels. */
const FRAME = { width: 2, radius: 4 } as const;

/** The pictures of a source side by side on a hidden canvas. */
interface Atlas {
  readonly source: PictureSource;
  readonly context: OffscreenCanvasRenderingContext2D | null;
  readonly columns: number;
  readonly slots: Slots;
}

function atlasOf(source: PictureSource): Atlas {
  const { width, height } = source.shape;
  const columns = Math.max(1, Math.min(Math.ceil(Math.sqrt(KEPT)), Math.floor(MOST / width)));
  const rows = Math.max(1, Math.min(Math.ceil(KEPT / columns), Math.floor(MOST / height)));
  const context = new OffscreenCanvas(columns * width, rows * height).getContext('2d');
  return { source, context, columns, slots: new Slots(columns * rows) };
}

/** A canvas with pictures above or below the points. */
export class PictureLayer {
  readonly canvas = document.createElement('canvas');
  #atlas: Atlas | null = null;

  constructor() {
    this.canvas.setAttribute('aria-hidden', 'true');
  }

  /** Sets what the pictures are made from, and forgets those that are made. */
  setSource(source: PictureSource | null): void {
    this.#atlas = source && atlasOf(source);
  }

  /** @returns whether pictures are left for the next frame */
  draw(pictures: readonly Picture[], size: Size, ratio: number): boolean {
    this.canvas.hidden = pictures.length === 0;
    const [atlas, context] = [this.#atlas, this.canvas.getContext('2d')];
    if (this.canvas.hidden || !atlas?.context || !context) return false;
    fitCanvas(this.canvas, size, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    const { source, columns, slots } = atlas;
    const { width: across, height: down } = source.shape;
    let [made, waiting] = [0, false];
    for (const { key, left, top, width, height, alpha, frame } of pictures.slice(0, slots.count)) {
      const known = slots.find(key);
      if (known === undefined && made >= MADE) {
        waiting = true;
        continue;
      }
      const pixels = known === undefined ? source.pixels(key) : null;
      // Those that are not there yet are not waited for: another frame would ask for them again.
      if (known === undefined && !pixels) continue;
      if (pixels) made++;
      const slot = known ?? slots.take(key);
      const [x, y] = [(slot % columns) * across, Math.floor(slot / columns) * down];
      if (pixels) atlas.context.putImageData(toImageData(pixels, source.shape), x, y);
      context.globalAlpha = alpha;
      if (frame) {
        context.fillStyle = cssOf(frame);
        context.beginPath();
        context.roundRect(left, top, width, height, FRAME.radius);
        context.fill();
      }
      const edge = frame ? FRAME.width : 0;
      const [wide, high] = [width - 2 * edge, height - 2 * edge];
      context.drawImage(atlas.context.canvas, x, y, across, down, left + edge, top + edge, wide, high);
    }
    return waiting;
  }
}
