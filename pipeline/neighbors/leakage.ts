import { nearestNeighbours } from '../analyse/knn.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { pickRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { digestsOf, readThumbnails, SIMILAR } from './copies.ts';
import { joinThumbnails, similarity } from './similarity.ts';

/** Test images that are compared at a time, and training images that each is compared with. */
const BATCH = 500;
const CANDIDATES = 3;

/** Images and their latents, `[n, D]`. */
export interface EncodedImages {
  readonly images: ImageDataset;
  readonly latents: Float32Array;
}

/** Numbers of test images that are copies of training images. */
export interface Leakage {
  readonly exact: number;
  /** Nearly equal to one of the training images whose latents are nearest. */
  readonly near: number;
}

/**
 * Finds test images that are copies of training images.
 * @param size of a latent
 * @throws InputError, EnvironmentError; Interrupted by `tick`
 */
export async function findLeakage(
  train: EncodedImages,
  test: EncodedImages,
  size: number,
  tick: Tick,
): Promise<Leakage> {
  const known = new Set(await digestsOf(train.images, (share) => tick(0.4 * share)));
  const digests = await digestsOf(test.images, (share) => tick(0.4 + 0.1 * share));
  const others = Uint32Array.from([...digests.keys()].filter((row) => !known.has(digests[row] as string)));
  const k = Math.min(CANDIDATES, train.images.length);
  const asked = pickRows(test.latents, size, others);
  const search = (done: number) => tick(0.5 + (0.2 * done) / others.length);
  const { indices } = await nearestNeighbours(train.latents, asked, size, { k, tick: search });
  const pause = pauses((share) => tick(0.7 + 0.3 * share));
  let near = 0;
  for (let from = 0; from < others.length; from += BATCH) {
    const some = others.subarray(from, from + BATCH);
    const candidates = Uint32Array.from(indices.subarray(from * k, (from + some.length) * k));
    const reading = () => tick(0.7 + (0.3 * from) / others.length);
    const thumbnails = joinThumbnails([
      await readThumbnails(subset(test.images, test.images.name, some), reading),
      await readThumbnails(subset(train.images, train.images.name, candidates), reading),
    ]);
    for (let i = 0; i < some.length; i++) {
      const isCopy = (rank: number) => similarity(thumbnails, i, some.length + i * k + rank) >= SIMILAR;
      if (Array.from({ length: k }, (_, rank) => rank).some(isCopy)) near++;
    }
    await pause((from + some.length) / others.length);
  }
  return { exact: digests.length - others.length, near };
}
