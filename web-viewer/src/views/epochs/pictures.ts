import type { FileSource } from '../../site/files.ts';
import { bitmapOf, pixelsOf } from '../../site/picture.ts';
import { FileProblem } from '../../site/problem.ts';
import type { Manifest } from '../../site/schema.ts';
import type { Shape } from '../../ui/pixels.ts';
import { findTiles, type Pair, readPairs } from './tiles.ts';

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
