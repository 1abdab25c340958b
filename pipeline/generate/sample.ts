import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Card } from '../artifacts/card.ts';
import { bytesPerImage } from '../data/dataset.ts';
import { checkOutside } from '../data/outside.ts';
import { openExported } from '../inference/exported.ts';
import type { CommandOptions } from '../inference/plan.ts';
import { withSessions } from '../inference/sessions.ts';
import { publishFolder } from '../io/publish.ts';
import { checkTarget, type EarlierOutput } from '../io/target.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawConditionalSamples, drawGrid, drawInterpolations } from '../pictures/grid.ts';
import { toBytes, writeImages } from './image-files.ts';
import { className, planSamples, type SampleChoices, type SamplePlan, type SamplerName } from './samplers.ts';

/** `codes.csv` was `latents.csv` once. */
const EARLIER: EarlierOutput = { names: /^(\d+\.png|grid\.png|(latents|codes)\.csv)$/, file: 'grid.png' };
/** Images of a grid, and bytes of their pixels, at most. */
const GRID = { images: 1000, bytes: 2 ** 26 };

export interface SampleOptions extends SampleChoices, CommandOptions {}

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
 * Generates images with an exported model: a folder of numbered PNG files, `grid.png` (of many images the first), and
 * `latents.csv`. The folder appears complete or not at all; the same seed gives the same latents.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function sample(options: SampleOptions): Promise<SampleResult> {
  const { exported, out, seed, signal, progress } = options;
  const began = performance.now();
  await checkTarget('folder', out, EARLIER);
  const model = await openExported(exported);
  const { card } = model;
  await checkOutside(card.dataset.name, out);
  const plan = planSamples(card, exported, options);
  const { n, sampler, labels } = plan;
  const names = Array.from({ length: n }, (_, i) => `${String(i).padStart(4, '0')}.png`);
  const pixels = bytesPerImage(card.image);
  const shown = new Uint8Array(gridImages(plan, pixels) * pixels);
  await publishFolder(
    out,
    async (folder) => {
      await withSessions(model, { ...options, graphs: ['decoder'], images: n }, async (sessions) => {
        for await (const { start, count, images } of sessions.decode([plan], { signal })) {
          const bytes = toBytes(images);
          const space = shown.subarray(start * pixels);
          space.set(bytes.subarray(0, space.length));
          await writeImages(folder, card.image, bytes, names.slice(start, start + count));
          progress?.(start + count, n);
        }
      });
      await writeFile(join(folder, 'latents.csv'), latentsCsv(card, plan, names));
      await writeFile(join(folder, 'grid.png'), (await gridOf(card, plan, shown)).png);
    },
    { signal, earlier: EARLIER },
  );
  const classes = labels ? [...new Set(labels)].map((label) => className(card, label)) : null;
  return { out, images: n, sampler, seed, classes, seconds: (performance.now() - began) / 1000 };
}

/** Number of images in the grid: full rows, where it cannot show all. */
function gridImages({ n, columns }: SamplePlan, pixels: number): number {
  const most = Math.min(GRID.images, Math.floor(GRID.bytes / pixels));
  return Math.min(n, columns.count * Math.max(1, Math.floor(most / columns.count)));
}

function gridOf(card: Card, { columns, labels }: SamplePlan, images: Uint8Array): Promise<Drawing> {
  const shape = card.image;
  const nameAt = (image: number) => className(card, labels?.[image] ?? 0);
  const { count } = columns;
  if (columns.of === 'images') return drawGrid({ shape, images, columns: count });
  if (columns.of === 'steps') return drawInterpolations({ shape, images, steps: count });
  return drawConditionalSamples({ shape, images, classes: Array.from({ length: count }, (_, i) => nameAt(i)) });
}

/** A line for each image: its file, its class where it has one, and its latent, with the 9 digits that identify a float32. */
function latentsCsv(card: Card, { n, latents, labels }: SamplePlan, names: readonly string[]): string {
  const { size } = card.latent;
  const head = ['image', ...(labels ? ['class'] : []), ...Array.from({ length: size }, (_, i) => `z${i}`)];
  const lines = Array.from({ length: n }, (_, i) => {
    const latent = Array.from(latents.subarray(i * size, (i + 1) * size), (value) => Number(value.toPrecision(9)));
    return [names[i], ...(labels ? [csvField(className(card, labels[i] ?? 0))] : []), ...latent].join(',');
  });
  return `${[head.join(','), ...lines].join('\n')}\n`;
}

/** Quotes a field where RFC 4180 requires it. */
const csvField = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
