import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { trainingFiles } from '../artifacts/exported.ts';
import { manifestSchema } from '../artifacts/site.ts';
import type { Split } from '../data/open.ts';
import { fileError } from '../io/errors.ts';
import { type Points, writePoints } from './points.ts';
import type { Subject } from './subjects.ts';

export interface Shown {
  readonly split: Split;
  readonly points: Points;
  /** Folder of the image set, from the site's root. */
  readonly set: string;
}

/** Bytes of all files in a folder and its folders, by their paths in it, with `/`. */
export async function sizesIn(folder: string): Promise<Record<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = paths.map(async (path) => {
    const name = relative(folder, path).replaceAll(sep, '/');
    return [name, (await stat(path)).size] as const;
  });
  return Object.fromEntries((await Promise.all(sizes)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/**
 * Writes a model's folder of the site: copies of what was exported, the points, and `manifest.json`, which lists all that
 * the viewer may ask for.
 * @throws InputError when a file of the export cannot be read
 */
export async function writeModel(folder: string, subject: Subject, { split, points, set }: Shown): Promise<void> {
  const { exported, card } = subject;
  const training = await trainingFiles(exported);
  const report = await stat(join(exported, 'report', 'report.html')).catch(() => undefined);
  const copies = [
    ...['card.json', 'encoder.onnx', 'decoder.onnx'],
    ...(card.trainStep ? [card.trainStep.file] : []),
    ...(training ? [training.metrics, ...training.pictures.map(({ file }) => file)] : []),
  ];
  for (const file of copies) await copy(join(exported, file), join(folder, file));
  if (report) await copy(join(exported, 'report', 'report.html'), join(folder, 'report.html'));
  await mkdir(join(folder, split));
  await writePoints(join(folder, split), points);
  const manifest = manifestSchema.parse({
    format: 1,
    files: await sizesIn(folder),
    set,
    points: {
      count: points.errors.length,
      latents: `${split}/latents.npy`,
      errors: `${split}/errors.npy`,
      map: `${split}/map.npy`,
      method: points.map.method,
      perplexity: points.map.perplexity,
    },
    dimensions: points.dimensions,
    training,
    report: report ? 'report.html' : null,
  });
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  // A copy names both paths where it fails: reading is what the user can do something about.
  await stat(from).catch((error: unknown) => {
    throw fileError(error, `cannot read ${from}`);
  });
  await copyFile(from, to);
}
