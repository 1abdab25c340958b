import { engine, model, type OpenModel } from '../../state/store.ts';
import type { PictureSource } from './pictures.ts';
import { type Bounds, type Size, type View, visibleBounds } from './transform.ts';

/** A cell of the decoded plane: column and row of a lattice whose cells are `side` units wide. */
export interface Cell {
  readonly column: number;
  readonly row: number;
}

/** A lattice over the latent plane; an image of H×W pixels fills a cell. */
export interface Lattice {
  /** Cells are 2^level units wide. */
  readonly level: number;
  readonly width: number;
  readonly height: number;
}

/** Cells are at least this many pixels wide, and less than twice as many. */
const MIN_WIDTH = 38;

/** The lattice for a view. Zooming by less than a factor of two keeps it, so that decoded cells stay useful. */
export function latticeFor(view: View, image: { readonly height: number; readonly width: number }): Lattice {
  const level = Math.ceil(Math.log2(MIN_WIDTH / view.scale));
  const width = 2 ** level;
  return { level, width, height: (width * image.height) / image.width };
}

/** The cells that a rectangle touches, those nearest to its centre first. */
export function cellsWithin({ width, height }: Lattice, box: Bounds): Cell[] {
  const cells: Cell[] = [];
  const [x, y] = [(box.left + box.right) / 2 / width - 0.5, (box.bottom + box.top) / 2 / height - 0.5];
  for (let row = Math.floor(box.bottom / height); row * height < box.top; row++) {
    for (let column = Math.floor(box.left / width); column * width < box.right; column++) cells.push({ column, row });
  }
  const distance = (cell: Cell) => (cell.column - x) ** 2 + (cell.row - y) ** 2;
  return cells.sort((a, b) => distance(a) - distance(b));
}

/** The latent at the centre of a cell, which is decoded for it. */
export const latentOf = ({ width, height }: Lattice, { column, row }: Cell): readonly [number, number] => [
  (column + 0.5) * width,
  (row + 0.5) * height,
];

/** Latents decoded per request: few enough that interactive decoding never waits long. */
const BATCH = 32;
/** How long the view must be at rest before its plane is decoded, in ms. */
const SETTLE_TIME = 120;
/** Number of cached images. */
const MAX_IMAGES = 3000;

/** The latent plane as images, decoded gradually for the visible part and cached. */
export class PlaneTiles {
  readonly source: PictureSource<string>;
  readonly #opened: OpenModel;
  readonly #classIndex: number;
  readonly #onChange: () => void;
  /** By the names of their cells, the oldest first. */
  readonly #images = new Map<string, Uint8Array>();
  #pending: { lattice: Lattice; cells: Cell[] } | null = null;
  #lattices: Lattice[] = [];
  #seen: { view: View; size: Size } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;
  #ended = false;

  /** @param classIndex the class for a conditional decoder */
  constructor(opened: OpenModel, classIndex: number, onChange: () => void) {
    this.#opened = opened;
    this.#classIndex = classIndex;
    this.#onChange = onChange;
    this.source = { shape: opened.card.image, pixels: (cell) => this.#images.get(cell) ?? null };
  }

  /** Whether everything requested has been decoded. */
  get isComplete(): boolean {
    return this.#seen !== null && !this.#pending?.cells.length && !this.#busy;
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
  }

  /** Requests the part of the plane that a view shows; it is decoded once the view is at rest. */
  request(view: View, size: Size): void {
    if (view === this.#seen?.view && size === this.#seen.size) return;
    this.#seen = { view, size };
    const lattice = latticeFor(view, this.source.shape);
    const cells = cellsWithin(lattice, visibleBounds(view, size)).filter(
      (cell) => !this.#images.has(name(lattice, cell)),
    );
    if (this.#lattices.at(-1)?.level !== lattice.level) {
      this.#lattices = [...this.#lattices.filter(({ level }) => level !== lattice.level), lattice].slice(-2);
    }
    this.#pending = cells.length > 0 ? { lattice, cells } : null;
    clearTimeout(this.#timer);
    if (this.#pending) this.#timer = setTimeout(() => void this.#decode(), SETTLE_TIME);
  }

  /** The decoded images within a rectangle, those of the current lattice last. */
  *within(box: Bounds): Generator<{ readonly key: string } & Bounds> {
    for (const lattice of this.#lattices) {
      // A lattice far finer than the view is not worth its many cells.
      if ((box.right - box.left) / lattice.width > 100) continue;
      for (const cell of cellsWithin(lattice, box)) {
        const key = name(lattice, cell);
        if (!this.#images.has(key)) continue;
        const [left, bottom] = [cell.column * lattice.width, cell.row * lattice.height];
        yield { key, left, right: left + lattice.width, bottom, top: bottom + lattice.height };
      }
    }
  }

  async #decode(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#pending && !this.#ended && engine.value && model.value === this.#opened) {
        const { lattice, cells }: { lattice: Lattice; cells: Cell[] } = this.#pending;
        const batch = cells.splice(0, BATCH);
        if (batch.length === 0) break;
        const latents = Float32Array.from(batch.flatMap((cell) => latentOf(lattice, cell)));
        const images = await engine.value.decode(
          batch.length,
          latents,
          new Int32Array(batch.length).fill(this.#classIndex),
        );
        this.#cache(lattice, batch, images);
        this.#onChange();
      }
    } catch {
      // The engine has ended or cannot decode: the latent view reports that, and the plane stays unchanged.
      this.#pending = null;
    } finally {
      this.#busy = false;
      this.#onChange();
    }
  }

  #cache(lattice: Lattice, cells: readonly Cell[], images: Float32Array): void {
    const length = images.length / cells.length;
    cells.forEach((cell, i) => {
      const bytes = Uint8ClampedArray.from(images.subarray(i * length, (i + 1) * length), (value) => 255 * value);
      this.#images.set(name(lattice, cell), new Uint8Array(bytes.buffer));
    });
    for (const key of this.#images.keys()) if (this.#images.size > MAX_IMAGES) this.#images.delete(key);
  }
}

const name = ({ level }: Lattice, { column, row }: Cell) => `${level} ${column} ${row}`;
