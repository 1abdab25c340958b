import type { Manifest } from './schema.ts';

/** Indices of the latent dimensions, the most informative first: by KL divergence where there is one, else by variance. */
export function dimensionOrder({ kl, variance }: Manifest['dimensions'], size: number): number[] {
  const weight = kl ?? variance;
  return Array.from({ length: size }, (_, d) => d).sort((a, b) => (weight[b] ?? 0) - (weight[a] ?? 0) || a - b);
}
