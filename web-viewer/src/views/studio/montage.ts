import type { Shape } from '../../ui/pixels.ts';
import type { Picture } from '../../ui/png.ts';

/**
 * Images in rows and columns on white, each pixel enlarged to a square.
 * @param rows images in [0, 1] row by row, each `[columns, H, W, C]`
 * @param scale side of the squares
 * @param gap white pixels between the images and around them
 */
export function montage(
  rows: readonly Float32Array[],
  columns: number,
  shape: Shape,
  { scale, gap }: { readonly scale: number; readonly gap: number },
): Picture {
  const [tileWidth, tileHeight] = [shape.width * scale, shape.height * scale];
  const width = gap + columns * (tileWidth + gap);
  const height = gap + rows.length * (tileHeight + gap);
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  const size = shape.height * shape.width * shape.channels;
  rows.forEach((images, row) => {
    for (let column = 0; column < columns; column++) {
      const [left, top] = [gap + column * (tileWidth + gap), gap + row * (tileHeight + gap)];
      for (let y = 0; y < tileHeight; y++) {
        for (let x = 0; x < tileWidth; x++) {
          const pixel = Math.floor(y / scale) * shape.width + Math.floor(x / scale);
          const from = column * size + pixel * shape.channels;
          const to = 4 * ((top + y) * width + left + x);
          for (let c = 0; c < 3; c++) data[to + c] = 255 * (images[from + Math.min(c, shape.channels - 1)] as number);
        }
      }
    }
  });
  return { width, height, data };
}
