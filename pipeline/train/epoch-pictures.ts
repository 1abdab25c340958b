import type { RunPlan } from '../artifacts/run.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { spreadRows } from '../data/rows.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawConditionalSamples, drawGrid, drawReconstructions } from '../pictures/grid.ts';
import { type BatchNeeds, batchesOf, type PreparedBatch } from './batches.ts';
import type { Engine } from './engine.ts';
import type { TrainingProgram } from './program.ts';

const RECONSTRUCTIONS = 8;
/** Samples in a row and in a column. */
const SAMPLES = 10;
/** Codes in a scatter: enough to see the classes, few enough to be drawn in a second. */
const MOST_CODES = 5000;
/** Of what is sampled: the same whatever the run's seed, so that epochs and runs compare. */
const PICTURE_SEED = 0;

interface Subject {
  readonly engine: Engine;
  readonly program: TrainingProgram;
  readonly plan: RunPlan;
  /** The test images. */
  readonly images: ImageDataset;
  readonly needs: BatchNeeds;
}

/** Kinds of pictures that an epoch leaves. */
export type PictureKind = 'reconstruction' | 'samples' | 'codes';

/** The pictures of a model as it is: test images and their reconstructions; a VAE's samples; two-dimensional codes. */
export async function epochPictures(subject: Subject): Promise<Partial<Record<PictureKind, Drawing>>> {
  const variational = subject.program.model.recipe.beta !== undefined;
  return {
    reconstruction: await reconstructions(subject),
    ...(variational && { samples: await samples(subject) }),
    ...(subject.plan.size.latent === 2 && { codes: await codes(subject) }),
  };
}

async function reconstructions(subject: Subject): Promise<Drawing> {
  const { engine, images } = subject;
  for await (const batch of someImages(subject, spreadRows(images.length, RECONSTRUCTIONS), RECONSTRUCTIONS)) {
    return drawReconstructions({
      shape: images.shape,
      originals: batch.images,
      reconstructions: await engine.reconstruct(batch),
    });
  }
  throw new Error('no test images');
}

/** Decoded draws of the prior; where there are classes a column for each, and the same draw along a row. */
async function samples({ engine, program, plan, images: { shape } }: Subject): Promise<Drawing> {
  const { conditional } = program.model;
  const { latent, classes } = plan.size;
  const columns = conditional.decoder ? Math.min(classes, SAMPLES) : SAMPLES;
  const count = SAMPLES * columns;
  const drawn = new Float32Array((conditional.decoder ? SAMPLES : count) * latent);
  Generator.of(PICTURE_SEED, 'samples').fillNormal(drawn);
  if (!conditional.decoder) {
    const images = await engine.decode({ count, latents: drawn });
    return drawGrid({ shape, images, columns });
  }
  const latents = new Float32Array(count * latent);
  for (let i = 0; i < count; i++) {
    const row = Math.floor(i / columns);
    latents.set(drawn.subarray(row * latent, (row + 1) * latent), i * latent);
  }
  const labels = Int32Array.from({ length: count }, (_, i) => i % columns);
  const names = Array.from({ length: columns }, (_, i) => plan.data.classes?.[i] ?? String(i));
  return drawConditionalSamples({ shape, images: await engine.decode({ count, latents, labels }), classes: names });
}

/** Where the test images lie in the plane of the codes. */
async function codes(subject: Subject): Promise<Drawing> {
  const { drawScatter } = await import('../pictures/scatter.ts'); // takes a while to load
  const { engine, images, plan } = subject;
  const chosen = spreadRows(images.length, MOST_CODES);
  const points = new Float32Array(chosen.length * 2);
  let filled = 0;
  for await (const batch of someImages(subject, chosen, plan.recipe.batchSize)) {
    points.set((await engine.encode(batch)).subarray(0, batch.count * 2), filled * 2);
    filled += batch.count;
  }
  return drawScatter({
    points,
    labels: images.labels && Int32Array.from(chosen, (row) => images.labels?.[row] ?? 0),
    classes: plan.data.classes ?? undefined,
    axes: ['z0', 'z1'],
  });
}

/** Evenly spread test images: a folder's lie class by class. */
function someImages(
  { images, needs }: Subject,
  chosen: Uint32Array,
  batchSize: number,
): AsyncGenerator<PreparedBatch, void, undefined> {
  const noNoise = { ...needs, noiseShape: () => undefined };
  return batchesOf(images, chosen, { batchSize, needs: noNoise, noise: Generator.of(PICTURE_SEED, 'pictures') });
}
