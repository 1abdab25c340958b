import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import { POINTS_ARRAYS, POINTS_FORMAT, pointsSchema } from '../artifacts/site.ts';
import type { Split } from '../data/open.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { fileDigest } from '../io/digest.ts';
import { readFloats, writeArray } from '../io/npy.ts';
import { publishFolder } from '../io/publish.ts';
import type { Stages } from '../io/stages.ts';
import type { Part } from './data.ts';
import { mapOf, type PlaneMap } from './map.ts';
import type { Subject } from './subjects.ts';

/** Latents, errors and map of a model's images, a row for each in the data set's order. */
export interface Points {
  /** `[n, size]`; of a variational model the means. */
  readonly latents: Float32Array;
  /** Reconstruction error per pixel as the card's `model.error` defines it, `[n]`. */
  readonly errors: Float32Array;
  readonly map: PlaneMap;
  readonly dimensions: {
    /** Nats, mean over the images, by latent dimension; null where the model is not variational. */
    readonly kl: readonly number[] | null;
    /** Variance over the images, by latent dimension. */
    readonly variance: readonly number[];
  };
}

/** A model and the images that a site shows of it. */
export interface Wanted {
  readonly subject: Subject;
  readonly split: Split;
  readonly part: Part;
}

/** Stages of `measurePoints`, weighted by their seconds on two cores. */
export function pointsPlan({ subject: { name, card }, part }: Wanted): (readonly [name: string, weight: number])[] {
  const images = part.dataset.length;
  const { height, width, channels } = card.image;
  const plane = card.latent.size <= 2;
  return [
    [`${name}: encoding`, images * height * width * channels * 3.5e-7],
    [`${name}: map`, plane ? 0.01 : 1.3e-4 * images * Math.log2(images + 2)],
  ];
}

/**
 * Encodes images, measures their reconstruction errors and maps them to a plane.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function measurePoints(
  { subject: { name, model }, part: { dataset } }: Wanted,
  { stages, ...options }: ComputeOptions & { readonly stages: Stages },
): Promise<Points> {
  const { size } = model.card.latent;
  const { latents, logvars, errors } = await stages.run(
    `${name}: encoding`,
    (tick) => latentsOf(model, dataset, { ...options, errors: true, tick }),
    dataset.length,
  );
  const map = await stages.run(`${name}: map`, (tick) => mapOf(latents, size, tick));
  const kl = logvars ? [...klDivergence(latents, logvars, size).perDimension] : null;
  const dimensions = { kl, variance: [...activeUnits(latents, size).variances] };
  return { latents, errors: errors as Float32Array, map, dimensions };
}

/** SHA-256 of each array's file in a folder. */
async function digestsIn(folder: string) {
  const entries = POINTS_ARRAYS.map(async (name) => [name, (await fileDigest(join(folder, `${name}.npy`))).sha256]);
  return Object.fromEntries(await Promise.all(entries)) as Record<(typeof POINTS_ARRAYS)[number], string>;
}

const keyOf = ({ subject: { cardHash: card }, split, part: { fingerprint } }: Wanted) => ({ card, split, fingerprint });

/** Points that an earlier site left in the model's folder `viewer`; undefined where there are none, or others. */
export async function readPoints(wanted: Wanted): Promise<Points | undefined> {
  const folder = join(wanted.subject.exported, 'viewer');
  try {
    const { files, method, perplexity, dimensions, ...found } = pointsSchema.parse(
      JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
    );
    const expected = { format: POINTS_FORMAT, ...keyOf(wanted), ...(await digestsIn(folder)) };
    if (!isDeepStrictEqual({ ...found, ...files }, expected)) return undefined;
    const rows = wanted.part.dataset.length;
    const read = (name: string, ...shape: number[]) => readFloats(join(folder, `${name}.npy`), shape);
    return {
      latents: await read('latents', rows, wanted.subject.card.latent.size),
      errors: await read('errors', rows),
      map: { points: await read('map', rows, 2), method, perplexity },
      dimensions,
    };
  } catch {
    return undefined; // a missing or damaged folder is replaced
  }
}

/** Keeps points in the model's folder `viewer`. @throws InputError, EnvironmentError, Interrupted */
export async function keepPoints(wanted: Wanted, points: Points, signal: AbortSignal | undefined): Promise<void> {
  const { dimensions } = points;
  const { method, perplexity } = points.map;
  await publishFolder(
    join(wanted.subject.exported, 'viewer'),
    async (folder) => {
      await writePoints(folder, points);
      const about = { format: POINTS_FORMAT, ...keyOf(wanted), method, perplexity, dimensions };
      const manifest = pointsSchema.parse({ ...about, files: await digestsIn(folder) });
      await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    },
    { signal },
  );
}

/** Writes `latents.npy`, `errors.npy` and `map.npy`, all float32. */
export async function writePoints(folder: string, { latents, errors, map }: Points): Promise<void> {
  const rows = errors.length;
  await writeArray(join(folder, 'latents.npy'), latents, [rows, latents.length / rows]);
  await writeArray(join(folder, 'errors.npy'), errors, [rows]);
  await writeArray(join(folder, 'map.npy'), map.points, [rows, 2]);
}
