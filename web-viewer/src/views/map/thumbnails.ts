/** From one level to the next, the distance between thumbnails shrinks by this factor. */
const RATIO = Math.SQRT2;
const NONE = 255;
const LEVELS = 40;

/**
 * Selects the images with thumbnails on the map, so that none overlap at any zoom: level by level, each point, in a fixed
 * order, gets a thumbnail if there is room among the existing ones. Zooming in only adds thumbnails, and panning changes
 * nothing.
 */
export class ThumbnailLevels {
  /** The level from which a row has a thumbnail; 255 for none so far. */
  readonly #levels: Uint8Array;
  readonly #map: Float32Array;
  readonly #order: Uint32Array;
  readonly #spacing: number;
  readonly #table: Int32Array;
  #done = -1;

  /**
   * @param map positions `[N, 2]`
   * @param order rows that may have a thumbnail, in order of preference
   * @param spacing distance in x or y between two thumbnails at level 0, in map units
   */
  constructor(map: Float32Array, order: Uint32Array, spacing: number) {
    this.#map = map;
    this.#order = order;
    this.#spacing = spacing;
    this.#levels = new Uint8Array(map.length / 2).fill(NONE);
    this.#table = new Int32Array(2 ** Math.ceil(Math.log2(2 * Math.max(2, order.length))));
  }

  /** Whether each row has a thumbnail when thumbnails are `spacing` map units apart. */
  at(spacing: number): (row: number) => boolean {
    const ratio = this.#spacing / spacing;
    if (!(ratio >= 1)) return () => false;
    const level = Math.min(LEVELS, Math.floor(Math.log(ratio) / Math.log(RATIO)));
    while (this.#done < level) this.#compute(++this.#done);
    return (row) => (this.#levels[row] as number) <= level;
  }

  #compute(level: number): void {
    const spacing = this.#spacing / RATIO ** level;
    this.#table.fill(-1);
    for (const row of this.#order) if ((this.#levels[row] as number) < level) this.#insert(row, spacing);
    for (const row of this.#order) {
      if (this.#levels[row] !== NONE || !this.#isFree(row, spacing)) continue;
      this.#levels[row] = level;
      this.#insert(row, spacing);
    }
  }

  /** Rows are hashed by squares as wide as the spacing: each holds at most one thumbnail. */
  #slot(x: number, y: number, spacing: number): number {
    const mask = this.#table.length - 1;
    let slot = (Math.imul(x, 73_856_093) ^ Math.imul(y, 19_349_663)) & mask;
    for (;;) {
      const row = this.#table[slot] as number;
      if (row < 0) return slot;
      if (this.#square(2 * row, spacing) === x && this.#square(2 * row + 1, spacing) === y) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #square(at: number, spacing: number): number {
    return Math.floor((this.#map[at] as number) / spacing);
  }

  #insert(row: number, spacing: number): void {
    this.#table[this.#slot(this.#square(2 * row, spacing), this.#square(2 * row + 1, spacing), spacing)] = row;
  }

  #isFree(row: number, spacing: number): boolean {
    const [x, y] = [this.#map[2 * row] as number, this.#map[2 * row + 1] as number];
    const [i, j] = [Math.floor(x / spacing), Math.floor(y / spacing)];
    for (let di = -1; di <= 1; di++) {
      for (let dj = -1; dj <= 1; dj++) {
        const other = this.#table[this.#slot(i + di, j + dj, spacing)] as number;
        if (other < 0) continue;
        const [ox, oy] = [this.#map[2 * other] as number, this.#map[2 * other + 1] as number];
        if (Math.abs(ox - x) < spacing && Math.abs(oy - y) < spacing) return false;
      }
    }
    return true;
  }
}

/** All rows in a fixed random order. */
export function shuffledRows(count: number): Uint32Array {
  const order = new Uint32Array(count).map((_, row) => row);
  let state = 0x9e3779b9;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    const other = order[j] as number;
    order[j] = order[i] as number;
    order[i] = other;
  }
  return order;
}
