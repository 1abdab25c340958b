import type { Card } from '../../site/schema.ts';

/** The rows of a sample grid, each of a code of its own, and its columns at most. */
export const GRID = 10;

/**
 * Codes `[N, D]` drawn nearer to the middle of all codes, or farther away.
 * @param temperature what their distance from `mean` `[D]` is multiplied with
 */
export function atTemperature(codes: Float32Array, mean: readonly number[], temperature: number): Float32Array {
  const size = mean.length;
  return codes.map((value, i) => {
    const middle = mean[i % size] as number;
    return middle + temperature * (value - middle);
  });
}

/** The middle of the codes: that of the prior where the model was trained with one, else the mean of its codes. */
export const middleOf = ({ model, latent }: Pick<Card, 'model' | 'latent'>): readonly number[] =>
  model.variational ? Array.from({ length: latent.size }, () => 0) : latent.statistics.mean;

/** One code `[D]`, over and over: `[count, D]`. */
export function repeated(code: Float32Array, count: number): Float32Array {
  const codes = new Float32Array(count * code.length);
  for (let i = 0; i < count; i++) codes.set(code, i * code.length);
  return codes;
}

/** What a row's code is called: A, B, … */
export const rowName = (row: number): string => String.fromCharCode(65 + row);

/** The code of a row. */
export const codeOf = (codes: Float32Array, row: number, size: number): Float32Array =>
  codes.slice(row * size, (row + 1) * size);

/** Where the smallest number is. */
export const smallest = (values: readonly number[]): number => values.indexOf(Math.min(...values));

/** Whether two models can be shown the same codes and classes, so that their images can be compared. */
export function comparable(a: Card, b: Card): boolean {
  const alike = (x: unknown, y: unknown) => JSON.stringify(x) === JSON.stringify(y);
  return (
    a.conditional.decoder &&
    b.conditional.decoder &&
    a.latent.size === b.latent.size &&
    a.image.height === b.image.height &&
    a.image.width === b.image.width &&
    a.image.channels === b.image.channels &&
    alike(a.classes, b.classes)
  );
}

/** The classes that are the columns at first: as many as fit. */
export const firstColumns = (classes: number): readonly number[] =>
  Array.from({ length: Math.min(GRID, classes) }, (_, i) => i);

/** The columns after one is chosen or no longer: ascending, at most as many as fit, at least one. */
export function toggleColumn(columns: readonly number[], column: number): readonly number[] {
  if (!columns.includes(column)) {
    return columns.length >= GRID ? columns : [...columns, column].sort((a, b) => a - b);
  }
  return columns.length === 1 ? columns : columns.filter((other) => other !== column);
}
