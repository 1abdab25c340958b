import { fitPca, project } from '../analyse/pca.ts';
import type { Tick } from '../io/stages.ts';
import { tsne } from '../pictures/tsne.ts';

/** Longer codes are brought to this many principal components before t-SNE. */
const LONGEST = 200;
const COMPONENTS = 50;
const PERPLEXITY = 30;

/** Codes as points of a plane. */
export interface PlaneMap {
  /** `[n, 2]` */
  readonly points: Float32Array;
  /** `codes`: the plane is that of the codes themselves. */
  readonly method: 'codes' | 't-SNE' | 'PCA';
  /** Of t-SNE: less than 30 where there are fewer than 91 points. */
  readonly perplexity: number | null;
}

/**
 * Codes of two numbers as they are, longer ones by t-SNE, those of one number and too few for t-SNE by their principal
 * components. Equal input gives equal numbers.
 * @param latents `[n, size]`
 */
export async function mapOf(latents: Float32Array, size: number, tick: Tick = () => {}): Promise<PlaneMap> {
  const n = latents.length / size;
  if (size === 2) return { points: latents, method: 'codes', perplexity: null };
  if (size === 1 || n < 4) {
    return { points: await components(latents, size, tick), method: 'PCA', perplexity: null };
  }
  const long = size > LONGEST;
  const pca = long ? await fitPca(latents, size, { components: COMPONENTS, tick: (share) => tick(share * 0.1) }) : null;
  const codes = pca ? await project(pca, latents) : latents;
  const from = long ? 0.1 : 0;
  const points = await tsne(codes, codes.length / n, {
    perplexity: PERPLEXITY,
    tick: (done, iterations) => tick(from + (1 - from) * (done / iterations)),
  });
  return { points, method: 't-SNE', perplexity: Math.min(PERPLEXITY, (n - 1) / 3) };
}

async function components(latents: Float32Array, size: number, tick: Tick): Promise<Float32Array> {
  const points = new Float32Array((2 * latents.length) / size);
  if (points.length === 2) return points; // a single point does not vary
  const pca = await fitPca(latents, size, { components: 2, tick });
  const places = await project(pca, latents);
  const count = Math.min(2, size);
  places.forEach((place, i) => {
    points[2 * Math.floor(i / count) + (i % count)] = place;
  });
  return points;
}
