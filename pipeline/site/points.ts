import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { fitPca, project } from '../analyse/pca.ts';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import { type Manifest, type MapMethod, POINTS_FORMAT, pointsSchema } from '../artifacts/site.ts';
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
import { umap } from '../pictures/umap.ts';
import type { SiteModel } from './models.ts';

/** Latents, errors and maps of a model's images, a row for each in the data set's order. */
export interface Points {
  /** `[n, size]`; of a variational model the means. */
  readonly latents: Float32Array;
  /** Reconstruction error per pixel as the card's `model.error` defines it, `[n]`. */
  readonly errors: Float32Array;
  /** At least one; the first is shown first. */
  readonly maps: readonly PlaneMap[];
  readonly dimensions: Manifest['dimensions'];
}

/** Latents as points of a plane, `[n, 2]`. */
interface PlaneMap {
  readonly method: MapMethod;
  readonly points: Float32Array;
}

/** Maps that are made where latents have more than two dimensions; the first is shown first. */
const MAPS = ['t-SNE', 'UMAP', 'PCA'] as const;

/** The maps of a model's images, of those that are wanted. */
export function methodsFor(n: number, size: number, wanted: readonly MapMethod[] = MAPS): readonly MapMethod[] {
  if (size === 2) return ['codes'];
  return size === 1 || n < 4 ? ['PCA'] : wanted;
}

/** Seconds to map an image's latents on two cores, but for the logarithm of the number of images. */
const SECONDS: Readonly<Record<MapMethod, number>> = { codes: 0, 't-SNE': 1.3e-4, UMAP: 1e-4, PCA: 1e-6 };

/** Stages of `computePoints`, weighted by their seconds on two cores. */
export function pointsPlan(
  { name, model: { card }, dataset }: SiteModel,
  found: Points | undefined,
  wanted: Wanted,
): StagePlan {
  const images = dataset.length;
  const { height, width, channels } = card.image;
  const missing = missingMaps(methodsFor(images, card.latent.size, wanted), found);
  return [
    ...(found ? [] : [[`${name}: encoding`, images * height * width * channels * 3.5e-7] as const]),
    ...missing.map(
      (method) => [`${name}: ${method}`, 0.01 + SECONDS[method] * images * Math.log2(images + 2)] as const,
    ),
  ];
}

type Wanted = readonly MapMethod[] | undefined;

export const missingMaps = (methods: readonly MapMethod[], found: Points | undefined): readonly MapMethod[] =>
  methods.filter((method) => !found?.maps.some((map) => map.method === method));

interface PointsOptions extends ComputeOptions {
  readonly maps?: Wanted;
  readonly stages: Stages;
  note(line: string): void;
}

/**
 * Encodes images, measures their reconstruction errors and maps them to a plane. Keeps the points in the folder `viewer` of
 * the exported model for the next site, or notes why it cannot.
 * @param found points that an earlier site kept; what they lack is computed
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function computePoints(
  siteModel: SiteModel,
  found: Points | undefined,
  options: PointsOptions,
): Promise<Points> {
  const { name, model, dataset } = siteModel;
  const { signal, note, stages } = options;
  const { size } = model.card.latent;
  const methods = methodsFor(dataset.length, size, options.maps);
  const missing = missingMaps(methods, found);
  const { latents, errors, dimensions } = found ?? (await encoded(siteModel, options));
  const made: PlaneMap[] = [...(found?.maps ?? [])];
  for (const method of missing) {
    const points = await stages.run(`${name}: ${method}`, (tick) => mapOf(latents, size, method, tick));
    made.push({ method, points });
  }
  const wanted = methods.flatMap((method) => made.filter((map) => map.method === method));
  const maps = [...wanted, ...made.filter((map) => !wanted.includes(map))];
  const points = { latents, errors, maps, dimensions };
  if (!found || missing.length > 0) {
    try {
      await publishFolder(viewerFolder(siteModel), (folder) => writeKept(folder, siteModel, points), { signal });
    } catch (error) {
      if (!(error instanceof InputError || error instanceof EnvironmentError)) throw error;
      note(`the points of ${name} will be computed again next time: ${error.message}`);
    }
  }
  return { ...points, maps: wanted };
}

async function encoded({ name, model, dataset }: SiteModel, options: PointsOptions) {
  const { size } = model.card.latent;
  const encode = (tick: Tick) => latentsOf(model, dataset, { ...options, errors: true, tick });
  const { latents, logvars, errors } = await options.stages.run(`${name}: encoding`, encode, dataset.length);
  const kl = logvars ? [...klDivergence(latents, logvars, size).perDimension] : null;
  return {
    latents,
    errors: errors as Float32Array,
    dimensions: { kl, variance: [...activeUnits(latents, size).variances] },
  };
}

/** Latents of more dimensions are projected on this many principal components before t-SNE and UMAP. */
const LONGEST = 200;
const COMPONENTS = 50;
const PERPLEXITY = 30;

/** t-SNE's perplexity: below 30 for fewer than 91 points. */
const perplexityOf = (n: number) => Math.min(PERPLEXITY, (n - 1) / 3);

/**
 * Maps latents to a plane `[n, 2]`. Equal latents give equal points.
 * @param latents `[n, size]`
 */
export async function mapOf(
  latents: Float32Array,
  size: number,
  method: MapMethod,
  tick: Tick = () => {},
): Promise<Float32Array> {
  if (method === 'codes') return latents;
  if (method === 'PCA') return components(latents, size, tick);
  let [rows, from] = [latents, 0];
  if (size > LONGEST) {
    const pca = await fitPca(latents, size, { components: COMPONENTS, tick: (share) => tick(share * 0.1) });
    [rows, from] = [await project(pca, latents), 0.1];
  }
  const n = latents.length / size;
  const options = { tick: (done: number, all: number) => tick(from + (1 - from) * (done / all)) };
  return method === 'UMAP'
    ? umap(rows, rows.length / n, options)
    : tsne(rows, rows.length / n, { perplexity: PERPLEXITY, ...options });
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

/** The arrays of points, by the names of their files without `.npy`. */
const arraysOf = ({ latents, errors, maps }: Points): readonly (readonly [name: string, numbers: Float32Array])[] => [
  ['latents', latents],
  ['errors', errors],
  ...maps.map(({ points }, i) => [mapName(maps, i), points] as const),
];

const mapName = (maps: readonly { readonly method: MapMethod }[], i: number): string =>
  i === 0 ? 'map' : `map-${maps[i]?.method.toLowerCase()}`;

/** What a manifest says about maps whose files are in a folder. */
export const aboutMaps = (maps: readonly PlaneMap[], rows: number, folder: string) => ({
  method: maps[0]?.method ?? 'codes',
  perplexity: maps[0]?.method === 't-SNE' ? perplexityOf(rows) : null,
  others: maps.slice(1).map(({ method }, i) => ({ method, file: `${folder}${mapName(maps, i + 1)}.npy` })),
});

/** SHA-256 of each array's file in a folder. */
async function digestsIn(folder: string, names: readonly string[]): Promise<Record<string, string>> {
  const entries = names.map(async (name) => [name, (await fileDigest(join(folder, `${name}.npy`))).sha256]);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>;
}

/** Points that an earlier site left in the model's folder `viewer`; undefined where there are none of these images. */
export async function readPoints(siteModel: SiteModel): Promise<Points | undefined> {
  const folder = viewerFolder(siteModel);
  try {
    await sweep(siteModel.model.folder);
    if (await findDamage(folder)) return undefined;
    const {
      files,
      method,
      perplexity,
      others,
      dimensions,
      pixels: _,
      ...found
    } = pointsSchema.parse(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
    const methods = [{ method }, ...others];
    const names = ['latents', 'errors', ...methods.map((_, i) => mapName(methods, i))];
    const expected = { format: POINTS_FORMAT, ...keyOf(siteModel), files: await digestsIn(folder, names) };
    if (!isDeepStrictEqual({ ...found, files }, expected)) return undefined;
    const rows = siteModel.dataset.length;
    const read = (name: string, ...shape: number[]) => readFloats(join(folder, `${name}.npy`), shape);
    return {
      latents: await read('latents', rows, siteModel.model.card.latent.size),
      errors: await read('errors', rows),
      maps: await Promise.all(
        methods.map(async ({ method }, i) => ({ method, points: await read(mapName(methods, i), rows, 2) })),
      ),
      dimensions,
    };
  } catch {
    return undefined; // a missing or damaged folder is replaced
  }
}

async function writeKept(folder: string, siteModel: SiteModel, points: Points): Promise<void> {
  await writePoints(folder, points);
  const { dimensions, maps, errors } = points;
  const files = await digestsIn(
    folder,
    arraysOf(points).map(([name]) => name),
  );
  const about = {
    format: POINTS_FORMAT,
    ...keyOf(siteModel),
    pixels: siteModel.pixels,
    ...aboutMaps(maps, errors.length, ''),
    dimensions,
    files,
  };
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(pointsSchema.parse(about), null, 2)}\n`);
}

/** Writes latents, errors and maps, `[n, …]` float32, each into a file. */
export async function writePoints(folder: string, points: Points): Promise<void> {
  const rows = points.errors.length;
  for (const [name, numbers] of arraysOf(points)) {
    const shape = name === 'errors' ? [rows] : [rows, numbers.length / rows];
    await writeArray(join(folder, `${name}.npy`), numbers, shape);
  }
}
