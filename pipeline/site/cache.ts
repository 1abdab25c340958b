import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fileDigest } from '../artifacts/card.ts';
import type { Split } from '../data/open.ts';
import { readFloats, writeArray } from '../io/npy-arrays.ts';
import { publishFolder } from '../io/publish.ts';
import type { Part } from './data.ts';
import type { Points } from './points.ts';
import type { Subject } from './subjects.ts';

/** Raised when the same model and images would give other points. The viewer reads this folder of a dropped export too. */
const FORMAT = 1;
const ARRAYS = ['latents', 'errors', 'map'] as const;

const schema = z.object({
  format: z.literal(FORMAT),
  /** What the points are of. */
  card: z.string(),
  split: z.string(),
  fingerprint: z.string(),
  method: z.enum(['codes', 't-SNE', 'PCA']),
  perplexity: z.number().nullable(),
  dimensions: z.object({ kl: z.array(z.number()).nullable(), variance: z.array(z.number()) }),
  /** SHA-256 of each file of numbers. */
  files: z.record(z.enum(ARRAYS), z.string()),
});

/** What was asked for: points are used again for the same alone. */
export interface Wanted {
  readonly subject: Subject;
  readonly split: Split;
  readonly part: Part;
}

const folderOf = ({ exported }: Subject) => join(exported, 'viewer');
const keyOf = ({ subject, split, part }: Wanted) => ({
  card: subject.cardHash,
  split,
  fingerprint: part.fingerprint,
});

/** The points that an earlier site left in the exported model's folder `viewer`; undefined where it must be done anew. */
export async function readCache(wanted: Wanted): Promise<Points | undefined> {
  const folder = folderOf(wanted.subject);
  try {
    const { files, method, perplexity, dimensions, ...found } = schema.parse(
      JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
    );
    for (const [name, value] of Object.entries(keyOf(wanted))) {
      if (found[name as keyof ReturnType<typeof keyOf>] !== value) return undefined;
    }
    for (const name of ARRAYS) {
      if ((await fileDigest(join(folder, `${name}.npy`))).sha256 !== files[name]) return undefined;
    }
    const rows = wanted.part.dataset.length;
    const read = (name: (typeof ARRAYS)[number], shape: number[]) => readFloats(join(folder, `${name}.npy`), shape);
    return {
      latents: await read('latents', [rows, wanted.subject.card.latent.size]),
      errors: await read('errors', [rows]),
      map: { points: await read('map', [rows, 2]), method, perplexity },
      dimensions,
    };
  } catch {
    return undefined; // whatever is there, it is of no use
  }
}

/** Keeps points for the next site. @throws InputError, EnvironmentError, Interrupted */
export async function writeCache(wanted: Wanted, points: Points, signal: AbortSignal | undefined): Promise<void> {
  await publishFolder(
    folderOf(wanted.subject),
    async (folder) => {
      await writePoints(folder, points);
      const digests = await Promise.all(
        ARRAYS.map(async (name) => [name, (await fileDigest(join(folder, `${name}.npy`))).sha256] as const),
      );
      const manifest: z.infer<typeof schema> = {
        format: FORMAT,
        ...keyOf(wanted),
        method: points.map.method,
        perplexity: points.map.perplexity,
        dimensions: { kl: points.dimensions.kl?.slice() ?? null, variance: points.dimensions.variance.slice() },
        files: Object.fromEntries(digests) as Record<(typeof ARRAYS)[number], string>,
      };
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
