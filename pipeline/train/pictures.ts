import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import type { RunPlan } from '../artifacts/run.ts';
import { readBatches } from '../data/batches.ts';
import { type DatasetSplits, heldOut } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { publishFile } from '../io/publish.ts';
import type { Picture } from '../io/tfevents.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawConditionalSamples, drawGrid, drawReconstructions } from '../pictures/grid.ts';
import type { Engine } from './engine.ts';
import type { TrainingProgram } from './program.ts';

const RECONSTRUCTIONS = 8;
/** Rows and columns of samples. */
const SAMPLES = 10;
/** Points of a scatter plot: enough to show the classes, few enough to be drawn in a second. */
const MOST_POINTS = 5000;

/** Kinds of pictures; existing runs call the scatter plot of the latents `codes`. */
const kinds = ['reconstruction', 'samples', 'codes'] as const;
export type EpochPictures = { readonly [kind in (typeof kinds)[number]]?: Picture };

/** A model in training, with its data. */
export interface Trained {
  readonly plan: RunPlan;
  readonly data: DatasetSplits;
  readonly program: TrainingProgram;
  readonly engine: Engine;
}

/** Draws the current model: images held out and their reconstructions; a VAE's samples; two-dimensional latents. */
export async function drawPictures(trained: Trained): Promise<EpochPictures> {
  return {
    reconstruction: await reconstructions(trained),
    ...(trained.program.model.recipe.beta !== undefined && { samples: await samples(trained) }),
    ...(trained.plan.size.latent === 2 && { codes: await scatterPlot(trained) }),
  };
}

async function reconstructions({ engine, data }: Trained): Promise<Drawing> {
  const held = heldOut(data);
  const order = spreadRows(held.length, RECONSTRUCTIONS); // spread, because a folder's images are sorted by class
  for await (const batch of readBatches(held, order.length, { order })) {
    const reconstructions = await engine.reconstruct(batch);
    return drawReconstructions({ shape: held.shape, originals: batch.images, reconstructions });
  }
  throw new Error('no images');
}

/** Decoded draws from the prior; a conditional model's have one column per class, and the same draw along a row. */
async function samples({ engine, program, plan, data }: Trained): Promise<Drawing> {
  const { latent, classes } = plan.size;
  const { shape } = data.train;
  const byClass = program.model.conditional.decoder;
  const columns = byClass ? Math.min(classes, SAMPLES) : SAMPLES;
  const count = SAMPLES * columns;
  const draws = new Float32Array((byClass ? SAMPLES : count) * latent);
  Generator.of(0, 'samples').fillNormal(draws); // the same for all runs, so that their pictures compare
  if (!byClass) return drawGrid({ shape, images: await engine.decode(draws), columns });
  const rows = Uint32Array.from({ length: count }, (_, i) => Math.floor(i / columns));
  const labels = Int32Array.from({ length: count }, (_, i) => i % columns);
  const images = await engine.decode(pickRows(draws, latent, rows), labels);
  const names = Array.from({ length: columns }, (_, i) => plan.data.classes?.[i] ?? String(i));
  return drawConditionalSamples({ shape, images, classes: names });
}

async function scatterPlot({ engine, plan, data }: Trained): Promise<Drawing> {
  const held = heldOut(data);
  const { drawScatter } = await import('../pictures/scatter.ts'); // loads slowly
  const order = spreadRows(held.length, MOST_POINTS);
  const points = new Float32Array(order.length * 2);
  for await (const batch of readBatches(held, plan.recipe.batchSize, { order })) {
    points.set(await engine.encode(batch), batch.start * 2);
  }
  const labels = held.labels && Int32Array.from(order, (row) => held.labels?.[row] ?? 0);
  return drawScatter({ points, labels, classes: plan.data.classes ?? undefined, axes: ['z0', 'z1'] });
}

/** Writes an epoch's pictures into the run's folder of pictures; each file appears complete or not at all. */
export async function writePictures(folder: string, epoch: number, pictures: EpochPictures): Promise<void> {
  for (const [kind, { png }] of Object.entries(pictures)) {
    await publishFile(pathOf(folder, epoch, kind), (path) => writeFile(path, png));
  }
}

/** Reads those of an epoch's pictures that exist and can be decoded: a run can be resumed without them. */
export async function readPictures(folder: string, epoch: number): Promise<EpochPictures> {
  const read = async (kind: string) => {
    const png = await readFile(pathOf(folder, epoch, kind));
    const { height, width, channels } = await sharp(png).metadata();
    return [[kind, { height, width, channels, png }] as const];
  };
  return Object.fromEntries((await Promise.all(kinds.map((kind) => read(kind).catch(() => [])))).flat());
}

const pathOf = (folder: string, epoch: number, kind: string): string =>
  join(folder, `epoch-${String(epoch).padStart(3, '0')}${kind === 'reconstruction' ? '' : `-${kind}`}.png`);
