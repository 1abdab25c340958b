import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { bytesPerImage } from '../data/dataset.ts';
import type { Device } from '../devices/device.ts';
import { Decoder } from '../inference/decoder.ts';
import { openExported } from '../inference/encoder.ts';
import { publishFolder } from '../io/publish.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawConditionalSamples, drawGrid, drawInterpolations } from '../pictures/grid.ts';
import { className } from './classes.ts';
import { ImageWriter, toBytes } from './image-files.ts';
import { planSamples, type SampleChoices, type SamplePlan } from './sample-plan.ts';
import type { SamplerName } from './sampler-names.ts';

/** Images of a grid, and numbers of them, at most. */
const GRID = { images: 1000, numbers: 2 ** 26 };

export interface SampleOptions extends SampleChoices {
  /** Folder of the exported model. */
  readonly exported: string;
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

export interface SampleResult {
  readonly out: string;
  readonly images: number;
  readonly sampler: SamplerName;
  readonly seed: number;
  /** Names of the classes; null where the decoder takes none. */
  readonly classes: string[] | null;
  readonly seconds: number;
}

/**
 * Generates images with an exported model: a folder of numbered PNG files, a grid of them (of many the first), and the
 * codes that they were decoded from. The folder appears whole or not at all; the same seed gives the same codes.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function sample(options: SampleOptions): Promise<SampleResult> {
  const { exported, out, seed, signal, progress } = options;
  const began = performance.now();
  const card = await openExported(exported);
  const plan = planSamples(card, exported, options);
  const { n, sampler, latents, labels } = plan;
  const names = Array.from({ length: n }, (_, i) => `${String(i).padStart(4, '0')}.png`);
  const pixels = bytesPerImage(card.image);
  const shown = new Uint8Array(gridImages(plan, pixels) * pixels);
  await publishFolder(
    out,
    async (folder) => {
      const writer = new ImageWriter(folder, card.image);
      const decoder = await Decoder.start(card, { ...options, images: n });
      try {
        for await (const { start, count, images } of decoder.images([{ latents, labels }], { signal })) {
          const bytes = toBytes(images);
          const left = shown.subarray(start * pixels);
          left.set(bytes.subarray(0, left.length));
          await writer.write(bytes, names.slice(start, start + count));
          progress?.(start + count, n);
        }
      } finally {
        await decoder.close();
      }
      await writeFile(join(folder, 'codes.csv'), codesCsv(card, plan, names));
      await writeFile(join(folder, 'grid.png'), (await gridOf(card, plan, shown)).png);
    },
    { signal },
  );
  const classes = labels ? [...new Set(labels)].map((label) => className(card, label)) : null;
  return { out, images: n, sampler, seed, classes, seconds: (performance.now() - began) / 1000 };
}

/** How many images the grid shows: whole rows, where it cannot show all. */
function gridImages({ n, columns }: SamplePlan, pixels: number): number {
  const most = Math.min(GRID.images, Math.floor(GRID.numbers / pixels));
  return Math.min(n, columns.count * Math.max(1, Math.floor(most / columns.count)));
}

function gridOf(card: Card, { columns, labels }: SamplePlan, images: Uint8Array): Promise<Drawing> {
  const shape = card.image;
  const nameAt = (image: number) => className(card, labels?.[image] ?? 0);
  const { are, count } = columns;
  if (are === 'classes') {
    return drawConditionalSamples({ shape, images, classes: Array.from({ length: count }, (_, i) => nameAt(i)) });
  }
  if (are === 'images') return drawGrid({ shape, images, columns: count });
  return drawInterpolations({ shape, images, steps: count });
}

/** A line for each image: its file, its class where it has one, and its code, in digits that keep a float32 exactly. */
function codesCsv(card: Card, { n, latents, labels }: SamplePlan, names: readonly string[]): string {
  const { size } = card.latent;
  const head = ['image', ...(labels ? ['class'] : []), ...Array.from({ length: size }, (_, i) => `z${i}`)];
  const lines = Array.from({ length: n }, (_, i) => {
    const code = Array.from(latents.subarray(i * size, (i + 1) * size), (value) => Number(value.toPrecision(9)));
    return [names[i], ...(labels ? [csvField(className(card, labels[i] ?? 0))] : []), ...code].join(',');
  });
  return `${[head.join(','), ...lines].join('\n')}\n`;
}

/** RFC 4180's quotes, where they are needed. */
const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
