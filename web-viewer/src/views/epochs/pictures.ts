import type { FileSource } from '../../site/files.ts';
import { bitmapOf, pixelsOf } from '../../site/picture.ts';
import { FileProblem } from '../../site/problem.ts';
import type { Manifest } from '../../site/schema.ts';
import type { Shape } from '../../ui/pixels.ts';

/** The picture of an epoch: its images, or only its URL where its layout is unknown. */
export interface EpochPicture {
  readonly epoch: number;
  readonly file: string;
  readonly url: string;
  readonly pairs: readonly Pair[] | null;
}

type Listed = NonNullable<Manifest['training']>['pictures'];

/** How many pictures on each side of the selected one are prefetched. */
const AHEAD = 4;

/** The pictures of a training by epoch, fetched once; those near the selected one are prefetched. */
export class Pictures {
  /** Ascending. */
  readonly epochs: readonly number[];
  readonly #files: ReadonlyMap<number, string>;
  readonly #source: FileSource;
  readonly #shape: Shape;
  readonly #made = new Map<number, Promise<EpochPicture>>();

  constructor(source: FileSource, listed: Listed, shape: Shape) {
    this.#source = source;
    this.#shape = shape;
    this.#files = new Map(listed.map(({ epoch, file }) => [epoch, file]));
    this.epochs = [...this.#files.keys()].sort((a, b) => a - b);
  }

  /** @throws FileProblem when it cannot be fetched or is not an image */
  get(epoch: number): Promise<EpochPicture> {
    const made = this.#made.get(epoch) ?? this.#load(epoch);
    this.#made.set(epoch, made);
    made.catch(() => this.#made.delete(epoch));
    return made;
  }

  /** Prefetches the neighbours of an epoch, the nearest first. */
  async prepare(epoch: number): Promise<void> {
    const place = this.epochs.indexOf(epoch);
    for (let step = 1; step <= AHEAD; step++) {
      const near = [this.epochs[place + step], this.epochs[place - step]].filter((value) => value !== undefined);
      // Failures are reported when the picture is selected.
      await Promise.all(near.map((neighbour) => this.get(neighbour).catch(() => undefined)));
    }
  }

  async #load(epoch: number): Promise<EpochPicture> {
    const file = this.#files.get(epoch);
    if (file === undefined) throw new FileProblem(`there is no picture of epoch ${epoch}`);
    const bytes = await this.#source.read(file);
    const bitmap = await bitmapOf(new Blob([bytes], { type: 'image/png' }), `${file} is not an image`);
    const { data, width, height } = pixelsOf(bitmap);
    const tiles = findTiles(width, height, this.#shape);
    const pairs = tiles && readPairs(data, width, tiles, this.#shape);
    return { epoch, file, url: this.#source.url(file), pairs };
  }
}

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
