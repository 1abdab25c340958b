import { writeFile } from 'node:fs/promises';
import { nearestNeighbours } from '../analyse/knn.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { openSplit, type Split } from '../data/open.ts';
import type { DataOptions } from '../data/options.ts';
import { checkOutside } from '../data/outside.ts';
import { unreadNote } from '../data/unread.ts';
import { checkFits, openEncoder, optionsFor } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import { InputError } from '../io/errors.ts';
import { counted } from '../io/printable.ts';
import { publishFile } from '../io/publish.ts';
import { createStages, type StageProgress } from '../io/stages.ts';
import { checkTarget } from '../io/target.ts';
import { drawGrid } from '../pictures/grid.ts';

/** Queries in a sheet, at most, and bytes of all its images. */
const DRAWN = { queries: 100, bytes: 2 ** 26 };

/** Neighbours of all queries that are held and written as JSON, at most. */
const MOST = 5_000_000;

export interface NeighborsOptions extends ComputeOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** Values of `--query`: images, or sets of them. */
  readonly query: readonly string[];
  /** Value of `--data`. */
  readonly data: string;
  /** All images by default. */
  readonly split?: Split | undefined;
  /** Neighbours of each query. */
  readonly k: number;
  /** PNG file to draw the queries and their neighbours into. */
  readonly sheet?: string | undefined;
  readonly dataOptions?: DataOptions | undefined;
  readonly progress?: StageProgress | undefined;
}

export interface Neighbor {
  readonly id: string;
  /** Name of its class, or its label, where it has one. */
  readonly class: string | number | undefined;
  /** Euclidean distance of the latents. */
  readonly distance: number;
}

export interface NeighborsResult {
  /** Number of images that were searched. */
  readonly images: number;
  /** The nearest images of each query, nearest first. */
  readonly queries: readonly { readonly query: string; readonly neighbors: readonly Neighbor[] }[];
  readonly sheet: string | undefined;
  /** Queries that the sheet shows, the first. */
  readonly drawn: number;
}

/**
 * Finds the images whose latents are nearest to those of other images. The latents of the data are cached.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function findNeighbors(options: NeighborsOptions): Promise<NeighborsResult> {
  const { exported, query, data, split = 'all', k, sheet, dataOptions, signal, progress } = options;
  if (sheet !== undefined) {
    await checkTarget('file', sheet);
    for (const images of [data, ...query]) await checkOutside(images, sheet);
  }
  const model = await openEncoder(exported);
  const { card } = model;
  const { size } = card.latent;
  const opening = optionsFor(card, dataOptions);
  const opened: ImageDataset[] = [];
  const open = async (spec: string, part: Split, label?: string) => {
    const dataset = await openSplit(spec, part, { ...opening, label });
    opened.push(dataset);
    checkFits(card, dataset, false);
    const unread = unreadNote(dataset);
    if (unread) dataOptions?.note?.(`${spec}: ${unread}`);
    return dataset;
  };
  try {
    const set = await open(data, split, dataOptions?.label);
    if (k > set.length)
      throw new InputError(`--k ${k}: ${set.name} has only ${counted(set.length, 'image')}; choose fewer`);
    const asked: ImageDataset[] = [];
    for (const spec of query) {
      asked.push(
        await open(spec, 'all').catch((error: unknown) => {
          if (!(error instanceof InputError)) throw error;
          throw new InputError(error.message.replace(/^--data /, '--query '), { cause: error });
        }),
      );
    }
    const queried = asked.reduce((sum, { length }) => sum + length, 0);
    if (k * queried > MOST) {
      throw new InputError(
        `--k ${k}: of ${counted(queried, 'query', 'queries')}, at most ${Math.floor(MOST / queried)} neighbours each fit into memory; choose fewer, or ask for fewer images at a time`,
      );
    }
    const stages = createStages(Object.entries({ encoding: 10, neighbors: 1 }), signal, progress);
    const encode = async (dataset: ImageDataset, tick?: (share: number) => void) =>
      (await latentsOf(model, dataset, { ...options, errors: false, tick })).latents;
    const latents = await stages.run('encoding', (tick) => encode(set, tick), set.length);
    const found = await stages.run('neighbors', async (tick) => {
      const all = new Float32Array(queried * size);
      let at = 0;
      for (const dataset of asked) {
        all.set(await encode(dataset), at);
        at += dataset.length * size;
      }
      return nearestNeighbours(latents, all, size, { k, tick: (done) => tick((done * size) / all.length) });
    });
    const names = asked.flatMap((dataset, i) =>
      Array.from({ length: dataset.length }, (_, row) =>
        dataset.length === 1 ? (query[i] as string) : `${query[i]}/${dataset.id(row)}`,
      ),
    );
    const fitting = Math.max(1, Math.floor(DRAWN.bytes / ((k + 1) * bytesPerImage(set.shape))));
    const drawn = sheet === undefined ? 0 : Math.min(DRAWN.queries, fitting, names.length);
    if (sheet !== undefined) {
      await drawNeighbors(sheet, { set, asked, indices: found.indices.subarray(0, drawn * k), k, signal });
    }
    const neighborAt = (at: number): Neighbor => {
      const row = found.indices[at] as number;
      return { id: set.id(row), class: classOf(set, row), distance: Math.sqrt(found.squaredDistances[at] as number) };
    };
    const queries = names.map((name, i) => ({
      query: name,
      neighbors: Array.from({ length: k }, (_, rank) => neighborAt(i * k + rank)),
    }));
    return { images: set.length, queries, sheet, drawn };
  } finally {
    for (const dataset of opened) await dataset.close();
  }
}

function classOf({ labels, classes }: ImageDataset, row: number): string | number | undefined {
  const label = labels?.[row];
  return label === undefined || label < 0 ? undefined : (classes?.[label] ?? label);
}

/** Draws a row for each query: the query, then its neighbours. @param indices `[queries, k]`, of the first queries */
async function drawNeighbors(
  sheet: string,
  {
    set,
    asked,
    indices,
    k,
    signal,
  }: {
    set: ImageDataset;
    asked: readonly ImageDataset[];
    indices: Int32Array;
    k: number;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const bytes = bytesPerImage(set.shape);
  const queries = indices.length / k;
  const images = new Uint8Array(queries * (k + 1) * bytes);
  let at = 0;
  let query = 0;
  for (const dataset of asked) {
    for (let row = 0; row < dataset.length && query < queries; row++, query++) {
      await dataset.read([row], images.subarray(at, at + bytes));
      await set.read(indices.subarray(query * k, (query + 1) * k), images.subarray(at + bytes, at + (k + 1) * bytes));
      at += (k + 1) * bytes;
    }
  }
  const columnLabels = ['query', ...Array.from({ length: k }, (_, rank) => String(rank + 1))];
  const { png } = await drawGrid({ shape: set.shape, images, columns: k + 1, columnLabels });
  await publishFile(sheet, (path) => writeFile(path, png), { signal });
}
