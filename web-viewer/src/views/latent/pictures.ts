import type { Shape } from '../../ui/pixels.ts';
import type { Picture } from '../../ui/png.ts';

/** Enlargement of an image's pixels in files. */
export const ENLARGED = 8;

/** Images in [0, 1] or 0–255 in a row on white, each pixel enlarged `scale` times. @param gap in image pixels */
export function sideBySide(
  images: readonly (Float32Array | Uint8Array)[],
  { height, width, channels }: Shape,
  scale: number,
  gap: number,
): Picture {
  const wide = (images.length * (width + gap) - gap) * scale;
  const high = height * scale;
  const data = new Uint8ClampedArray(wide * high * 4).fill(255);
  images.forEach((image, i) => {
    const left = i * (width + gap) * scale;
    const range = image instanceof Float32Array ? 255 : 1;
    for (let y = 0; y < high; y++) {
      const row = Math.floor(y / scale) * width;
      for (let x = 0; x < width * scale; x++) {
        const from = (row + Math.floor(x / scale)) * channels;
        const to = 4 * (y * wide + left + x);
        // Rounds and clamps.
        for (let c = 0; c < 3; c++) data[to + c] = range * (image[from + Math.min(c, channels - 1)] as number);
      }
    }
  });
  return { width: wide, height: high, data };
}

/** One image, enlarged. */
export const enlarge = (image: Float32Array | Uint8Array, shape: Shape, scale: number): Picture =>
  sideBySide([image], shape, scale, 0);

/** Back and forth without repeating an end: 0 1 2 3 2 1. */
export function thereAndBack<T>(items: readonly T[]): readonly T[] {
  return [...items, ...items.slice(1, -1).reverse()];
}
