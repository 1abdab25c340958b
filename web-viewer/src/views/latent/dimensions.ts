import { decimalsOf, dimensionOrder } from '../../site/dimensions.ts';
import type { Card, Manifest } from '../../site/schema.ts';

/** A latent dimension as a slider shows it. */
export interface Dimension {
  /** Its index in the latent. */
  readonly index: number;
  /** Its KL divergence, in nats; null where the model has no prior. */
  readonly kl: number | null;
  readonly variance: number;
  /** Over the latents of images. */
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  /** Decimals of its values. */
  readonly decimals: number;
  /** The slider's ends. */
  readonly low: number;
  readonly high: number;
  /** Whether the model does not use it. */
  readonly inactive: boolean;
}

/** A dimension with less KL divergence than this, in nats, is inactive. */
const INACTIVE_KL = 0.01;
/** A slider spans this many standard deviations to either side, or more to include every image's latent. */
const REACH = 3.5;
/** Offsets of a row of previews, in standard deviations from the mean. */
export const OFFSETS = [-3, -2, -1, 0, 1, 2, 3] as const;

/** A model's latent dimensions, the most informative first: by KL divergence, else by variance. */
export function dimensionsOf(
  { latent }: Pick<Card, 'latent'>,
  { dimensions }: Pick<Manifest, 'dimensions'>,
): readonly Dimension[] {
  const { size, statistics } = latent;
  const decimals = decimalsOf({ latent });
  const at = (numbers: readonly number[], index: number) => numbers[index] ?? Number.NaN;
  return dimensionOrder(dimensions, size).map((index): Dimension => {
    const [mean, std] = [at(statistics.mean, index), at(statistics.std, index)];
    const [min, max] = [at(statistics.min, index), at(statistics.max, index)];
    const reach = Math.max(REACH * std, mean - min, max - mean) || 1;
    const kl = dimensions.kl?.[index] ?? null;
    return {
      ...{ decimals, index, kl, variance: at(dimensions.variance, index), mean, std, min, max },
      low: mean - reach,
      high: mean + reach,
      inactive: kl !== null && kl < INACTIVE_KL,
    };
  });
}

/** The position of a value on the slider, 0 to 1. */
export const shareOf = ({ low, high }: Dimension, value: number): number =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));

/** The value after a key press, with as many decimals as in addresses; null for other keys. */
export function moved(dimension: Dimension, value: number, key: string): number | null {
  const { decimals, low, high } = dimension;
  const step = niceStep((high - low) / 100);
  const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[key];
  const target = key === 'Home' ? low : key === 'End' ? high : steps === undefined ? null : value + steps * step;
  return target === null ? null : Number(Math.min(high, Math.max(low, target)).toFixed(decimals));
}

/** The largest of 1, 2, 5, 10 … that is not above a number. */
function niceStep(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return power * ([5, 2, 1].find((digit) => digit * power <= size * (1 + 1e-9)) ?? 1);
}

/** A latent with one dimension replaced. */
export function withValue(latent: Float32Array, index: number, value: number): Float32Array {
  const changed = latent.slice();
  changed[index] = value;
  return changed;
}

/** For each dimension the latent with that dimension at OFFSETS, `[dimensions × OFFSETS, D]`. */
export function latentsAround(latent: Float32Array, dimensions: readonly Dimension[]): Float32Array {
  const latents = new Float32Array(dimensions.length * OFFSETS.length * latent.length);
  let at = 0;
  for (const { index, mean, std } of dimensions) {
    for (const offset of OFFSETS) {
      latents.set(latent, at);
      latents[at + index] = mean + offset * std;
      at += latent.length;
    }
  }
  return latents;
}

/** Evenly spaced latents on the straight line between two, both included, `[count, D]`. */
export function latentsBetween(from: Float32Array, to: Float32Array, count: number): Float32Array {
  const latents = new Float32Array(count * from.length);
  for (let i = 0; i < count; i++) latents.set(latentBetween(from, to, i / (count - 1)), i * from.length);
  return latents;
}

/** Linear interpolation between two latents at a position from 0 to 1. */
export const latentBetween = (from: Float32Array, to: Float32Array, share: number): Float32Array =>
  from.map((value, d) => (1 - share) * value + share * (to[d] as number));
