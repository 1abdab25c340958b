import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import type { TrainingRecord } from '../artifacts/exported.ts';
import { errorUnits } from '../artifacts/fields.ts';
import type { PictureNote } from '../artifacts/report.ts';
import { type ImageDataset, readImages } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { interpolate, priorLatents } from '../generate/samplers.ts';
import type { LatentSet } from '../inference/sessions.ts';
import type { Tick } from '../io/stages.ts';
import { animate } from '../pictures/animation.ts';
import { drawKlBars } from '../pictures/bars.ts';
import { ZOOM } from '../pictures/chart.ts';
import { drawCurves } from '../pictures/curves.ts';
import type { Drawing } from '../pictures/drawing.ts';
import { drawConditionalSamples, drawGrid, drawInterpolations, drawReconstructions } from '../pictures/grid.ts';
import { drawScatter } from '../pictures/scatter.ts';
import { tsne } from '../pictures/tsne.ts';
import { integer } from './figures.ts';
import { ACTIVE, type Effort } from './measure.ts';

/** Images next to their reconstructions. */
const PAIRS = 8;
const SAMPLE_ROWS = 10;
/** Most classes that get a column of samples. */
const MOST_COLUMNS = 20;
/** Interpolations, and images in each. */
const STRIPS = 6;
const STEPS = 10;

/** A picture of a report as PNG and SVG, or an animation. */
export interface Picture extends PictureNote {
  readonly data: Uint8Array;
  readonly svg: string | undefined;
}

/** A model, its test images and their latents. */
export interface PictureInput extends Pick<LatentSet, 'latents' | 'logvars'> {
  readonly card: Card;
  readonly test: ImageDataset;
  /** Class names by index, if there are any. */
  readonly classes: readonly string[] | undefined;
  /** Decodes latents `[n, size]`, for a conditional decoder with their labels, to images in [0, 1]. */
  readonly decode: (latents: Float32Array, labels: Int32Array | undefined) => Promise<Float32Array>;
  readonly training: TrainingRecord | undefined;
  readonly seed: number;
  readonly scatter: Effort['scatter'];
}

/** Draws every picture that suits the model. t-SNE takes most of the time. */
export async function picturesOf(input: PictureInput, tick: Tick): Promise<Picture[]> {
  const works: [(input: PictureInput, tick: Tick) => Promise<Picture | undefined>, weight: number][] = [
    [reconstructions, 0.1],
    [latentMap, 0.5],
    [input.card.conditional.decoder ? samplesByClass : samples, 0.1],
    [interpolations, 0.1],
    [klByDimension, 0.1],
    [losses, 0.05],
    [reconstructionsByEpoch, 0.05],
  ];
  const pictures: Picture[] = [];
  let done = 0;
  for (const [work, weight] of works) {
    const picture = await work(input, (share) => tick(done + share * weight));
    if (picture) pictures.push(picture);
    done += weight;
    tick(Math.min(1, done));
  }
  return pictures;
}

/** A drawing or an animation in a file, with its description; `density` is image pixels per CSS pixel. */
const pictureOf = (
  file: string,
  { png: data, svg, width, height }: Pick<Drawing, 'png' | 'width' | 'height'> & { svg?: string },
  description: Pick<Picture, 'title' | 'caption' | 'alt'> & { density?: number },
): Picture => ({ file, density: 1, ...description, width, height, data, svg });

async function reconstructions({ card, test, latents, decode }: PictureInput): Promise<Picture> {
  const { shape, labels, length } = test;
  const chosen = spreadRows(length, PAIRS); // images of a folder are ordered by class
  const originals = await readImages(test, chosen);
  const chosenLabels = labels && Int32Array.from(chosen, (row) => labels[row] ?? 0);
  const decoded = await decode(pickRows(latents, card.latent.size, chosen), chosenLabels);
  return pictureOf('reconstructions.png', await drawReconstructions({ shape, originals, reconstructions: decoded }), {
    title: 'Reconstructions',
    caption: `Test images (top) and their reconstructions from latents of size ${card.latent.size} (bottom). The closer, the better.`,
    alt: `${chosen.length} test images, each above its reconstruction.`,
  });
}

async function latentMap({ card, test, classes, latents, seed, scatter }: PictureInput, tick: Tick) {
  const { size } = card.latent;
  if (test.length < 4) return undefined;
  const chosen = spreadRows(test.length, size === 2 ? scatter.direct : scatter.tsne);
  const some = pickRows(latents, size, chosen);
  const jittered = () =>
    Float32Array.from({ length: 2 * chosen.length }, (_, i) => (i % 2 ? (i % 97) / 97 : (some[i / 2] as number)));
  const [points, axes] =
    size === 1
      ? [jittered(), ['latent', 'random jitter'] as const]
      : size === 2
        ? [some, ['latent dimension 1', 'latent dimension 2'] as const]
        : [await tsne(some, size, { seed, tick: (done, iterations) => tick(done / iterations) }), null];
  const labels = test.labels && Int32Array.from(chosen, (row) => test.labels?.[row] as number);
  const unlabelled = labels?.some((label) => label < 0) ? ' (gray: unlabelled)' : '';
  const coloured = labels ? `, coloured by class${unlabelled}` : '';
  const caption = [
    `Latents of ${integer(chosen.length)} test images${axes ? '' : `, projected from ${size} dimensions by t-SNE`}${coloured}.`,
    axes ? '' : 'Distances between groups mean little.',
    labels &&
      (card.conditional.decoder
        ? 'The decoder is given the class: the more the classes mix, the less class information the latents repeat.'
        : 'The better the classes separate, the more class information the latents hold.'),
  ];
  return pictureOf('codes.png', await drawScatter({ points, labels, classes, axes }), {
    title: axes ? 'Map of the latents' : 'Map of the latents (t-SNE)',
    caption: caption.filter(Boolean).join(' '),
    alt: `Scatter plot of ${integer(chosen.length)} latents${coloured}.`,
    density: ZOOM,
  });
}

async function samplesByClass({ card, test, decode, seed }: PictureInput) {
  const { size } = card.latent;
  const classes = card.classes?.slice(0, MOST_COLUMNS);
  if (!classes) return undefined;
  const columns = classes.length;
  const grid = { length: SAMPLE_ROWS * columns };
  const rows = Uint32Array.from(grid, (_, i) => Math.floor(i / columns));
  const labels = Int32Array.from(grid, (_, i) => i % columns);
  const latents = priorLatents(size, SAMPLE_ROWS, Generator.of(seed, 'styles'));
  const images = await decode(pickRows(latents, size, rows), labels);
  return pictureOf('samples.png', await drawConditionalSamples({ shape: test.shape, images, classes }), {
    title: 'Samples by class',
    caption:
      'Generated images: a column for each class, a row for each random latent. The class should stay the same within a column, the style within a row.',
    alt: `Grid of generated images, ${SAMPLE_ROWS} for each of ${columns} classes.`,
  });
}

async function samples({ card, test, logvars, decode, seed }: PictureInput) {
  if (!logvars) return undefined;
  const images = await decode(priorLatents(card.latent.size, 100, Generator.of(seed, 'samples')), undefined);
  return pictureOf('samples.png', await drawGrid({ shape: test.shape, images, columns: 10 }), {
    title: 'Random samples',
    caption:
      'Images decoded from random latents of the prior, the standard normal distribution. They should look real.',
    alt: 'Grid of 100 generated images.',
  });
}

async function interpolations({ card, test, latents, logvars, decode }: PictureInput) {
  const { size } = card.latent;
  const { shape, labels } = test;
  const pairs = logvars ? pairsOf(test, card.conditional.decoder) : [];
  if (pairs.length === 0) return undefined;
  const path = new Float32Array(pairs.length * STEPS * size);
  const latentOf = (image: number) => latents.subarray(image * size, (image + 1) * size);
  pairs.forEach(([from, to], strip) => {
    path.set(interpolate(latentOf(from), latentOf(to), STEPS), strip * STEPS * size);
  });
  const pathLabels =
    labels && Int32Array.from(pairs.flatMap(([from]) => new Array<number>(STEPS).fill(labels[from] ?? 0)));
  const images = await decode(path, pathLabels);
  return pictureOf('interpolations.png', await drawInterpolations({ shape, images, steps: STEPS }), {
    title: 'Interpolations',
    caption: `Images decoded along the line between the latents of two test images${card.conditional.decoder ? ' of the same class' : ''}. Every step should look real.`,
    alt: `${pairs.length} strips of ${STEPS} images, each turning one test image into another.`,
  });
}

/** Pairs of test images, of the same class or, if there are images of several, of different classes. */
export function pairsOf({ length, labels }: Pick<ImageDataset, 'length' | 'labels'>, sameClass: boolean) {
  const pairs: [number, number][] = [];
  const used = new Set<number>();
  const wanted = labels?.some((label) => label !== labels[0])
    ? (from: number, to: number) => (labels[from] === labels[to]) === sameClass
    : () => true;
  for (let from = 0; from < length && pairs.length < STRIPS; from++) {
    if (used.has(from)) continue;
    let to = from + 1;
    while (to < length && (used.has(to) || !wanted(from, to))) to++;
    if (to === length && !sameClass) break; // the rest is of one class
    if (to === length) continue;
    pairs.push([from, to]);
    used.add(from).add(to);
  }
  return pairs;
}

async function klByDimension({ card, latents, logvars }: PictureInput) {
  if (!logvars) return undefined;
  const { size } = card.latent;
  const kl = [...klDivergence(latents, logvars, size).perDimension];
  const active = Array.from(activeUnits(latents, size, ACTIVE).variances, (variance) => variance > ACTIVE);
  return pictureOf('kl.png', await drawKlBars({ kl, active }), {
    title: 'KL divergence by latent dimension',
    caption:
      'KL divergence of each latent dimension from the prior in nats, averaged over the test images. A dimension at zero is unused; neither high nor low is better by itself.',
    alt: `Bar chart of the KL divergence of ${size} latent dimensions.`,
    density: ZOOM,
  });
}

async function losses({ card, training }: PictureInput) {
  if (!training || training.metrics.length === 0) return undefined;
  const { metrics } = training;
  const { height, width, channels } = card.image;
  const drawing =
    card.model.error === 'binary cross-entropy'
      ? { factor: height * width * channels, loss: 'BCE', unit: 'nats per image' }
      : {
          loss: card.model.error === 'mean squared error' ? 'MSE' : 'MAE',
          unit: `${errorUnits[card.model.error]} per pixel`,
        };
  const names = { reconstruction: `reconstruction (${drawing.loss})`, kl: 'KL divergence' };
  return pictureOf('losses.png', await drawCurves({ ...drawing, metrics, names }), {
    title: 'Losses during training',
    caption: `Loss after each epoch, in ${drawing.unit}; lower is better. Where the test loss rises while the training loss falls, the model overfits.`,
    alt: 'Line chart of training and test loss by epoch.',
    density: ZOOM,
  });
}

async function reconstructionsByEpoch({ training }: PictureInput): Promise<Picture | undefined> {
  const pictures = training?.pictures ?? [];
  const last = pictures.at(-1);
  if (!last) return undefined;
  const frames = pictures
    .filter(({ png }) => pngSize(png) === pngSize(last.png))
    .map(({ epoch, png }) => ({ png, caption: `epoch ${epoch}` }));
  const { data: png, ...size } = await animate(frames);
  const animation = { png, ...size };
  return pictureOf('training.webp', animation, {
    title: 'Reconstructions during training',
    caption:
      'Test images and their reconstructions after each epoch. The reconstructions should approach the originals.',
    alt: `Animation of reconstructions over ${frames.length} ${frames.length === 1 ? 'epoch' : 'epochs'}.`,
  });
}

/** Width and height in a PNG's header, as one comparable string. */
const pngSize = (png: Uint8Array): string => Buffer.from(png.subarray(16, 24)).toString('hex');
