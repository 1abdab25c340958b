import { bytesPerImage, type ImageShape } from '../data/dataset.ts';
import type { Pause } from '../io/stages.ts';

/** Longest side of the images that are compared. */
const SIDE = 32;
/** Pixels of such an image by which a copy may be shifted: at most an eighth of a side. */
const shiftOf = (side: number): number => Math.min(2, Math.floor(side / 8));

/** Images of at most `SIDE` pixels a side. */
export interface Thumbnails {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** `[n, height, width, channels]` */
  readonly pixels: Float32Array;
  /** Whether the image had no contrast, not even in details that are lost here, `[n]`. */
  readonly plain: readonly boolean[];
}

/** Averages pixels of images. @param images `[n, H, W, C]` */
export function thumbnailsOf(images: Uint8Array, shape: ImageShape): Thumbnails {
  const { channels } = shape;
  const step = Math.ceil(Math.max(shape.height, shape.width) / SIDE);
  const [height, width] = [Math.floor(shape.height / step), Math.floor(shape.width / step)].map((side) =>
    Math.max(1, side),
  ) as [number, number];
  const [high, wide] = [Math.min(step, shape.height), Math.min(step, shape.width)];
  const n = images.length / bytesPerImage(shape);
  const pixels = new Float32Array(n * height * width * channels);
  const line = shape.width * channels;
  for (let at = 0; at < pixels.length; at++) {
    const place = Math.floor(at / channels);
    const [image, y, x] = [Math.floor(place / (height * width)), Math.floor(place / width) % height, place % width];
    let sum = 0;
    for (let row = 0; row < high; row++) {
      const from = (image * shape.height + y * step + row) * line + x * step * channels + (at % channels);
      for (let i = from; i < from + wide * channels; i += channels) sum += images[i] as number;
    }
    pixels[at] = sum / (high * wide);
  }
  const plain = Array.from({ length: n }, (_, i) => {
    const own = images.subarray(i * bytesPerImage(shape), (i + 1) * bytesPerImage(shape));
    let [sum, squares] = [0, 0];
    for (const value of own) {
      sum += value;
      squares += value * value;
    }
    return squares - (sum * sum) / own.length < own.length; // less than one gray level
  });
  return { height, width, channels, pixels, plain };
}

/** The images of all parts, which must be of one size. */
export function joinThumbnails(parts: readonly Thumbnails[]): Thumbnails {
  const { height, width, channels } = parts[0] as Thumbnails;
  const pixels = new Float32Array(parts.reduce((sum, part) => sum + part.pixels.length, 0));
  let at = 0;
  for (const part of parts) {
    pixels.set(part.pixels, at);
    at += part.pixels.length;
  }
  return { height, width, channels, pixels, plain: parts.flatMap(({ plain }) => plain) };
}

/**
 * The highest correlation of two images, over shifts of one by a few pixels, of all channels together: 1 for equal images and for
 * those that differ in brightness and contrast alone. Images without contrast are similar to those of equal brightness; a shift
 * that leaves nothing else of two images does not count. Images whose contrast is all in details too fine to be compared are not
 * similar to any.
 */
export function similarity({ height, width, channels, pixels, plain }: Thumbnails, a: number, b: number): number {
  let best = -1;
  for (let dy = -shiftOf(height); dy <= shiftOf(height); dy++) {
    for (let dx = -shiftOf(width); dx <= shiftOf(width); dx++) {
      let [n, sumA, sumB, aa, bb, ab] = [0, 0, 0, 0, 0, 0];
      for (let y = Math.max(0, dy); y < Math.min(height, height + dy); y++) {
        const [from, to] = [Math.max(0, dx) * channels, Math.min(width, width + dx) * channels];
        const [rowA, rowB] = [(a * height + y) * width, (b * height + y - dy) * width - dx];
        for (let i = from; i < to; i++, n++) {
          const p = pixels[rowA * channels + i] as number;
          const q = pixels[rowB * channels + i] as number;
          sumA += p;
          sumB += q;
          aa += p * p;
          bb += q * q;
          ab += p * q;
        }
      }
      const [ofA, ofB] = [aa - (sumA * sumA) / n, bb - (sumB * sumB) / n];
      const flat = ofA < n && ofB < n; // less than one gray level
      if (flat && (dy !== 0 || dx !== 0)) continue;
      const equal = plain[a] && plain[b] && Math.abs(sumA - sumB) < n ? 1 : 0;
      best = Math.max(best, flat ? equal : (ab - (sumA * sumB) / n) / Math.sqrt(Math.max(ofA, 1) * Math.max(ofB, 1)));
    }
  }
  return best;
}

/** Pixels by which an image is compared with itself, at most. */
const LAG = 4;
/** Numbers of `autocorrelations` for each image. */
export const LAGS = (LAG + 1) * (2 * LAG + 1);

/**
 * Correlations of images in gray with themselves, shifted, `[n, LAGS]`: nearly the same for an image and a shifted copy. Yields to
 * the event loop.
 */
export async function autocorrelations(
  { height, width, channels, pixels }: Thumbnails,
  pause: Pause,
): Promise<Float32Array> {
  const size = height * width;
  const n = pixels.length / channels / size;
  const results = new Float32Array(n * LAGS);
  for (let image = 0, at = 0; image < n; image++) {
    const own = new Float32Array(size);
    for (let i = 0, from = image * size * channels; i < size * channels; i++) {
      const place = Math.floor(i / channels);
      own[place] = (own[place] as number) + (pixels[from + i] as number) / channels;
    }
    const mean = own.reduce((sum, value) => sum + value, 0) / size;
    const centred = own.map((value) => value - mean);
    const squares = Math.max(
      1,
      centred.reduce((sum, value) => sum + value * value, 0),
    );
    for (let dy = 0; dy <= LAG; dy++) {
      for (let dx = -LAG; dx <= LAG; dx++, at++) {
        let sum = 0;
        for (let y = dy; y < height; y++)
          for (let x = Math.max(0, dx); x < Math.min(width, width + dx); x++)
            sum += (centred[y * width + x] as number) * (centred[(y - dy) * width + x - dx] as number);
        results[at] = sum / squares;
      }
    }
    await pause((image + 1) / n);
  }
  return results;
}
