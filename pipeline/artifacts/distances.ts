/**
 * Distances from training latents: `mixture` by several normal distributions, `mahalanobis` by one, `knn` from the nearest of them.
 */
export const distanceKinds = ['mixture', 'mahalanobis', 'knn'] as const;
export type DistanceKind = (typeof distanceKinds)[number];
