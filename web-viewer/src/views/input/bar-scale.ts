import type { Card } from '../../site/schema.ts';

/** A latent dimension on its own axis; positions are shares from 0 to 1. */
export interface Bar {
  /** Index of the dimension. */
  readonly dimension: number;
  readonly value: number;
  /** Standard deviation by the encoder; null where the model is not variational. */
  readonly deviation: number | null;
  /** One standard deviation to either side of the mean of the test set's latents, which is in the middle. */
  readonly band: readonly [number, number];
  /** The value, and one standard deviation to either side. */
  readonly at: number;
  readonly span: readonly [number, number];
}

/** Half the length of an axis, in standard deviations. */
const HALF_AXIS = 3;

/**
 * Places latent dimensions on axes that span three standard deviations of the test set's latents to either side of their mean.
 * For a variational model an axis spans at least three standard deviations of the prior, so that an inactive dimension
 * stays small.
 */
export function bars(
  latent: Float32Array,
  logvar: Float32Array | undefined,
  { latent: { statistics }, model }: Pick<Card, 'latent' | 'model'>,
  order: readonly number[],
): Bar[] {
  return order.map((d) => {
    const [mean, std] = [statistics.mean[d] ?? 0, statistics.std[d] ?? 1];
    const half = HALF_AXIS * Math.max(std, model.variational ? 1 : 1e-6);
    const place = (value: number) => Math.min(1, Math.max(0, 0.5 + (value - mean) / (2 * half)));
    const value = latent[d] as number;
    const deviation = logvar ? Math.exp(0.5 * (logvar[d] as number)) : null;
    const around = deviation ?? 0;
    return {
      dimension: d,
      value,
      deviation,
      band: [place(mean - std), place(mean + std)],
      at: place(value),
      span: [place(value - around), place(value + around)],
    };
  });
}
