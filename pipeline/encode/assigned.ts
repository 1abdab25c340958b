import type { Card } from '../artifacts/card.ts';

/** The cluster of each row, and its probability. */
export interface Assigned {
  readonly clusters: Int32Array;
  readonly confidences: Float32Array;
}

/** The most probable cluster of each row; undefined where the model has none. @param probabilities `[n, K]` */
export function assignedOf({ clusters }: Card, probabilities: Float32Array | undefined): Assigned | undefined {
  if (!clusters || !probabilities) return undefined;
  const { count } = clusters;
  const rows = probabilities.length / count;
  const assigned = { clusters: new Int32Array(rows), confidences: new Float32Array(rows) };
  for (let row = 0; row < rows; row++) {
    const ofRow = probabilities.subarray(row * count, (row + 1) * count);
    const best = ofRow.reduce((best, value, k) => (value > (ofRow[best] as number) ? k : best), 0);
    assigned.clusters[row] = best;
    assigned.confidences[row] = ofRow[best] as number;
  }
  return assigned;
}
