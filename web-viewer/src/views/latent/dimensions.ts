import type { Card, Manifest } from '../../site/schema.ts';

/** One number of a code, as a slider shows it. */
export interface Dimension {
  /** Its place in the code. */
  readonly index: number;
  /** What it tells of an image, in nats; null where the model has no prior. */
  readonly kl: number | null;
  readonly variance: number;
  /** Of the codes of images. */
  readonly mean: number;
  readonly std: number;
  /** The slider's ends. */
  readonly low: number;
  readonly high: number;
  /** Whether the model leaves it unused. */
  readonly off: boolean;
}

/** A dimension that tells less than this, in nats, is switched off. */
const OFF_KL = 0.01;
/** A slider reaches this many standard deviations to both sides, and on to the farthest code of an image. */
const REACH = 3.5;
/** Where a row of small images is decoded, in standard deviations from the mean. */
export const OFFSETS = [-3, -2, -1, 0, 1, 2, 3] as const;

/** The dimensions of a model's codes, those first that tell the most of an image: by KL, else by variance. */
export function dimensionsOf(
  { latent }: Pick<Card, 'latent'>,
  { dimensions }: Pick<Manifest, 'dimensions'>,
): readonly Dimension[] {
  const { mean, std, min, max } = latent.statistics;
  const kls = dimensions.kl?.length === latent.size ? dimensions.kl : null;
  return Array.from({ length: latent.size }, (_, index): Dimension => {
    const [centre, deviation] = [mean[index] ?? 0, std[index] ?? 1];
    const farthest = Math.max(centre - (min[index] ?? centre), (max[index] ?? centre) - centre);
    const reach = Math.max(REACH * deviation, farthest) || 1;
    const kl = kls?.[index] ?? null;
    return {
      index,
      kl,
      variance: dimensions.variance[index] ?? deviation ** 2,
      mean: centre,
      std: deviation,
      low: centre - reach,
      high: centre + reach,
      off: kl !== null && kl < OFF_KL,
    };
  }).sort((a, b) => (b.kl ?? b.variance) - (a.kl ?? a.variance) || a.index - b.index);
}

/** Where a value lies on the slider, 0 to 1. */
export const shareOf = ({ low, high }: Dimension, value: number): number =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** The value that a key moves the slider to, with three decimals, as an address holds them; null for other keys. */
export function moved(dimension: Dimension, value: number, key: string): number | null {
  const { low, high } = dimension;
  const step = niceStep((high - low) / 100);
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[key];
  const target = key === 'Home' ? low : key === 'End' ? high : steps === undefined ? null : value + steps * step;
  return target === null ? null : Number(Math.min(high, Math.max(low, target)).toFixed(3));
}

/** The next of 1, 2, 5, 10 … at or below a number. */
function niceStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ([5, 2, 1].find((digit) => digit * power <= size * (1 + 1e-9)) ?? 1);
}

/** A code with one number replaced. */
export function withValue(code: Float32Array, index: number, value: number): Float32Array {
  const changed = code.slice();
  changed[index] = value;
  return changed;
}

/** For each dimension the code with that number at OFFSETS, `[dimensions × OFFSETS, D]`. */
export function codesAround(code: Float32Array, dimensions: readonly Dimension[]): Float32Array {
  const codes = new Float32Array(dimensions.length * OFFSETS.length * code.length);
  let at = 0;
  for (const { index, mean, std } of dimensions) {
    for (const offset of OFFSETS) {
      codes.set(code, at);
      codes[at + index] = mean + offset * std;
      at += code.length;
    }
  }
  return codes;
}

/** Codes evenly on the straight line from one to another, both included, `[count, D]`. */
export function codesBetween(from: Float32Array, to: Float32Array, count: number): Float32Array {
  const codes = new Float32Array(count * from.length);
  for (let i = 0; i < count; i++) codes.set(codeBetween(from, to, i / (count - 1)), i * from.length);
  return codes;
}

/** The code at a share, 0 to 1, of the way from one to another. */
export const codeBetween = (from: Float32Array, to: Float32Array, share: number): Float32Array =>
  from.map((value, d) => (1 - share) * value + share * (to[d] as number));

/** The images of a batch, each a view on it. */
export function split(batch: Float32Array, count: number): readonly Float32Array[] {
  const size = batch.length / count;
  return Array.from({ length: count }, (_, i) => batch.subarray(i * size, (i + 1) * size));
}
