import type { Engine } from '../engine/client.ts';
import { split } from '../ui/pixels.ts';

/** Reconstructions in [0, 1] of images of one shape, bytes `[H, W, C]`, each with its class. @throws Error */
export async function reconstruct(
  engine: Engine,
  images: readonly Uint8Array[],
  labels: Int32Array,
): Promise<readonly Float32Array[]> {
  const size = images[0]?.length ?? 0;
  const pixels = new Uint8Array(images.length * size);
  for (const [i, image] of images.entries()) pixels.set(image, i * size);
  const { latent } = await engine.encode(images.length, pixels, labels);
  return split(await engine.decode(images.length, latent, labels), images.length);
}
