import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fitPca, project } from '../analyse/pca.ts';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import { type Manifest, POINTS_ARRAYS, POINTS_FORMAT, pointsSchema } from '../artifacts/site.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { fileDigest } from '../io/digest.ts';
import { EnvironmentError, InputError } from '../io/errors.ts';
import { readFloats, writeArray } from '../io/npy.ts';
import { publishFolder } from '../io/publish.ts';
import type { StagePlan, Stages, Tick } from '../io/stages.ts';
import { sweep } from '../io/staging.ts';
import { findDamage } from '../io/sums.ts';
import { tsne } from '../pictures/tsne.ts';
import type { SiteModel } from './models.ts';

/** Latents, errors and map of a model's images, a row for each in the data set's order. */
export interface Points {
  /** `[n, size]`; of a variational model the means. */
  readonly latents: Float32Array;
  /** Reconstruction error per pixel as the card's `model.error` defines it, `[n]`. */
  readonly errors: Float32Array;
  readonly map: PlaneMap;
  readonly dimensions: Manifest['dimensions'];
}

/** Latents as points of a plane, `[n, 2]`. */
interface PlaneMap extends Pick<NonNullable<Manifest['points']>, 'method' | 'perplexity'> {
  readonly points: Float32Array;
}

/** Stages of `computePoints`, weighted by their seconds on two cores. */
export function pointsPlan({ name, model: { card }, dataset }: SiteModel): StagePlan {
  const images = dataset.length;
  const { height, width, channels } = card.image;
  const plane = card.latent.size <= 2;
  return [
    [`${name}: encoding`, images * height * width * channels * 3.5e-7],
    [`${name}: map`, plane ? 0.01 : 1.3e-4 * images * Math.log2(images + 2)],
  ];
}

interface PointsOptions extends ComputeOptions {
  readonly stages: Stages;
  note(line: string): void;
}

/**
 * Encodes images, measures their reconstruction errors and maps them to a plane. Keeps the points in the folder `viewer` of
 * the exported model for the next site, or notes why it cannot.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function computePoints(siteModel: SiteModel, options: PointsOptions): Promise<Points> {
  const { name, model, dataset } = siteModel;
  const { stages, signal, note } = options;
  const { size } = model.card.latent;
  const encode = (tick: Tick) => latentsOf(model, dataset, { ...options, errors: true, tick });
  const { latents, logvars, errors } = await stages.run(`${name}: encoding`, encode, dataset.length);
  const map = await stages.run(`${name}: map`, (tick) => mapOf(latents, size, tick));
  const kl = logvars ? [...klDivergence(latents, logvars, size).perDimension] : null;
  const dimensions = { kl, variance: [...activeUnits(latents, size).variances] };
  const points = { latents, errors: errors as Float32Array, map, dimensions };
  try {
    await publishFolder(viewerFolder(siteModel), (folder) => writeKept(folder, siteModel, points), { signal });
  } catch (error) {
    if (!(error instanceof InputError || error instanceof EnvironmentError)) throw error;
    note(`the points of ${name} will be computed again next time: ${error.message}`);
  }
  return points;
}

/** Latents of more dimensions are projected on this many principal components before t-SNE. */
const LONGEST = 200;
const COMPONENTS = 50;
const PERPLEXITY = 30;

/**
 * Maps latents to a plane: two-dimensional latents unchanged, others by t-SNE, and one-dimensional ones or too few for t-SNE
 * by their principal components. Equal latents give equal points. The perplexity is below 30 for fewer than 91 points.
 * @param latents `[n, size]`
 */
export async function mapOf(latents: Float32Array, size: number, tick: Tick = () => {}): Promise<PlaneMap> {
  const n = latents.length / size;
  if (size === 2) return { points: latents, method: 'codes', perplexity: null };
  if (size === 1 || n < 4) {
    return { points: await components(latents, size, tick), method: 'PCA', perplexity: null };
  }
  let [rows, from] = [latents, 0];
  if (size > LONGEST) {
    const pca = await fitPca(latents, size, { components: COMPONENTS, tick: (share) => tick(share * 0.1) });
    [rows, from] = [await project(pca, latents), 0.1];
  }
  const points = await tsne(rows, rows.length / n, {
    perplexity: PERPLEXITY,
    tick: (done, iterations) => tick(from + (1 - from) * (done / iterations)),
  });
  return { points, method: 't-SNE', perplexity: Math.min(PERPLEXITY, (n - 1) / 3) };
}

async function components(latents: Float32Array, size: number, tick: Tick): Promise<Float32Array> {
  const points = new Float32Array((2 * latents.length) / size);
  if (points.length === 2) return points; // a single point does not vary
  const pca = await fitPca(latents, size, { components: 2, tick });
  const coordinates = await project(pca, latents);
  const count = Math.min(2, size);
  coordinates.forEach((coordinate, i) => {
    points[2 * Math.floor(i / count) + (i % count)] = coordinate;
  });
  return points;
}

const viewerFolder = ({ model }: SiteModel) => join(model.folder, 'viewer');

const keyOf = ({ cardHash: card, split, fingerprint }: SiteModel) => ({ card, split, fingerprint });

/** SHA-256 of each array's file in a folder. */
async function digestsIn(folder: string) {
  const entries = POINTS_ARRAYS.map(async (name) => [name, (await fileDigest(join(folder, `${name}.npy`))).sha256]);
  return Object.fromEntries(await Promise.all(entries)) as Record<(typeof POINTS_ARRAYS)[number], string>;
}

/** Points that an earlier site left in the model's folder `viewer`; undefined where there are none of these images. */
export async function readPoints(siteModel: SiteModel): Promise<Points | undefined> {
  const folder = viewerFolder(siteModel);
  try {
    await sweep(siteModel.model.folder);
    if (await findDamage(folder)) return undefined;
    const { files, method, perplexity, dimensions, ...found } = pointsSchema.parse(
      JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
    );
    const expected = { format: POINTS_FORMAT, ...keyOf(siteModel), ...(await digestsIn(folder)) };
    if (!isDeepStrictEqual({ ...found, ...files }, expected)) return undefined;
    const rows = siteModel.dataset.length;
    const read = (name: string, ...shape: number[]) => readFloats(join(folder, `${name}.npy`), shape);
    return {
      latents: await read('latents', rows, siteModel.model.card.latent.size),
      errors: await read('errors', rows),
      map: { points: await read('map', rows, 2), method, perplexity },
      dimensions,
    };
  } catch {
    return undefined; // a missing or damaged folder is replaced
  }
}

async function writeKept(folder: string, siteModel: SiteModel, points: Points): Promise<void> {
  await writePoints(folder, points);
  const { dimensions, map } = points;
  const { method, perplexity } = map;
  const about = { format: POINTS_FORMAT, ...keyOf(siteModel), method, perplexity, dimensions };
  const manifest = pointsSchema.parse({ ...about, files: await digestsIn(folder) });
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Writes `latents.npy`, `errors.npy` and `map.npy`, all float32. */
export async function writePoints(folder: string, { latents, errors, map }: Points): Promise<void> {
  const rows = errors.length;
  await writeArray(join(folder, 'latents.npy'), latents, [rows, latents.length / rows]);
  await writeArray(join(folder, 'errors.npy'), errors, [rows]);
  await writeArray(join(folder, 'map.npy'), map.points, [rows, 2]);
}
