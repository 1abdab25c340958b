/**
 * Sizes that a graph leaves open, by name. A shape has the name in the place of the number: `['N', 'H', 'W', 3]`.
 * `'32*H'` is a size that is always a multiple of 32.
 */
export type SymbolicShape = readonly (number | string)[];

/** A value for each symbol. */
export type Sizes = Readonly<Record<string, number>>;

/** The name of the batch size. */
export const BATCH = 'N';

/** Sizes that no size in a program is likely to be, odd and even: a prime, twice a prime, and a prime. */
const BATCHES = [89, 106, 97];
/** Batch sizes beside other open sizes: small ones, so that tensors do not get too large. */
const SMALL_BATCHES = [13, 22, 17];

/**
 * Sizes of other axes, a row for each symbol. The sizes of the first column stay odd when they are halved and rounded up
 * again and again, those of the second stay even: what depends on that, such as the padding of strided windows, differs.
 */
const LENGTHS = [
  [129, 256, 211],
  [257, 192, 163],
  [65, 320, 229],
  [193, 128, 173],
  [97, 384, 197],
  [161, 448, 139],
];

/** The symbols of some shapes, each once. */
export function symbolsOf(shapes: readonly SymbolicShape[]): string[] {
  const named = shapes.flat().flatMap((d) => (typeof d === 'string' ? [factors(d).symbol] : []));
  return [...new Set(named)];
}

/** A size as a factor and the symbol that it multiplies: 32 and `H` for `'32*H'`. */
function factors(size: string): { times: number; symbol: string } {
  const [, times = '1', symbol = size] = /^(\d+)\*(.+)$/.exec(size) ?? [];
  return { times: Number(times), symbol };
}

/** A shape with the sizes filled in. */
export const shapeOf = (shape: SymbolicShape, sizes: Sizes): number[] =>
  shape.map((d) => {
    if (typeof d === 'number') return d;
    const { times, symbol } = factors(d);
    return times * (sizes[symbol] ?? 1);
  });

/** What a program is traced with, one time after the other. */
export class Sampling<Spec extends { readonly shape: SymbolicShape }> {
  /** The value of each symbol in each trace so far. */
  readonly sizes: Sizes[] = [];
  readonly #inputs: Readonly<Record<string, Spec>>;
  readonly #symbols: readonly string[];
  readonly #seed: number;
  #unknown = false;

  /** @param seed which of several choices of sizes that depend on values */
  constructor(inputs: Readonly<Record<string, Spec>>, seed = 0) {
    this.#inputs = inputs;
    this.#seed = seed;
    this.#symbols = symbolsOf(Object.values(inputs).map(({ shape }) => shape));
    const most = LENGTHS.length;
    if (this.#lengths.length > most)
      throw new Error(`${this.#lengths.length} open sizes; at most ${most} are possible`);
  }

  /** Whether another seed gives another choice. */
  get hasChoice(): boolean {
    return this.#unknown;
  }

  /** The symbols other than the batch size. */
  get #lengths(): string[] {
    return this.#symbols.filter((symbol) => symbol !== BATCH);
  }

  /**
   * The next trace, if there is another. There are two for a batch size alone, which is a factor wherever it occurs,
   * and three where relations of other sizes have to be found: a relation that two agree with is checked by the third.
   */
  next() {
    const trace = this.sizes.length;
    if (trace === (this.#unknown || this.#lengths.length > 0 ? 3 : 2)) return undefined;
    const batches = this.#lengths.length > 0 ? SMALL_BATCHES : BATCHES;
    const value = (symbol: string) =>
      (symbol === BATCH ? batches : LENGTHS[this.#lengths.indexOf(symbol)])?.[trace] ?? 1;
    const sizes = Object.fromEntries(this.#symbols.map((symbol) => [symbol, value(symbol)]));
    this.sizes.push(sizes);
    const inputs = Object.entries(this.#inputs).map(([name, spec]) => {
      return [name, { ...spec, shape: shapeOf(spec.shape, sizes) }] as const;
    });
    return { inputs: Object.fromEntries(inputs), unknownSize: this.#unknownSizes(trace) };
  }

  /**
   * Assumes sizes that depend on values: in the first trace near the largest that is possible, in the second near none,
   * then between, so that a limit anywhere makes a difference. Each result has its own
   * where there are enough.
   */
  #unknownSizes(trace: number): (limit: number) => number {
    const used = new Set<number>();
    let made = 0;
    return (limit) => {
      this.#unknown = true;
      made += 1;
      if (limit < 8) return Math.max(limit - (trace % 2), 0);
      const spread = Math.min(Math.floor(limit / 4), 40);
      const first = Math.floor(spread * fraction(made * Math.SQRT2 + trace * Math.E + this.#seed * Math.PI));
      const sizes = Array.from({ length: spread }, (_, i) => {
        const offset = (first + i) % spread;
        return [limit - 2 - offset, 2 + offset, Math.floor(limit / 2) + offset][trace] ?? limit;
      });
      const size = sizes.find((one) => !used.has(one)) ?? sizes[0] ?? limit;
      used.add(size);
      return size;
    };
  }
}

/** A number from 0 to 1 that looks random. */
const fraction = (x: number): number => (Math.abs(Math.sin(x * 1e4)) * 1e4) % 1;
