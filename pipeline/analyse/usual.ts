import type { Tick } from '../io/stages.ts';
import { fitGaussianMixture } from './gaussian-mixture.ts';
import { spreadOf } from './moments.ts';
import { fitShrunkNormal } from './shrunk-normal.ts';
import { type Encoded, logOf, type Usual } from './unusual.ts';

/** Numbers of a mixture's fit: rows × components × columns². */
const MOST_COST = 3e8;
const ROWS_PER_NUMBER = 5;

/**
 * Fits normal distributions to latents and errors of training images, taken together: fewer where there are few rows, or long
 * ones. A single one is shrunk, see `fitShrunkNormal`.
 * @param components at most
 */
export async function fitUsual(
  encoded: Encoded,
  size: number,
  { components, seed, tick }: { readonly components: number; readonly seed: number; readonly tick?: Tick },
): Promise<Usual> {
  const scale = errorScale(encoded, size);
  const { rows, columns } = joined(encoded, size, scale);
  const n = rows.length / columns;
  const supported = Math.floor(Math.min(n / (ROWS_PER_NUMBER * columns), MOST_COST / (n * columns ** 2)));
  const count = Math.min(components, supported);
  const { weights, means, factors } =
    count > 1
      ? (await fitGaussianMixture(rows, columns, { components: count, seed, tick })).mixture
      : (await fitShrunkNormal(rows, columns)).normal;
  if (columns === size) return { weights, means, factors };
  /** Undoes the scale of the last row or number. */
  const unscaled = (row: readonly number[], from: number) => row.map((value, i) => (i < from ? value : value / scale));
  return {
    weights,
    means: means.map((mean) => unscaled(mean, size)),
    factors: factors.map((factor) => unscaled(factor, (size * (size + 1)) / 2)),
  };
}

/** Makes the logarithms of errors vary as latents do: the mixture starts from clusters of both. */
function errorScale({ latents, errors }: Encoded, size: number): number {
  if (!errors) return 1;
  const spread = (rows: Float32Array, size: number) => {
    const { std } = spreadOf(rows, size);
    return Math.sqrt(std.reduce((sum, value) => sum + value ** 2, 0) / size);
  };
  const scale = spread(latents, size) / spread(errors.map(logOf), 1);
  return Number.isFinite(scale) && scale > 0 ? scale : 1;
}

function joined({ latents, errors }: Encoded, size: number, scale: number) {
  if (!errors) return { rows: latents, columns: size };
  const columns = size + 1;
  const rows = new Float32Array(errors.length * columns);
  for (let i = 0; i < errors.length; i++) {
    rows.set(latents.subarray(i * size, (i + 1) * size), i * columns);
    rows[i * columns + size] = scale * logOf(errors[i] as number);
  }
  return { rows, columns };
}
