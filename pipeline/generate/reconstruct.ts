import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { openSplit, type Split } from '../data/open.ts';
import { checkOutside } from '../data/outside.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { checkFits, type ExportedModel, openExported, optionsFor } from '../inference/exported.ts';
import type { CommandOptions } from '../inference/plan.ts';
import { withSessions } from '../inference/sessions.ts';
import { counted } from '../io/printable.ts';
import { publishFolder } from '../io/publish.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import { drawReconstructions } from '../pictures/grid.ts';
import { fileNames, toBytes, writeImages } from './image-files.ts';

/** Images in the grid, at most. */
const GRID = 16;
const GRID_FILE = 'grid.png';
const EARLIER: EarlierOutput = { names: /\.png$/, file: GRID_FILE, listed: true };

export interface ReconstructOptions extends CommandOptions {
  /** Value of `--data`. */
  readonly data: string;
  /** By default the images that were not trained on. */
  readonly split?: Split | undefined;
  /** Number of images, evenly spread over the data; default: all of them. */
  readonly n?: number | undefined;
}

export interface ReconstructResult {
  readonly out: string;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/**
 * Encodes and decodes images with an exported model (a variational one at the means of its latents) into a folder: a PNG
 * file for each under its id, and a grid of some with their originals. The folder appears complete or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function reconstruct(options: ReconstructOptions): Promise<ReconstructResult> {
  const { exported, data, split, n, out, dataOptions, note, signal } = options;
  const began = performance.now();
  await checkOutside(data, out);
  await checkTarget('folder', out, EARLIER);
  const model = await openExported(exported);
  const all = await openSplit(data, split, optionsFor(model.card, dataOptions));
  try {
    checkFits(model.card, all, true);
    if (n !== undefined && n > all.length)
      note?.(`--n ${n}: ${all.name} has only ${counted(all.length, 'image')}, and all are used`);
    const dataset = subset(all, all.name, spreadRows(all.length, n ?? all.length));
    await publishFolder(out, (folder) => writeReconstructions(folder, model, dataset, options), {
      signal,
      earlier: EARLIER,
    });
    const images = dataset.length;
    const seconds = (performance.now() - began) / 1000;
    return { out, images, seconds, imagesPerSecond: images / seconds };
  } finally {
    await all.close();
  }
}

async function writeReconstructions(
  folder: string,
  model: ExportedModel,
  dataset: ImageDataset,
  options: ReconstructOptions,
): Promise<void> {
  const { signal, progress } = options;
  const shape = model.card.image;
  const pixels = bytesPerImage(shape);
  const images = dataset.length;
  const ids = Array.from({ length: images }, (_, i) => dataset.id(i));
  const names = fileNames(ids, [GRID_FILE]);
  const shown = spreadRows(images, GRID);
  const [originals, reconstructions] = [new Uint8Array(shown.length * pixels), new Uint8Array(shown.length * pixels)];
  await dataset.read(shown, originals);
  await withSessions(model, { ...options, graphs: ['encoder', 'decoder'], images }, async (sessions) => {
    const latents = sessions.encode(dataset, { signal });
    for await (const { start, count, images: decoded } of sessions.decode(latents, { signal })) {
      const bytes = toBytes(decoded);
      shown.forEach((image, i) => {
        if (image < start || image >= start + count) return;
        reconstructions.set(bytes.subarray((image - start) * pixels, (image - start + 1) * pixels), i * pixels);
      });
      await writeImages(folder, shape, bytes, names.slice(start, start + count));
      progress?.(start + count, images);
    }
  });
  const grid = await drawReconstructions({ shape, originals, reconstructions });
  await writeFile(join(folder, GRID_FILE), grid.png);
}
