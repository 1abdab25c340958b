import type { Card } from '../artifacts/card.ts';
import { largestOf } from '../data/rows.ts';

/** The cluster of each row, and its probability, `[n]`. */
export interface Assigned {
  readonly clusters: Int32Array;
  readonly confidences: Float32Array;
}

/** The most probable cluster of each row, and its probability. @param probabilities `[n, K]` */
export function mostProbable(probabilities: Float32Array, k: number): Assigned {
  const clusters = largestOf(probabilities, k);
  return {
    clusters,
    confidences: Float32Array.from(clusters, (cluster, row) => probabilities[row * k + cluster] as number),
  };
}

/** The most probable cluster of each row; undefined where the model has none. @param probabilities `[n, K]` */
export const assignedOf = ({ clusters }: Card, probabilities: Float32Array | undefined): Assigned | undefined =>
  clusters && probabilities && mostProbable(probabilities, clusters.count);
