import type { Generator } from '../data/generator.ts';
import { type Pause, rowStretches } from '../io/stages.ts';

/** Numbers that are compared before asking whether a row is too far from a candidate already. */
const STRIDE = 8;

/**
 * Rows that are good first centres, `[clusters, size]`: greedy k-means++ (Arthur and Vassilvitskii 2007, "k-means++: the
 * advantages of careful seeding"; of 2 + ⌊ln k⌋ candidates, each drawn with probability proportional to its squared
 * distance from the centres so far, the one that leaves the smallest sum of squared distances).
 */
export async function plusPlusCentres(
  rows: Float32Array,
  size: number,
  clusters: number,
  generator: Generator,
  pause: Pause,
): Promise<Float64Array> {
  const n = rows.length / size;
  const centres = new Float64Array(clusters * size);
  const candidates = 2 + Math.floor(Math.log(clusters));
  let nearest = new Float64Array(n).fill(Number.POSITIVE_INFINITY);
  let potential = 0;
  for (let cluster = 0; cluster < clusters; cluster++) {
    let best = { row: -1, nearest, potential: Number.POSITIVE_INFINITY };
    for (let trial = 0; trial < (cluster === 0 ? 1 : candidates); trial++) {
      const row = potential > 0 ? drawRow(nearest, potential, generator) : Math.floor(generator.uniform() * n);
      const distances = new Float64Array(n);
      let sum = 0;
      for (const { from, to } of rowStretches(n, size)) {
        sum += capDistances(rows, size, row, nearest, distances, from, to);
        await pause(0);
      }
      if (sum < best.potential) best = { row, nearest: distances, potential: sum };
    }
    ({ nearest, potential } = best);
    centres.set(rows.subarray(best.row * size, (best.row + 1) * size), cluster * size);
  }
  return centres;
}

/** A row, with probability proportional to its weight. @param sum of the weights */
function drawRow(weights: Float64Array, sum: number, generator: Generator): number {
  let rest = generator.uniform() * sum;
  let last = 0;
  for (let row = 0; row < weights.length; row++) {
    const weight = weights[row] as number;
    if (weight === 0) continue;
    last = row;
    rest -= weight;
    if (rest < 0) return row;
  }
  return last; // rounding left a rest
}

/** Writes the squared distances from a row where they are below the caps, else the caps; returns their sum. */
function capDistances(
  rows: Float32Array,
  size: number,
  row: number,
  caps: Float64Array,
  target: Float64Array,
  from: number,
  to: number,
): number {
  const a = row * size;
  let sum = 0;
  for (let i = from, b = from * size; i < to; i++, b += size) {
    const cap = caps[i] as number;
    let distance = 0;
    for (let j = 0; j < size && distance < cap; ) {
      for (const stop = Math.min(j + STRIDE, size); j < stop; j++) {
        const difference = (rows[a + j] as number) - (rows[b + j] as number);
        distance += difference * difference;
      }
    }
    const capped = Math.min(distance, cap);
    target[i] = capped;
    sum += capped;
  }
  return sum;
}
