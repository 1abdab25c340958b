import type { Shape } from './pixels.ts';
import type { Picture } from './png.ts';

interface Layout {
  /** Side of the square that a pixel is enlarged to. */
  readonly scale?: number;
  /** White pixels between images, and around all of them. */
  readonly gap?: number;
  readonly edge?: number;
}

/** Images in [0, 1] or 0–255, row by row on white. */
export function sheet(
  images: readonly (Float32Array | Uint8Array)[],
  columns: number,
  shape: Shape,
  { scale = 1, gap = 0, edge = 0 }: Layout = {},
): Picture {
  const { channels } = shape;
  const [wide, high] = [shape.width * scale, shape.height * scale];
  const sideOf = (count: number, side: number) => count * (side + gap) - gap + 2 * edge;
  const width = sideOf(columns, wide);
  const height = sideOf(Math.ceil(images.length / columns), high);
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (const [i, image] of images.entries()) {
    const [left, top] = [edge + (i % columns) * (wide + gap), edge + Math.floor(i / columns) * (high + gap)];
    const range = image instanceof Float32Array ? 255 : 1;
    for (let y = 0; y < high; y++) {
      for (let x = 0; x < wide; x++) {
        const from = (Math.floor(y / scale) * shape.width + Math.floor(x / scale)) * channels;
        const to = 4 * ((top + y) * width + left + x);
        // Rounds and clamps.
        for (let c = 0; c < 3; c++) data[to + c] = range * (image[from + Math.min(c, channels - 1)] as number);
      }
    }
  }
  return { width, height, data };
}
