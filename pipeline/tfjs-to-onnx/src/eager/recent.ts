/** Things by key. Those that were used longest ago are disposed of. */
export class Recent<T extends { dispose(): void }> {
  readonly #kept = new Map<string, T>();
  readonly #most: number;

  /** @param most how many are kept, at least one */
  constructor(most: number) {
    this.#most = Math.max(1, most);
  }

  has(key: string): boolean {
    return this.#kept.has(key);
  }

  /** What has a key, made where there is nothing. */
  get(key: string, make: () => T): T {
    const found = this.#kept.get(key) ?? make();
    this.#kept.delete(key); // the last in the map is the one used last
    this.#kept.set(key, found);
    const [oldest] = this.#kept;
    if (oldest && this.#kept.size > this.#most) {
      this.#kept.delete(oldest[0]);
      oldest[1].dispose();
    }
    return found;
  }

  dispose(): void {
    for (const one of this.#kept.values()) one.dispose();
    this.#kept.clear();
  }
}
