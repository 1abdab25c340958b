import { existsSync } from 'node:fs';
import { copyFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Column } from '../artifacts/columns.ts';
import type { MapMethod } from '../artifacts/site.ts';
import { nameOfSpec } from '../data/formats.ts';
import type { Device } from '../devices/device.ts';
import { codeOf, fileError, InputError } from '../io/errors.ts';
import { publishFolder } from '../io/publish.ts';
import { createStages, type StageProgress, type Tick } from '../io/stages.ts';
import { SUMS } from '../io/sums.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { columnsFor } from './columns.ts';
import { INDEX, placeApp, sizesIn, writeIndex, writeModel } from './folder.ts';
import { setFolder, writeSet } from './image-set.ts';
import { type ModelOptions, type SiteModel, withModels } from './models.ts';
import { computePoints, methodsFor, missingMaps, type Points, pointsPlan, readPoints } from './points.ts';

export interface SiteOptions extends ModelOptions {
  /** The folder of the site. */
  readonly out: string;
  readonly device: Device;
  /** Maps of latents of more than two dimensions; the first is shown first. All by default. */
  readonly maps?: readonly MapMethod[] | undefined;
  /** Tables, CSV or Parquet, that are joined to the images by their ids. */
  readonly columns?: readonly string[] | undefined;
  /** Folder of a built app; it is built when not given. */
  readonly app?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: StageProgress | undefined;
  /** Receives warnings. */
  readonly note?: ((line: string) => void) | undefined;
}

export interface ShownModel {
  readonly name: string;
  readonly points: number;
  readonly maps: readonly MapMethod[];
  /** Names of the columns joined to its images. */
  readonly columns: readonly string[];
  /** Of all files that visitors may load for it, except the images, which models share. */
  readonly bytes: number;
  /** Whether its points were computed for an earlier site. */
  readonly reused: boolean;
}

export interface Site {
  readonly out: string;
  readonly models: readonly ShownModel[];
  /** Of all files but `SHA256SUMS`. */
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Builds a static site that shows exported models: the viewer's app, the models, and images with their latents. The folder
 * appears complete or not at all; an existing site is replaced. The points of a model are kept in its exported folder.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function buildSite(options: SiteOptions): Promise<Site> {
  const { out, app, device, maps, signal, progress, note = () => {} } = options;
  const began = performance.now();
  const kept = await keptFiles(out);
  const derived = Object.fromEntries(kept.map((name) => [name, '']));
  const earlier: EarlierOutput = { names: /./, file: INDEX, derived };
  await checkTarget('folder', out, earlier);
  return withModels(options, async (models) => {
    const columns = await columnsFor(models, options.columns ?? [], note);
    const known = new Map<SiteModel, Points>();
    for (const model of models) {
      const points = await readPoints(model);
      if (points) known.set(model, points);
    }
    const plan = models.flatMap((model) => pointsPlan(model, known.get(model), maps));
    const stages = createStages([...plan, ['app', 4], ['images', 2]], signal, progress);
    const shown: { model: SiteModel; points: Points; columns: readonly Column[] }[] = [];
    for (const model of models) {
      const points = await computePoints(model, known.get(model), { device, maps, stages, signal, note });
      shown.push({ model, points, columns: columns.get(model) ?? [] });
    }
    let sizes: Record<string, number> = {};
    await publishFolder(
      out,
      async (site) => {
        await stages.run('app', () => placeApp(site, app));
        await stages.run('images', (tick) => writeSets(site, models, tick));
        for (const { model, points, columns } of shown) {
          await writeModel(join(site, 'models', model.folder), model, points, columns);
        }
        await writeIndex(site, models);
        for (const name of kept) {
          if (!existsSync(join(site, name))) await copyFile(join(out, name), join(site, name));
        }
        sizes = await sizesIn(site);
      },
      { signal, earlier },
    );
    const bytesOf = (prefix: string) =>
      Object.entries(sizes).reduce((sum, [path, bytes]) => sum + (path.startsWith(prefix) ? bytes : 0), 0);
    return {
      out,
      models: shown.map(({ model, points, columns }) => ({
        name: model.name,
        points: points.errors.length,
        maps: points.maps.map(({ method }) => method),
        columns: columns.map(({ name }) => name),
        bytes: bytesOf(`models/${model.folder}/`),
        reused:
          missingMaps(methodsFor(model.dataset.length, model.model.card.latent.size, maps), known.get(model)).length ===
          0,
      })),
      bytes: bytesOf(''),
      seconds: (performance.now() - began) / 1000,
    };
  });
}

/**
 * Names of files next to an earlier site, such as CNAME, which a new one keeps.
 * @throws InputError when the folder contains something other than a site
 */
async function keptFiles(out: string): Promise<string[]> {
  const entries = await readdir(out, { withFileTypes: true }).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return [];
    throw fileError(error, `cannot read ${out}`);
  });
  if (entries.length > 0 && !existsSync(join(out, INDEX))) {
    throw new InputError(
      `${out}: it is not empty and holds no site that \`convae site\` made; choose another folder or delete it`,
    );
  }
  return entries.filter((entry) => entry.isFile() && entry.name !== SUMS).map(({ name }) => name);
}

/** Writes each image set once, even if several models share it. */
async function writeSets(site: string, models: readonly SiteModel[], tick: Tick): Promise<void> {
  const sets = [...new Set(models.map(({ fingerprint }) => fingerprint))];
  for (const [i, fingerprint] of sets.entries()) {
    const ofSet = models.filter((model) => model.fingerprint === fingerprint);
    const { model, dataset, split } = ofSet[0] as SiteModel;
    const named = ofSet.find(({ model }) => model.card.classes)?.model.card.classes;
    await writeSet(join(site, setFolder(fingerprint)), dataset, {
      name: nameOfSpec(model.card.dataset.name),
      split,
      classes: dataset.classes ?? (dataset.labels && (named ?? numbersOf(dataset.labels))) ?? null,
      tick: (share) => tick((i + share) / sets.length),
    });
  }
}

/** Class names for data that has only label numbers. */
const numbersOf = (labels: Int32Array): string[] =>
  Array.from({ length: labels.reduce((most, label) => Math.max(most, label), 0) + 1 }, (_, i) => String(i));
