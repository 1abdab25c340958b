import type { Shape } from '../../ui/pixels.ts';
import type { Rgb } from './colours.ts';
import type { Size, View } from './transform.ts';

/** A picture on the map, in CSS pixels. */
export interface Picture {
  /** Its index in its store. */
  readonly key: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly alpha: number;
  /** Colour of its frame. */
  readonly frame: Rgb;
}

/** The source of pictures' pixels, bytes `[H, W, C]`, all of one shape. */
export interface PictureSource {
  readonly shape: Shape;
  /** Null until they are there. */
  pixels(key: number): Uint8Array | null;
}

/** Stores that a painter draws from: images of the set in frames, and the decoded plane, dimmed, as ink on the background. */
export type PictureLayer = 'thumbnails' | 'plane';

/** What is drawn. */
export interface Frame {
  readonly size: Size;
  /** Device pixels per CSS pixel. */
  readonly ratio: number;
  readonly view: View;
  /** Diameter of a point, in CSS pixels. */
  readonly diameter: number;
  readonly alpha: number;
  readonly ground: Rgb;
  readonly ink: Rgb;
  readonly plane: readonly Picture[];
  readonly thumbnails: readonly Picture[];
}

/** Draws the map: the decoded plane, the points, and thumbnails of some of them. */
export interface Painter {
  readonly kind: 'webgl2' | 'canvas';
  readonly canvas: HTMLCanvasElement;
  /** Sets map positions `[N, 2]`. */
  setPositions(map: Float32Array): void;
  /** Sets colours `[N, 4]`, and the rows to draw, from the lowest to the topmost. */
  setStyle(colours: Uint8Array, order: Uint32Array): void;
  setSource(name: PictureLayer, store: PictureSource | null): void;
  /** @returns whether pictures are left for the next frame */
  draw(frame: Frame): boolean;
}

/** A store with pictures no larger than `most` pixels: larger ones are averaged over squares. */
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

/** Opacity of the decoded plane. */
export const DIM = 0.34;
/** Width of a picture's frame and radius of its corners, in CSS pixels. */
export const FRAME = { width: 2, radius: 4 } as const;

/** Slots for pictures in one large texture, with least-recently-used eviction. */
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

  clear(): void {
    this.#slots.clear();
  }
}

/** Pictures that an atlas may hold, and those that are written to it per frame, so that no frame takes long. */
const [WANTED, UPLOADS] = [1600, 128];

/** The pictures currently needed, side by side on one canvas or texture. */
export class Atlas {
  readonly source: PictureSource;
  readonly width: number;
  readonly height: number;
  readonly #columns: number;
  readonly #slots: Slots;

  /** @param most its largest width and height, in pixels */
  constructor(source: PictureSource, most: number) {
    const { width, height } = source.shape;
    const columns = Math.max(1, Math.min(Math.ceil(Math.sqrt(WANTED)), Math.floor(most / width)));
    const rows = Math.max(1, Math.min(Math.ceil(WANTED / columns), Math.floor(most / height)));
    this.source = source;
    this.width = columns * width;
    this.height = rows * height;
    this.#columns = columns;
    this.#slots = new Slots(columns * rows);
  }

  /** Forgets all pictures. */
  clear(): void {
    this.#slots.clear();
  }

  /**
   * Calls `draw` with each picture and its position in the atlas, after `write` with the pixels of new ones.
   * @returns whether some are left for the next frame
   */
  place(
    pictures: readonly Picture[],
    write: (pixels: Uint8Array, x: number, y: number) => void,
    draw: (picture: Picture, x: number, y: number) => void,
  ): boolean {
    const { width, height } = this.source.shape;
    let [writes, waiting] = [0, false];
    for (const picture of pictures.slice(0, this.#slots.count)) {
      let slot = this.#slots.find(picture.key);
      let pixels: Uint8Array | null = null;
      if (slot === undefined) {
        if (writes++ >= UPLOADS) {
          waiting = true;
          continue;
        }
        pixels = this.source.pixels(picture.key);
        if (!pixels) continue;
        slot = this.#slots.take(picture.key);
      }
      const [x, y] = [(slot % this.#columns) * width, Math.floor(slot / this.#columns) * height];
      if (pixels) write(pixels, x, y);
      draw(picture, x, y);
    }
    return waiting;
  }
}
