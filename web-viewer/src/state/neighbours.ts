import type { Points } from '../site/points.ts';

/**
 * The rows with the nearest latents (Euclidean distance), nearest first.
 * @param allowed whether a row is considered
 * @param step considers every so many-th row only
 */
export function nearestRows(
  { latents, count }: Points,
  latent: Float32Array,
  k: number,
  allowed: (row: number) => boolean = () => true,
  step = 1,
): { row: number; distance: number }[] {
  const size = latent.length;
  const best: { row: number; distance: number }[] = [];
  for (let row = 0; row < count; row += step) {
    const limit = best.length < k ? Number.POSITIVE_INFINITY : (best[best.length - 1]?.distance ?? 0);
    let sum = 0;
    for (let d = 0; d < size && sum < limit; d++) {
      const difference = (latents[row * size + d] as number) - (latent[d] as number);
      sum += difference * difference;
    }
    if (!(sum < limit) || !allowed(row)) continue; // also where a latent is not a number
    let place = best.length;
    while (place > 0 && (best[place - 1]?.distance ?? 0) > sum) place--;
    best.splice(place, 0, { row, distance: sum });
    if (best.length > k) best.pop();
  }
  return best.map(({ row, distance }) => ({ row, distance: Math.sqrt(distance) }));
}

/** A position is estimated many times a second, so by so many rows at most. */
const MOST_CONSIDERED = 50_000;

/**
 * The map position of a latent: the latent itself where the map is the latent plane; else a mean of its nearest neighbours
 * weighted by proximity, since t-SNE has no position for new latents.
 */
export function mapPosition(points: Points, latent: Float32Array): readonly [number, number] {
  if (points.method === 'codes') return [latent[0] as number, latent[1] as number];
  const near = nearestRows(points, latent, 5, undefined, Math.ceil(points.count / MOST_CONSIDERED));
  const closest = Math.max(near[0]?.distance ?? 0, 1e-6);
  let [x, y, sum] = [0, 0, 0];
  for (const { row, distance } of near) {
    const weight = Math.exp(-((distance / closest) ** 2));
    x += weight * (points.map[2 * row] as number);
    y += weight * (points.map[2 * row + 1] as number);
    sum += weight;
  }
  return [x / sum, y / sum];
}
