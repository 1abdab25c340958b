import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { openSplit, type Split } from '../data/open.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { Device } from '../devices/device.ts';
import { type CodeBatch, Decoder } from '../inference/decoder.ts';
import { checkFits, Encoder, openExported } from '../inference/encoder.ts';
import { publishFolder } from '../io/publish.ts';
import { drawReconstructions } from '../pictures/grid.ts';
import { fileNames } from './file-names.ts';
import { ImageWriter, toBytes } from './image-files.ts';

/** Images of the grid at most. */
const GRID = 16;
const GRID_FILE = 'grid.png';

export interface ReconstructOptions {
  /** Folder of the exported model. */
  readonly exported: string;
  /** What `--data` takes. */
  readonly data: string;
  readonly split: Split;
  /** How many images, evenly spread over the data; all of them when not given. */
  readonly n?: number | undefined;
  /** The folder to write. */
  readonly out: string;
  readonly device: Device;
  /** Threads that compute; the number of cores (at most 16) when not given. */
  readonly threads?: number | undefined;
  /** Stops; nothing is written. */
  readonly signal?: AbortSignal | undefined;
  /** Called as images are written. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface ReconstructResult {
  readonly out: string;
  readonly images: number;
  readonly seconds: number;
  readonly imagesPerSecond: number;
}

/**
 * Encodes and decodes images with an exported model (a variational one at its codes' means) into a folder: a PNG file for
 * each under its id, and a grid of some beside their originals. The folder appears whole or not at all.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function reconstruct(options: ReconstructOptions): Promise<ReconstructResult> {
  const { exported, data, split, n, out, signal } = options;
  const began = performance.now();
  const card = await openExported(exported);
  const all = await openSplit(data, split);
  try {
    checkFits(card, all, true);
    const dataset = subset(all, all.name, spreadRows(all.length, n ?? all.length));
    await publishFolder(out, (folder) => writeReconstructions(folder, card, dataset, options), { signal });
    const images = dataset.length;
    const seconds = (performance.now() - began) / 1000;
    return { out, images, seconds, imagesPerSecond: images / seconds };
  } finally {
    await all.close();
  }
}

async function writeReconstructions(
  folder: string,
  card: Card,
  dataset: ImageDataset,
  options: ReconstructOptions,
): Promise<void> {
  const { signal, progress } = options;
  const images = dataset.length;
  const names = fileNames(
    Array.from({ length: images }, (_, i) => dataset.id(i)),
    [GRID_FILE],
  );
  const pixels = bytesPerImage(card.image);
  const shown = spreadRows(images, GRID);
  const [originals, reconstructions] = [new Uint8Array(shown.length * pixels), new Uint8Array(shown.length * pixels)];
  await dataset.read(shown, originals);
  const writer = new ImageWriter(folder, card.image);
  const encoder = await Encoder.start(card, { ...options, errors: false, images });
  try {
    const decoder = await Decoder.start(card, { ...options, images });
    try {
      for await (const decoded of decoder.images(codesOf(encoder, dataset, signal), { signal })) {
        const { start, count } = decoded;
        const bytes = toBytes(decoded.images);
        shown.forEach((image, i) => {
          if (image >= start && image < start + count)
            reconstructions.set(bytes.subarray((image - start) * pixels, (image - start + 1) * pixels), i * pixels);
        });
        await writer.write(bytes, names.slice(start, start + count));
        progress?.(start + count, images);
      }
    } finally {
      await decoder.close();
    }
  } finally {
    await encoder.close();
  }
  const grid = await drawReconstructions({ shape: card.image, originals, reconstructions });
  await writeFile(join(folder, GRID_FILE), grid.png);
}

async function* codesOf(
  encoder: Encoder,
  dataset: ImageDataset,
  signal: AbortSignal | undefined,
): AsyncGenerator<CodeBatch, void, undefined> {
  for await (const { start, count, latents } of encoder.codes(dataset, { errors: false, signal })) {
    yield { latents, labels: dataset.labels?.subarray(start, start + count) };
  }
}
