/** Time, in ms, in which something that is new appears. */
const TIME = 160;

/** Lets things that were not there in the last frame appear softly. */
export class Fade {
  #before = new Map<number, number>();
  #now = new Map<number, number>();
  #time = 0;
  /** Whether something has yet to appear fully. */
  unfinished = false;

  /** Begins a frame, at `time` in ms. */
  begin(time: number): void {
    [this.#before, this.#now] = [this.#now, new Map()];
    this.#time = time;
    this.unfinished = false;
  }

  /** How visible a thing is that is there in this frame, 0 to 1. */
  opacity(key: number): number {
    const born = this.#before.get(key) ?? this.#time;
    this.#now.set(key, born);
    const share = Math.min(1, Math.max(0.05, (this.#time - born) / TIME));
    if (share < 1) this.unfinished = true;
    return share;
  }
}
