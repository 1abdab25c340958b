/** Number of steps averaged for the smoothed loss. */
export const WINDOW = 20;

/** The losses of each step, by name. */
export class History {
  readonly names: readonly string[];
  readonly #values: readonly number[][];

  constructor(names: readonly string[]) {
    this.names = names;
    this.#values = names.map(() => []);
  }

  get steps(): number {
    return this.#values[0]?.length ?? 0;
  }

  add(losses: ArrayLike<number>): void {
    this.#values.forEach((values, i) => {
      values.push(losses[i] ?? Number.NaN);
    });
  }

  of(name: string): readonly number[] {
    return this.#values[this.names.indexOf(name)] ?? [];
  }

  /** The mean of the last steps; null before the first. */
  recent(name: string, steps = WINDOW): number | null {
    const last = this.of(name).slice(-steps);
    return last.length === 0 ? null : last.reduce((a, b) => a + b, 0) / last.length;
  }

  /** The full history as CSV: a row for each step, at full precision. */
  csv(): string {
    const rows = Array.from({ length: this.steps }, (_, i) => [i + 1, ...this.#values.map((values) => values[i])]);
    return `${[['step', ...this.names], ...rows].map((row) => row.join(',')).join('\n')}\n`;
  }
}

/** Running mean over `window` values, or over as many as there are. */
export function smoothed(values: readonly number[], window = WINDOW): number[] {
  let sum = 0;
  return values.map((value, i) => {
    sum += value - (i >= window ? (values[i - window] as number) : 0);
    return sum / Math.min(i + 1, window);
  });
}
