import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { POINTS_ARRAYS, POINTS_FORMAT, pointsSchema } from '../artifacts/site.ts';
import type { Split } from '../data/open.ts';
import { fileDigest } from '../io/digest.ts';
import { readFloats, writeArray } from '../io/npy.ts';
import { publishFolder } from '../io/publish.ts';
import type { Part } from './data.ts';
import type { Points } from './points.ts';
import type { Subject } from './subjects.ts';

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
    const { files, method, perplexity, dimensions, ...found } = pointsSchema.parse(
      JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')),
    );
    for (const [name, value] of Object.entries(keyOf(wanted))) {
      if (found[name as keyof ReturnType<typeof keyOf>] !== value) return undefined;
    }
    for (const name of POINTS_ARRAYS) {
      if ((await fileDigest(join(folder, `${name}.npy`))).sha256 !== files[name]) return undefined;
    }
    const rows = wanted.part.dataset.length;
    const read = (name: (typeof POINTS_ARRAYS)[number], shape: number[]) =>
      readFloats(join(folder, `${name}.npy`), shape);
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
        POINTS_ARRAYS.map(async (name) => [name, (await fileDigest(join(folder, `${name}.npy`))).sha256] as const),
      );
      const manifest = pointsSchema.parse({
        format: POINTS_FORMAT,
        ...keyOf(wanted),
        method: points.map.method,
        perplexity: points.map.perplexity,
        dimensions: points.dimensions,
        files: Object.fromEntries(digests),
      });
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
