import type { Shape } from '../../ui/pixels.ts';

/** White pixels between and around the images of a picture. */
const GAP = 4;
/** Rows of a picture: originals above, reconstructions below. */
const ROWS = 2;
/** The most images in a row. */
const COLUMNS = 8;

/** Geometry of the images in a training picture: two rows, enlarged, with room for labels on the left. */
export interface Tiles {
  readonly scale: number;
  readonly columns: number;
  /** Left edge of the first column, top edge of the first row. */
  readonly left: number;
  readonly top: number;
}

/** An original and its reconstruction, each `[H, W, C]`. */
export interface Pair {
  readonly original: Uint8Array;
  readonly reconstruction: Uint8Array;
}

/** Derives the geometry from the picture's size; null where it is not two rows of such images. */
export function findTiles(width: number, height: number, shape: Shape): Tiles | null {
  const scale = ((height - GAP) / ROWS - GAP) / shape.height;
  if (!Number.isInteger(scale) || scale < 1) return null;
  const step = shape.width * scale + GAP;
  const columns = Math.min(COLUMNS, Math.floor((width - GAP) / step));
  return columns < 1 ? null : { scale, columns, left: width - columns * step, top: GAP };
}

/**
 * Reads the images out of a picture, each pixel from the centre of its enlarged square. Labels as wide as an image are
 * recognised because their squares are not uniform.
 * @param rgba the picture, with rows of `width` pixels
 */
export function readPairs(rgba: Uint8ClampedArray, width: number, tiles: Tiles, shape: Shape): readonly Pair[] {
  const { scale, columns, left, top } = tiles;
  const { channels } = shape;
  const read = (row: number, column: number): Uint8Array | null => {
    const [x0, y0] = [left + column * (shape.width * scale + GAP), top + row * (shape.height * scale + GAP)];
    const pixels = new Uint8Array(shape.height * shape.width * channels);
    for (let y = 0, to = 0; y < shape.height; y++) {
      for (let x = 0; x < shape.width; x++) {
        const corner = 4 * ((y0 + y * scale) * width + x0 + x * scale);
        const middle = corner + 4 * (scale >> 1) * (width + 1);
        for (let c = 0; c < channels; c++) {
          if (rgba[corner + c] !== rgba[middle + c]) return null;
          pixels[to++] = rgba[middle + c] as number;
        }
      }
    }
    return pixels;
  };
  return Array.from({ length: columns }, (_, column) => [read(0, column), read(1, column)]).flatMap(
    ([original, reconstruction]) => (original && reconstruction ? [{ original, reconstruction }] : []),
  );
}
