import { createHash } from 'node:crypto';
import { nearestNeighbours } from '../analyse/knn.ts';
import { imagesAtATime, readBatches } from '../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { pickRows } from '../data/rows.ts';
import { pauses, type Tick } from '../io/stages.ts';
import { autocorrelations, joinThumbnails, LAGS, similarity, type Thumbnails, thumbnailsOf } from './similarity.ts';

/** Similarity from which images count as copies, unless another is asked for. */
export const SIMILAR = 0.99;
/** Candidates of each image by its latent and by its autocorrelation. */
const CANDIDATES = 10;

/** SHA-256 of each image's pixels. */
export async function digestsOf(dataset: ImageDataset, tick: Tick): Promise<string[]> {
  const bytes = bytesPerImage(dataset.shape);
  const digests: string[] = [];
  for await (const { start, count, images } of readBatches(dataset, imagesAtATime(dataset.shape), { ahead: 0 })) {
    for (let i = 0; i < count; i++) {
      const pixels = images.subarray(i * bytes, (i + 1) * bytes);
      digests.push(createHash('sha256').update(pixels).digest('base64'));
    }
    tick((start + count) / dataset.length);
  }
  return digests;
}

/** Small copies of all images. */
export async function readThumbnails(dataset: ImageDataset, tick: Tick): Promise<Thumbnails> {
  const parts: Thumbnails[] = [];
  for await (const { start, count, images } of readBatches(dataset, imagesAtATime(dataset.shape), { ahead: 0 })) {
    parts.push(thumbnailsOf(images.subarray(0, count * bytesPerImage(dataset.shape)), dataset.shape));
    tick((start + count) / dataset.length);
  }
  return joinThumbnails(parts);
}

/** What images are compared by. */
interface Compared {
  readonly digests: readonly string[];
  readonly thumbnails: Thumbnails;
  readonly latents: Float32Array;
  readonly size: number;
  readonly least: number;
}

/** Pairs of copies: each image with the first that equals it, and among the others near ones. */
export async function pairsOf({ digests, thumbnails, latents, size, least }: Compared, tick: Tick) {
  const firsts = new Map<string, number>();
  const pairs: { a: number; b: number; kind: 'exact' | 'near'; similarity: number }[] = [];
  const distinct: number[] = [];
  digests.forEach((digest, b) => {
    const a = firsts.get(digest);
    if (a !== undefined) pairs.push({ a, b, kind: 'exact', similarity: 1 });
    else distinct.push(b);
    firsts.set(digest, a ?? b);
  });
  const k = Math.min(CANDIDATES + 1, distinct.length);
  const nearest = async (rows: Float32Array, width: number, from: number) => {
    const some = pickRows(rows, width, Uint32Array.from(distinct));
    const search = (done: number) => tick(from + (0.2 * done) / distinct.length);
    return (await nearestNeighbours(some, some, width, { k, tick: search })).indices;
  };
  const shifts = await autocorrelations(
    thumbnails,
    pauses((share) => tick(0.1 * share)),
  );
  const lists = [await nearest(latents, size, 0.1), await nearest(shifts, LAGS, 0.3)]; // a shift may move the latent far
  /** By position in `distinct`. One set of all pairs might have more elements than JavaScript allows. */
  const candidatesOf = (i: number) => new Set(lists.flatMap((list) => [...list.subarray(i * k, (i + 1) * k)]));
  const pause = pauses((share) => tick(0.5 + 0.5 * share));
  for (let i = 0; i < distinct.length; i++) {
    for (const j of candidatesOf(i)) {
      if (j === i || (j < i && candidatesOf(j).has(i))) continue; // compared before
      const [a, b] = [distinct[Math.min(i, j)] as number, distinct[Math.max(i, j)] as number];
      const found = similarity(thumbnails, a, b);
      if (found >= least) pairs.push({ a, b, kind: 'near', similarity: found });
    }
    await pause((i + 1) / distinct.length);
  }
  return pairs.sort((one, other) => one.a - other.a || one.b - other.b);
}
