/** Fade-in time, in ms. */
const TIME = 160;

/** Fades in items that were not in the last frame. */
export class Fade {
  #before = new Map<number, number>();
  #now = new Map<number, number>();
  #time = 0;
  /** Whether an item is still fading in. */
  unfinished = false;

  /** Starts a frame at `time`, in ms. */
  begin(time: number): void {
    [this.#before, this.#now] = [this.#now, new Map()];
    this.#time = time;
    this.unfinished = false;
  }

  /** The opacity of an item in this frame, 0 to 1. */
  opacity(key: number): number {
    const born = this.#before.get(key) ?? this.#time;
    this.#now.set(key, born);
    const share = Math.min(1, Math.max(0.05, (this.#time - born) / TIME));
    if (share < 1) this.unfinished = true;
    return share;
  }
}
