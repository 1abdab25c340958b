import { existsSync } from 'node:fs';
import { copyFile, cp, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Column } from '../artifacts/columns.ts';
import { trainingFiles, writeCard } from '../artifacts/exported.ts';
import { manifestSchema, siteIndexSchema } from '../artifacts/site.ts';
import { nameOfSpec } from '../data/formats.ts';
import { fileDigest } from '../io/digest.ts';
import { EnvironmentError, fileError, InputError } from '../io/errors.ts';
import { makeFolder } from '../io/folders.ts';
import { writeArray } from '../io/npy.ts';
import { setFolder } from './image-set.ts';
import type { SiteModel } from './models.ts';
import { aboutMaps, type Points, writePoints } from './points.ts';

/** The page's source in a checkout; the built page in the package. */
const VIEWER = fileURLToPath(new URL('../../web-viewer', import.meta.url));

/**
 * Puts the page into a folder: builds it in a checkout, copies it otherwise.
 * @param built folder of a built page
 * @throws InputError when `built` holds no page; EnvironmentError when convae was installed without its page
 */
export async function placeApp(folder: string, built: string | undefined): Promise<void> {
  const configFile = join(VIEWER, 'vite.config.ts');
  if (built === undefined && existsSync(configFile)) {
    const { build } = await import('vite');
    await build({ root: VIEWER, configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
    return;
  }
  const source = built ?? VIEWER;
  if (!existsSync(join(source, 'index.html'))) {
    if (built !== undefined) throw new InputError(`${built}: there is no index.html in it; give a built page`);
    throw new EnvironmentError(`the page is missing from ${VIEWER}; install convae again`);
  }
  await cp(source, folder, { recursive: true });
}

/** The file of a site that lists its models. */
export const INDEX = join('models', 'index.json');

export async function writeIndex(site: string, models: readonly SiteModel[]): Promise<void> {
  const entries = models.map(({ name, folder }) => ({ name, folder }));
  const index = siteIndexSchema.parse({ format: 1, models: entries });
  await writeFile(join(site, INDEX), `${JSON.stringify(index, null, 2)}\n`);
  await writeFile(join(site, '.nojekyll'), ''); // otherwise GitHub Pages omits files whose names begin with _
}

/** Bytes of all files in a folder and its folders, by their paths in it, with `/`. */
export async function sizesIn(folder: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {};
  for (const path of (await readdir(folder, { recursive: true })).sort()) {
    const found = await stat(join(folder, path));
    if (found.isFile()) sizes[path.replaceAll(sep, '/')] = found.size;
  }
  return sizes;
}

/**
 * Writes a model's folder of a site: copies of exported files, the points, columns, and `manifest.json`, which lists every file that
 * the page may request.
 * @throws InputError when an exported file cannot be read
 */
export async function writeModel(
  folder: string,
  { model, split, fingerprint, pixels }: SiteModel,
  points: Points,
  columns: readonly Column[],
): Promise<void> {
  const { trainStep } = model.card;
  const training = await trainingFiles(model.folder);
  const report = join(model.folder, 'report', 'report.html');
  const hasReport = existsSync(report);
  const { dataset } = model.card;
  const name = nameOfSpec(dataset.name); // a page is public, where the folders of this machine are of no use
  const copies = [
    ...(name === dataset.name ? ['card.json'] : []),
    ...['encoder.onnx', 'decoder.onnx'],
    ...(trainStep ? [trainStep.file] : []),
    ...(training ? [training.metrics, ...training.pictures.map(({ file }) => file)] : []),
  ];
  for (const file of copies) await copy(join(model.folder, file), join(folder, file));
  if (name !== dataset.name) await writeCard(folder, { ...model.card, dataset: { ...dataset, name } });
  if (hasReport) await copy(report, join(folder, 'report.html'));
  await mkdir(join(folder, split));
  await writePoints(join(folder, split), points);
  const rows = points.errors.length;
  for (const [i, { values }] of columns.entries()) await writeArray(join(folder, columnFile(split, i)), values, [rows]);
  const manifest = manifestSchema.parse({
    format: 1,
    files: await sizesIn(folder),
    card: (await fileDigest(join(folder, 'card.json'))).sha256,
    set: setFolder(fingerprint),
    pixels,
    points: {
      count: rows,
      latents: `${split}/latents.npy`,
      errors: `${split}/errors.npy`,
      map: `${split}/map.npy`,
      ...aboutMaps(points.maps, rows, `${split}/`),
    },
    columns: columns.map(({ name, kind, categories }, i) => ({
      name,
      kind,
      file: columnFile(split, i),
      ...(kind === 'category' && { categories }),
    })),
    dimensions: points.dimensions,
    training,
    report: hasReport ? 'report.html' : null,
  });
  await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

const columnFile = (split: string, i: number) => `${split}/column-${i}.npy`;

async function copy(from: string, to: string): Promise<void> {
  await makeFolder(dirname(to));
  // An error of `copyFile` names both paths; the user can only make `from` readable.
  await stat(from).catch((error: unknown) => {
    throw fileError(error, `cannot read ${from}`);
  });
  await copyFile(from, to);
}
