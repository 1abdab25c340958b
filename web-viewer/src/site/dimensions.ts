import type { Card, Manifest } from './schema.ts';

/** Indices of the latent dimensions, the most informative first: by KL divergence where there is one, else by variance. */
export function dimensionOrder({ kl, variance }: Manifest['dimensions'], size: number): number[] {
  const weight = kl ?? variance;
  return Array.from({ length: size }, (_, d) => d).sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0) || a - b);
}

/** Decimals with which latents of a model are told apart: three, or more where the values of all dimensions are small. */
export function decimalsOf({ latent: { statistics } }: Pick<Card, 'latent'>): number {
  const largest = statistics.std.reduce((a, b) => Math.max(a, b), 0);
  return largest > 0 ? Math.min(12, Math.max(3, 2 - Math.floor(Math.log10(largest)))) : 3;
}

/** A latent in the address, rounded. */
export function textOfLatent(latent: ArrayLike<number>, card: Pick<Card, 'latent'>): string {
  const decimals = decimalsOf(card);
  return Array.from(latent, (value) => Number(value.toFixed(decimals))).join(',');
}
