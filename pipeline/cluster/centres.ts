import { kmeans } from '../analyse/kmeans.ts';
import { stopIfAborted } from '../io/errors.ts';
import type { FindCentres } from '../train/targets.ts';

/** Centres by k-means. @throws Interrupted after the signal */
export const findCentres: FindCentres = async (latents, size, { clusters, seed, signal }) => {
  const { centres } = await kmeans(latents, size, { clusters, seed, tick: () => stopIfAborted(signal) });
  return centres;
};
