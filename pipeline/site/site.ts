import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { siteIndexSchema } from '../artifacts/site.ts';
import type { Split } from '../data/open.ts';
import type { Device } from '../devices/device.ts';
import { checkFits } from '../inference/exported.ts';
import { codeOf, EnvironmentError, fileError, InputError } from '../io/errors.ts';
import { publishFolder } from '../io/publish.ts';
import type { Tick } from '../io/stages.ts';
import { createStages, type StageProgress } from '../io/stages.ts';
import { placeApp } from './app.ts';
import { DataSources } from './data.ts';
import { setId, writeSet } from './image-set.ts';
import { sizesIn, writeModel } from './model-folder.ts';
import { keepPoints, measurePoints, type Points, pointsPlan, readPoints, type Wanted } from './points.ts';
import { openSubjects, type Subject } from './subjects.ts';

const INDEX = join('models', 'index.json');

export interface SiteOptions {
  /** Folders of exported models; the first is shown first. */
  readonly exported: readonly string[];
  /** The folder of the site. */
  readonly out: string;
  /** What `--data` was given: where to look for the models' images first. */
  readonly data: readonly string[];
  readonly split: Split;
  readonly device: Device;
  /** Folder of a built app; it is built when not given. */
  readonly app?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: StageProgress | undefined;
  /** Told what the user should know although it stops nothing. */
  readonly note?: ((line: string) => void) | undefined;
}

export interface ShownModel {
  readonly name: string;
  readonly points: number;
  readonly map: Points['map']['method'];
  /** Of all that visitors may load for it, but for the images, which models share. */
  readonly bytes: number;
  /** Whether its points were there from before. */
  readonly reused: boolean;
}

export interface Site {
  readonly out: string;
  readonly models: readonly ShownModel[];
  /** Of all files. */
  readonly bytes: number;
  readonly seconds: number;
}

/** A model, its images, and where they were encoded before the points. */
interface Item extends Wanted {
  cached: Points | undefined;
}

/**
 * Makes a static site that shows exported models: the viewer's app, the models, and images with their codes. The folder
 * appears whole or not at all; a site that is there is replaced. What was computed for a model stays in its folder
 * `viewer`, for the next time.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function buildSite(options: SiteOptions): Promise<Site> {
  const { out, data, split, app, device, signal, progress, note = () => {} } = options;
  const began = performance.now();
  const subjects = await openSubjects(options.exported);
  const kept = await keptFiles(out);
  const sources = new DataSources(data);
  try {
    const items: Item[] = [];
    for (const subject of subjects) {
      const part = await sources.find(subject, split);
      checkFits(subject.card, part.dataset, true);
      const wanted = { subject, split, part };
      items.push({ ...wanted, cached: await readPoints(wanted) });
    }
    const plan = items.flatMap((item) => (item.cached ? [] : pointsPlan(item)));
    const stages = createStages([...plan, ['app', 4], ['images', 2]], signal, progress);
    const shown: { item: Item; points: Points }[] = [];
    for (const item of items) {
      const points = item.cached ?? (await measurePoints(item, { device, stages, signal }));
      if (!item.cached) await keep(item, points, { signal, note });
      shown.push({ item, points });
    }
    let sizes: Record<string, number> = {};
    await publishFolder(
      out,
      async (folder) => {
        await stages.run('app', () => placeApp(folder, app));
        await stages.run('images', (tick) => writeSets(folder, items, tick));
        for (const { item, points } of shown) {
          const target = join(folder, 'models', item.subject.folder);
          await mkdir(target, { recursive: true });
          await writeModel(target, item.subject, { split, points, set: setOf(item) });
        }
        await writeIndex(folder, subjects);
        for (const name of kept) {
          if (!existsSync(join(folder, name))) await copyFile(join(out, name), join(folder, name));
        }
        sizes = await sizesIn(folder);
      },
      { signal },
    );
    const bytesOf = (prefix: string) =>
      Object.entries(sizes).reduce((sum, [path, bytes]) => sum + (path.startsWith(prefix) ? bytes : 0), 0);
    return {
      out,
      models: shown.map(({ item: { subject, cached }, points }) => ({
        name: subject.name,
        points: points.errors.length,
        map: points.map.method,
        bytes: bytesOf(`models/${subject.folder}/`),
        reused: cached !== undefined,
      })),
      bytes: bytesOf(''),
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await sources.close();
  }
}

/** Names of classes that the data has only numbers for. */
const numbersOf = (labels: Int32Array): string[] =>
  Array.from({ length: labels.reduce((most, label) => Math.max(most, label), 0) + 1 }, (_, i) => String(i));

const setOf = ({ part }: Wanted) => `sets/${setId(part.fingerprint)}`;

/**
 * Files beside an earlier site, such as CNAME, which a new one keeps.
 * @throws InputError when the folder holds something else than a site
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
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** Keeps points for the next time, if the folder of the export can be written to. */
async function keep(
  item: Item,
  points: Points,
  { signal, note }: { signal: AbortSignal | undefined; note: (line: string) => void },
): Promise<void> {
  try {
    await keepPoints(item, points, signal);
  } catch (error) {
    if (!(error instanceof InputError || error instanceof EnvironmentError)) throw error;
    note(`the points of ${item.subject.name} will be computed again next time: ${error.message}`);
  }
}

/** Writes each set of images once, however many models it belongs to. */
async function writeSets(folder: string, items: readonly Item[], tick: Tick): Promise<void> {
  const sets = [...new Set(items.map(setOf))];
  for (const [i, path] of sets.entries()) {
    const [first, ...others] = items.filter((item) => setOf(item) === path) as [Item, ...Item[]];
    const { dataset } = first.part;
    const ofModels = [first, ...others].find(({ subject }) => subject.card.classes)?.subject.card.classes;
    await writeSet(join(folder, path), dataset, {
      name: first.subject.card.dataset.name,
      split: first.split,
      classes: dataset.classes ?? (dataset.labels && (ofModels ?? numbersOf(dataset.labels))) ?? null,
      tick: (share) => tick((i + share) / sets.length),
    });
  }
}

async function writeIndex(folder: string, subjects: readonly Subject[]): Promise<void> {
  const models = subjects.map(({ name, folder }) => ({ name, folder }));
  const index = siteIndexSchema.parse({ format: 1, models });
  await writeFile(join(folder, INDEX), `${JSON.stringify(index, null, 2)}\n`);
  await writeFile(join(folder, '.nojekyll'), ''); // GitHub Pages would leave out what begins with _
}
