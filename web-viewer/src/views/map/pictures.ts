import { type Shape, toImageData } from '../../ui/pixels.ts';
import { cssOf, type Rgb } from '../../ui/rgb.ts';
import { fitCanvas } from './point-layer.ts';
import type { Size } from './transform.ts';

/** A picture on the map, in CSS pixels. */
export interface Picture<Key = number> {
  /** What its source knows it by. */
  readonly key: Key;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly alpha: number;
  /** Colour of its frame; null for none. */
  readonly frame: Rgb | null;
}

/** The source of pictures' pixels, bytes `[H, W, C]`, all of one shape. */
export interface PictureSource<Key = number> {
  readonly shape: Shape;
  /** Null until they are there. */
  pixels(key: Key): Uint8Array | null;
}

/** Opacity of dimmed pictures. */
const DIM = 0.34;

/**
 * A source of dimmed pictures, mixed with the background: gray ones as ink on it.
 * @param colours of the background and of ink
 */
export function dimmedSource<Key>(
  { shape, pixels }: PictureSource<Key>,
  colours: () => readonly [Rgb, Rgb],
): PictureSource<Key> {
  const { channels } = shape;
  const dimmed = (key: Key) => {
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

/** Pictures that are kept, and those that are made per frame, so that no frame takes long. */
const [KEPT, MADE] = [1600, 128];
/** Larger pictures are scaled down to this, in pixels. */
const MAX_SIDE = 64;
/** Width of a picture's frame and radius of its corners, in CSS pixels. */
const FRAME = { width: 2, radius: 4 } as const;

function bitmapOf(pixels: Uint8Array, shape: Shape): ImageBitmap | null {
  const whole = new OffscreenCanvas(shape.width, shape.height);
  whole.getContext('2d')?.putImageData(toImageData(pixels, shape), 0, 0);
  const scale = MAX_SIDE / Math.max(shape.width, shape.height);
  if (scale >= 1) return whole.transferToImageBitmap();
  const side = (length: number) => Math.max(1, Math.round(scale * length));
  const small = new OffscreenCanvas(side(shape.width), side(shape.height));
  const context = small.getContext('2d');
  if (!context) return null;
  context.imageSmoothingQuality = 'high';
  context.drawImage(whole, 0, 0, small.width, small.height);
  return small.transferToImageBitmap();
}

/** A canvas with pictures above or below the points. */
export class PictureLayer<Key = number> {
  readonly canvas = document.createElement('canvas');
  #source: PictureSource<Key> | null = null;
  /** By key, the least recently drawn first. */
  readonly #bitmaps = new Map<Key, ImageBitmap>();

  constructor() {
    this.canvas.setAttribute('aria-hidden', 'true');
  }

  /** Sets what the pictures are made from, and forgets those that are made. */
  setSource(source: PictureSource<Key> | null): void {
    this.#source = source;
    this.#bitmaps.clear();
  }

  /** @returns whether pictures are left for the next frame */
  draw(pictures: readonly Picture<Key>[], size: Size, ratio: number): boolean {
    this.canvas.hidden = pictures.length === 0;
    const [source, bitmaps, context] = [this.#source, this.#bitmaps, this.canvas.getContext('2d')];
    if (this.canvas.hidden || !source || !context) return false;
    fitCanvas(this.canvas, size, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, size.width, size.height);
    let [made, waiting] = [0, false];
    for (const { key, left, top, width, height, alpha, frame } of pictures.slice(0, KEPT)) {
      const known = bitmaps.get(key);
      if (!known && made >= MADE) {
        waiting = true;
        continue;
      }
      const pixels = known ? null : source.pixels(key);
      const bitmap = known ?? (pixels && bitmapOf(pixels, source.shape));
      // Those that are not there yet are not waited for: another frame would ask for them again.
      if (!bitmap) continue;
      if (!known) made++;
      bitmaps.delete(key);
      bitmaps.set(key, bitmap);
      context.globalAlpha = alpha;
      if (frame) {
        context.fillStyle = cssOf(frame);
        context.beginPath();
        context.roundRect(left, top, width, height, FRAME.radius);
        context.fill();
      }
      const edge = frame ? FRAME.width : 0;
      context.drawImage(bitmap, left + edge, top + edge, width - 2 * edge, height - 2 * edge);
    }
    for (const key of bitmaps.keys()) if (bitmaps.size > KEPT) bitmaps.delete(key);
    return waiting;
  }
}
