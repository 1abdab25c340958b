import type { Card } from '../../site/schema.ts';

/** Rows of a sample grid, each with its own latent, and the most columns. */
export const GRID = 10;

/**
 * Latents `[N, D]` moved closer to the centre of all latents, or farther away.
 * @param temperature factor of their distance from `mean` `[D]`
 */
export function atTemperature(latents: Float32Array, mean: readonly number[], temperature: number): Float32Array {
  const size = mean.length;
  return latents.map((value, i) => {
    const middle = mean[i % size] as number;
    return middle + temperature * (value - middle);
  });
}

/** The centre of the latents: the prior's where the model was trained with one, else their mean. */
export const centreOf = ({ model, latent }: Pick<Card, 'model' | 'latent'>): readonly number[] =>
  model.variational ? Array.from({ length: latent.size }, () => 0) : latent.statistics.mean;

/** One latent `[D]` repeated: `[count, D]`. */
export function repeated(latent: Float32Array, count: number): Float32Array {
  const latents = new Float32Array(count * latent.length);
  for (let i = 0; i < count; i++) latents.set(latent, i * latent.length);
  return latents;
}

/** The default columns: as many classes as fit. */
export const firstColumns = (classes: number): readonly number[] =>
  Array.from({ length: Math.min(GRID, classes) }, (_, i) => i);

/** The columns after one was toggled: ascending, at least one, at most as many as fit. */
export function toggleColumn(columns: readonly number[], column: number): readonly number[] {
  if (!columns.includes(column)) {
    return columns.length >= GRID ? columns : [...columns, column].sort((a, b) => a - b);
  }
  return columns.length === 1 ? columns : columns.filter((other) => other !== column);
}
