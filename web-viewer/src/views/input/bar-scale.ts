import type { Card, Manifest } from '../../site/schema.ts';

/** A number of a code, as a share, 0 to 1, of an axis of its own. */
export interface Bar {
  /** Which number of the code, from 0. */
  readonly dimension: number;
  readonly value: number;
  /** Standard deviation that the encoder gives it; null where the model is not variational. */
  readonly deviation: number | null;
  /** The mean of the test set's codes, and the span of one standard deviation to either side. */
  readonly middle: number;
  readonly band: readonly [number, number];
  /** Where the value is, and one deviation to either side. */
  readonly at: number;
  readonly span: readonly [number, number];
}

/** Half of an axis, in standard deviations. */
const REACH = 3;

/** The numbers of a code, the most telling first: by their KL divergence where there is one, else by their variance. */
export function dimensionOrder({ dimensions: { kl, variance } }: Pick<Manifest, 'dimensions'>, size: number): number[] {
  const weight = kl ?? variance;
  return Array.from({ length: size }, (_, d) => d).sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0) || a - b);
}

/**
 * Places a code's numbers on axes that reach three standard deviations of the test set's codes to either side of their mean;
 * of a variational model not less than three of its prior, so that a number which says nothing stays small.
 */
export function bars(
  latent: Float32Array,
  logvar: Float32Array | undefined,
  { latent: { statistics }, model }: Pick<Card, 'latent' | 'model'>,
  order: readonly number[],
): Bar[] {
  return order.map((d) => {
    const [mean, std] = [statistics.mean[d] ?? 0, statistics.std[d] ?? 1];
    const half = REACH * Math.max(std, model.variational ? 1 : 1e-6);
    const place = (value: number) => Math.min(1, Math.max(0, 0.5 + (value - mean) / (2 * half)));
    const value = latent[d] as number;
    const deviation = logvar ? Math.exp(0.5 * (logvar[d] as number)) : null;
    const around = deviation ?? 0;
    return {
      dimension: d,
      value,
      deviation,
      middle: 0.5,
      band: [place(mean - std), place(mean + std)],
      at: place(value),
      span: [place(value - around), place(value + around)],
    };
  });
}
