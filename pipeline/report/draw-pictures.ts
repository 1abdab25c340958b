import type { Card } from '../artifacts/card.ts';
import type { TrainingRecord } from '../artifacts/training.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { interpolate, priorCodes } from '../generate/samplers.ts';
import type { Tick } from '../io/pace.ts';
import { drawKlBars } from '../pictures/bars.ts';
import { ZOOM } from '../pictures/chart.ts';
import { drawConditionalSamples, drawGrid, drawInterpolations, drawReconstructions } from '../pictures/grid.ts';
import { drawScatter } from '../pictures/scatter.ts';
import { tsne } from '../pictures/tsne.ts';
import type { Effort } from './effort.ts';
import { whole } from './figures.ts';
import { type Picture, still } from './picture.ts';
import { trainingPictures } from './training-pictures.ts';

const PAIRS = 8;
const SAMPLE_ROWS = 10;
/** Classes that have a column of samples. */
const MOST_COLUMNS = 20;
const STRIPS = 6;
const STEPS = 10;

/** Decodes codes `[n, size]`, for a conditional decoder with their classes, to images in [0, 1]. */
export type Decode = (latents: Float32Array, labels: Int32Array | undefined) => Promise<Float32Array>;

/** What there is to draw. */
export interface Subject {
  readonly card: Card;
  readonly test: ImageDataset;
  /** Class names by index, where the data or the model have any. */
  readonly classes: readonly string[] | undefined;
  /** Codes of the test images, `[n, size]`. */
  readonly latents: Float32Array;
  /** KL in nats and whether it is active, by latent dimension; where the model is variational. */
  readonly dimensions: { readonly kl: readonly number[]; readonly active: readonly boolean[] } | undefined;
  readonly decode: Decode;
  readonly training: TrainingRecord | undefined;
  readonly seed: number;
  readonly effort: Effort;
}

/** Draws all that there is to draw of a model. t-SNE takes most of the time. */
export async function drawPictures(subject: Subject, tick: Tick): Promise<Picture[]> {
  const works: (() => Promise<readonly Picture[]>)[] = [
    () => reconstructions(subject),
    () => scatter(subject, (share) => tick((1 + share * 4) / 9)),
    () => samples(subject),
    () => interpolations(subject),
    () => dimensions(subject),
    () => trainingPictures(subject.card, subject.training),
  ];
  const pictures: Picture[] = [];
  for (const [i, work] of works.entries()) {
    pictures.push(...(await work()));
    tick(i === 0 ? 1 / 9 : (4 + i) / 9);
  }
  return pictures;
}

async function reconstructions({ card, test, latents, decode }: Subject): Promise<readonly Picture[]> {
  const { labels } = test;
  const chosen = spreadRows(test.length, PAIRS); // a folder's images lie class by class
  const originals = new Uint8Array(chosen.length * bytesPerImage(test.shape));
  await test.read(chosen, originals);
  const codes = pickRows(latents, card.latent.size, chosen) as Float32Array;
  const decoded = await decode(codes, labels && Int32Array.from(chosen, (row) => labels[row] ?? 0));
  const drawing = await drawReconstructions({ shape: test.shape, originals, reconstructions: decoded });
  const words = {
    title: 'Reconstructions',
    caption: `Test images above, and below what the decoder makes of their codes of ${card.latent.size} numbers. The more alike, the better.`,
    alt: `${chosen.length} test images, each above its reconstruction.`,
  };
  return [still('reconstructions', words, drawing)];
}

async function scatter(subject: Subject, tick: Tick): Promise<readonly Picture[]> {
  const { card, test, classes, latents, seed, effort } = subject;
  const { size } = card.latent;
  if (test.length < 4) return [];
  const plane = size === 2;
  const chosen = spreadRows(test.length, plane ? effort.scatter.direct : effort.scatter.tsne);
  const codes = pickRows(latents, size, chosen) as Float32Array;
  const points =
    size > 2
      ? await tsne(codes, size, { seed, tick: (done, iterations) => tick(done / iterations) })
      : plane
        ? codes
        : Float32Array.from({ length: 2 * chosen.length }, (_, i) =>
            i % 2 ? (i % 97) / 97 : (codes[i / 2] as number),
          );
  const labels = test.labels && Int32Array.from(chosen, (row) => test.labels?.[row] as number);
  const axes = plane
    ? (['first number of the code', 'second number'] as const)
    : size === 1
      ? (['code', 'by chance'] as const)
      : null;
  const drawing = await drawScatter({ points, labels, classes, axes });
  const coloured = labels ? ', coloured by class' : '';
  const separate = !labels
    ? ''
    : card.conditional.decoder
      ? ' The decoder is told the class: the more the classes mix, the less of them the code repeats.'
      : ' The clearer the classes stand apart, the more of them the code holds.';
  const words = {
    title: plane ? 'Map of the codes' : 'Map of the codes (t-SNE)',
    caption: plane
      ? `Each dot is the code of one of ${whole(chosen.length)} test images${coloured}.${separate}`
      : `Each dot is one of ${whole(chosen.length)} test images${coloured}; t-SNE puts those with similar codes of ${size} numbers side by side (distances between groups mean little).${separate}`,
    alt: `Scatter plot of ${whole(chosen.length)} codes${coloured}.`,
  };
  return [still('codes', words, drawing, ZOOM)];
}

async function samples(subject: Subject): Promise<readonly Picture[]> {
  const { card, test, dimensions: variational, decode, seed } = subject;
  const { size } = card.latent;
  if (card.conditional.decoder && card.classes) {
    const columns = Math.min(card.classes.length, MOST_COLUMNS);
    const styles = priorCodes(size, SAMPLE_ROWS, Generator.of(seed, 'styles'));
    const latents = new Float32Array(SAMPLE_ROWS * columns * size);
    for (let i = 0; i < SAMPLE_ROWS * columns; i++) {
      const row = Math.floor(i / columns);
      latents.set(styles.subarray(row * size, (row + 1) * size), i * size);
    }
    const labels = Int32Array.from({ length: SAMPLE_ROWS * columns }, (_, i) => i % columns);
    const images = await decode(latents, labels);
    const classes = card.classes.slice(0, columns);
    const drawing = await drawConditionalSamples({ shape: test.shape, images, classes });
    const words = {
      title: 'Samples by class',
      caption:
        'Images that the model made up: a column for each class, a row for each random code. Down a column the class should stay; along a row the style should.',
      alt: `Grid of generated images, ${SAMPLE_ROWS} for each of ${columns} classes.`,
    };
    return [still('samples', words, drawing)];
  }
  if (!variational || card.conditional.decoder) return [];
  const images = await decode(priorCodes(size, 100, Generator.of(seed, 'samples')), undefined);
  const words = {
    title: 'Random samples',
    caption:
      'Images that the decoder makes of random codes from the standard normal distribution. The more of them could be real, the better.',
    alt: 'Grid of 100 generated images.',
  };
  return [still('samples', words, await drawGrid({ shape: test.shape, images, columns: 10 }))];
}

async function interpolations(subject: Subject): Promise<readonly Picture[]> {
  const { card, test, latents, dimensions: variational, decode } = subject;
  if (!variational) return [];
  const { size } = card.latent;
  const pairs = pairsOf(test, card.conditional.decoder);
  if (pairs.length === 0) return [];
  const codes = new Float32Array(pairs.length * STEPS * size);
  const codeOf = (image: number) => latents.subarray(image * size, (image + 1) * size);
  pairs.forEach(([from, to], strip) => {
    codes.set(interpolate(codeOf(from), codeOf(to), STEPS), strip * STEPS * size);
  });
  const strip = (i: number) => pairs[Math.floor(i / STEPS)]?.[0] ?? 0;
  const labels =
    test.labels && Int32Array.from({ length: pairs.length * STEPS }, (_, i) => test.labels?.[strip(i)] ?? 0);
  const images = await decode(codes, labels);
  const words = {
    title: 'Interpolations',
    caption: `What the decoder makes of codes on the straight way from one test image to another${card.conditional.decoder ? ' of the same class' : ''}. Each step should be an image that could be real.`,
    alt: `${pairs.length} strips of ${STEPS} images, each turning one test image into another.`,
  };
  return [still('interpolations', words, await drawInterpolations({ shape: test.shape, images, steps: STEPS }))];
}

/** Pairs of test images: of the same class where the decoder is told the class, else of different ones where there are any. */
function pairsOf(test: ImageDataset, same: boolean): [number, number][] {
  const pairs: [number, number][] = [];
  const used = new Set<number>();
  for (let from = 0; from < test.length && pairs.length < STRIPS; from++) {
    if (used.has(from)) continue;
    const alike = (to: number) => !test.labels || (test.labels[from] === test.labels[to]) === same;
    for (let to = from + 1; to < test.length; to++) {
      if (used.has(to) || !alike(to)) continue;
      pairs.push([from, to]);
      used.add(from).add(to);
      break;
    }
  }
  return pairs;
}

async function dimensions({ dimensions: found }: Subject): Promise<readonly Picture[]> {
  if (!found) return [];
  const words = {
    title: 'What each latent dimension tells',
    caption:
      'KL divergence of each number of the code from the prior, in nats, mean over the test images. A dimension at zero is not used; neither high nor low is better by itself.',
    alt: `Bar chart of the KL divergence of ${found.kl.length} latent dimensions.`,
  };
  return [still('kl', words, await drawKlBars(found), ZOOM)];
}
