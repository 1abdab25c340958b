import { bisectLeft } from 'd3-array';
import type { FileSource, OnBytes } from './files.ts';
import { readNpy } from './npy.ts';
import { FileProblem } from './problem.ts';
import type { Manifest, MapMethod } from './schema.ts';

/** The image set as the model encodes it, one row per image, in the set's order. */
export interface Points {
  readonly count: number;
  /** Latents `[N, D]`. */
  readonly latents: Float32Array;
  /** Reconstruction error of each image, mean per pixel, `[N]`. */
  readonly errors: Float32Array;
  /** The same errors, ascending. */
  readonly sortedErrors: Float32Array;
  /** Map positions `[N, 2]`. */
  readonly map: Float32Array;
  readonly method: MapMethod;
  readonly perplexity: number | null;
}

/** @throws FileProblem */
export async function loadPoints(
  source: FileSource,
  { points }: Manifest,
  latentSize: number,
  onBytes?: OnBytes,
): Promise<Points | null> {
  if (!points) return null;
  const { count, method, perplexity } = points;
  const [latents, errors, map] = await Promise.all([
    source.read(points.latents, onBytes).then((bytes) => readNpy(bytes, '<f4', 2, points.latents)),
    source.read(points.errors, onBytes).then((bytes) => readNpy(bytes, '<f4', 1, points.errors)),
    source.read(points.map, onBytes).then((bytes) => readNpy(bytes, '<f4', 2, points.map)),
  ]);
  const fits = latents.shape[0] === count && latents.shape[1] === latentSize;
  if (!fits || errors.shape[0] !== count || map.shape[0] !== count || map.shape[1] !== 2) {
    throw new FileProblem('the latents, errors and map positions of the images do not match');
  }
  return {
    count,
    latents: latents.data,
    errors: errors.data,
    sortedErrors: errors.data.slice().sort(),
    map: map.data,
    method,
    perplexity,
  };
}

/** The share of the points, 0 to 1, with a smaller error. */
export const errorPercentile = ({ sortedErrors }: Points, error: number): number =>
  bisectLeft(sortedErrors, error) / Math.max(1, sortedErrors.length);
