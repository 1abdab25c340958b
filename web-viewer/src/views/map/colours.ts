import { errorColour } from '../../ui/pixels.ts';
import type { Rgb } from '../../ui/rgb.ts';

/** The part of the colour scale of numbers that contrasts with a light and a dark background. */
const PARTS = { light: [0.04, 0.8], dark: [0.24, 1] } as const;
export type Ground = keyof typeof PARTS;

/** The colour of a number at a share of the range. */
export function scaleColour(share: number, ground: Ground): Rgb {
  const [from, to] = PARTS[ground];
  return errorColour(from + Math.min(1, Math.max(0, share)) * (to - from));
}

/** The range of the colours of numbers: from the first to the 99th percentile, so that outliers do not dominate. */
export function rangeOf(values: Float32Array | Float64Array): readonly [number, number] {
  const sorted = values.filter(Number.isFinite).sort();
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const [low, high] = [at(0.01), at(0.99)];
  return high > low ? [low, high] : [low, low + Math.max(1, 1e-9 * Math.abs(low))];
}

/** Steps of the colours of numbers. */
const STEPS = 256;
/** The step of each number within a range; −1 of those that are not finite. */
export function stepsOf(values: Float32Array | Float64Array, [low, high]: readonly [number, number]): Int16Array {
  const step = (value: number) => Math.round((STEPS - 1) * Math.min(1, Math.max(0, (value - low) / (high - low))));
  return Int16Array.from(values, (value) => (Number.isFinite(value) ? step(value) : -1));
}
export const stepColours = (ground: Ground): readonly Rgb[] =>
  Array.from({ length: STEPS }, (_, i) => scaleColour(i / (STEPS - 1), ground));

/** How much of a point's colour is left beside a selection. */
const FADED = 0.22;

/**
 * The colour of each row, `[N, 4]` bytes.
 * @param codes an index of `colours` for each row, −1 for none
 * @param none the colour of rows without one
 * @param bright 1 for rows of a selection, beside which the others fade into the background; null without one
 */
export function coloursOf(
  codes: Int16Array | Int32Array,
  colours: readonly Rgb[],
  none: Rgb,
  background: Rgb,
  bright: Uint8Array | null,
): Uint8Array {
  const pack = ([r, g, b]: Rgb) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  const faded = (rgb: Rgb): Rgb => {
    const mix = (c: 0 | 1 | 2) => Math.round(FADED * rgb[c] + (1 - FADED) * background[c]);
    return [mix(0), mix(1), mix(2)];
  };
  const all = [none, ...colours];
  const [full, dim] = [all.map(pack), all.map((rgb) => pack(faded(rgb)))];
  const packed = Uint32Array.from(codes, (code, row) => {
    const place = code >= 0 && code < colours.length ? code + 1 : 0;
    return (bright && !bright[row] ? dim : full)[place] as number;
  });
  return new Uint8Array(packed.buffer);
}

/**
 * 1 for each row whose category is among `shown` (−1 stands for none), 0 for others; null where all are shown. Codes that are
 * none of the `count` categories cannot be hidden.
 */
export function shownRows(codes: Int32Array | null, count: number, shown: readonly number[] | null): Uint8Array | null {
  if (!codes || !shown) return null;
  const set = new Set(shown);
  return Uint8Array.from(codes, (code) => (code >= count || set.has(Math.max(code, -1)) ? 1 : 0));
}

/**
 * Rows in the order of their codes, the highest last, so that these are drawn on top.
 * @param rows kept in order where their codes are equal
 */
export function byCode(rows: Uint32Array, codes: Int16Array): Uint32Array {
  const starts = new Uint32Array(STEPS + 2);
  for (const row of rows) {
    const at = (codes[row] as number) + 2;
    starts[at] = (starts[at] as number) + 1;
  }
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
  const order = new Uint32Array(rows.length);
  for (const row of rows) {
    const code = (codes[row] as number) + 1;
    order[starts[code] as number] = row;
    starts[code] = (starts[code] as number) + 1;
  }
  return order;
}
