/** Slots for pictures in one large texture, with least-recently-used eviction. */
export class Slots {
  readonly count: number;
  /** Slot of each key, the least recently used first. */
  readonly #slots = new Map<number, number>();

  constructor(count: number) {
    this.count = count;
  }

  /** The slot of a key, which becomes the most recently used; undefined where it has none. */
  find(key: number): number | undefined {
    const slot = this.#slots.get(key);
    if (slot === undefined) return undefined;
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    return slot;
  }

  /** A slot for a key that has none: a free one, or that of the least recently used key. */
  take(key: number): number {
    let slot = this.#slots.size;
    if (slot >= this.count) {
      const [[oldest, its] = [0, 0]] = this.#slots;
      this.#slots.delete(oldest);
      slot = its;
    }
    this.#slots.set(key, slot);
    return slot;
  }

  clear(): void {
    this.#slots.clear();
  }
}
