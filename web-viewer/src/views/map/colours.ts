import { classOf } from '../../site/image-set.ts';
import { errorColour } from '../../ui/pixels.ts';

export type Rgb = readonly [number, number, number];

/** `#rrggbb` as three bytes. */
export const rgbOf = (hex: string): Rgb => {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
};

/** The part of the error scale that contrasts with a light and a dark background. */
const PARTS = { light: [0.04, 0.8], dark: [0.24, 1] } as const;
export type Ground = keyof typeof PARTS;

/** A colour that contrasts with the background: on a dark one, dark colours are lightened. */
export function onGround([r, g, b]: Rgb, ground: Ground): Rgb {
  const light = (0.3 * r + 0.59 * g + 0.11 * b) / 255;
  const lift = ground === 'light' ? 0 : 0.4 * Math.min(1, Math.max(0, (0.42 - light) / 0.3));
  const raised = (value: number) => Math.round(value + lift * (255 - value));
  return [raised(r), raised(g), raised(b)];
}

/** The colour of an error at a share of the range. */
export function pointErrorColour(share: number, ground: Ground): Rgb {
  const [from, to] = PARTS[ground];
  return errorColour(from + Math.min(1, Math.max(0, share)) * (to - from));
}

/** The range of the error colours: from the first to the 99th percentile, so that outliers do not dominate. */
export function errorRange(sorted: Float32Array): readonly [number, number] {
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  const [low, high] = [at(0.01), at(0.99)];
  return high > low ? [low, high] : [low, low + 1];
}

/** The colour of each row by its error, `[N, 4]` bytes. */
export function coloursByError(errors: Float32Array, range: readonly [number, number], ground: Ground): Uint8Array {
  const steps = Array.from({ length: 256 }, (_, i) => pointErrorColour(i / 255, ground));
  const colours = new Uint8Array(4 * errors.length).fill(255);
  errors.forEach((error, row) => {
    const share = (error - range[0]) / (range[1] - range[0]);
    colours.set(steps[Math.round(255 * Math.min(1, Math.max(0, share || 0)))] as Rgb, 4 * row);
  });
  return colours;
}

/** Stands for the images without a class among a set's classes. */
export const UNLABELLED = -1;

/** The colour of each row by its class, `[N, 4]` bytes. @param colourOf the colour of a class, of `UNLABELLED`, or null without labels */
export function coloursByClass(
  count: number,
  labels: Int32Array | null,
  colourOf: (label: number | null) => Rgb,
): Uint8Array {
  const known = new Map<number | null, Rgb>();
  const colours = new Uint8Array(4 * count).fill(255);
  for (let row = 0; row < count; row++) {
    const label = labels ? (classOf(labels[row]) ?? UNLABELLED) : null;
    const colour = known.get(label) ?? colourOf(label);
    known.set(label, colour);
    colours.set(colour, 4 * row);
  }
  return colours;
}

/** 1 for each row whose class is visible, 0 for others; null where all are. `UNLABELLED` is the class of rows without one. */
export function shownRows(
  labels: Int32Array | null,
  classes: number,
  shown: readonly number[] | null,
): Uint8Array | null {
  if (!labels || !shown) return null;
  const set = new Set(shown);
  return Uint8Array.from(labels, (label) => (label >= classes || set.has(Math.max(label, UNLABELLED)) ? 1 : 0));
}
