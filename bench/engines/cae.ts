import { cae } from '../../models/cae.ts';
import { bytesPerImage } from '../../pipeline/data/dataset.ts';
import { mnistInMemory } from '../mnist.ts';

export const BATCH = cae.recipe.batchSize;

/** The size of `cae` for MNIST, and MNIST in batches of `[BATCH, H, W, C]` pixels, over and over. */
export async function caeOnMnist() {
  const { length, shape, pixels } = await mnistInMemory();
  const bytes = BATCH * bytesPerImage(shape);
  const batches = Math.floor(length / BATCH);
  return {
    size: { ...shape, latent: cae.recipe.latent, classes: 10, seed: 0 },
    dims: [BATCH, shape.height, shape.width, shape.channels] as [number, number, number, number],
    pixels,
    batch: (index: number) => pixels.subarray((index % batches) * bytes, ((index % batches) + 1) * bytes),
  };
}
