import { errorUnits } from '../artifacts/fields.ts';
import type { Report, Representation } from '../artifacts/report.ts';
import { counted } from '../io/printable.ts';

/** A measure of a report, as readers see it. */
export interface Figure {
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  /** One sentence, with the better direction. */
  readonly meaning: string;
  readonly better: 'higher' | 'lower' | 'neither';
}

/** The same measures of several representations, one per row. */
export interface Comparison extends Pick<Figure, 'meaning' | 'better'> {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Section<P> {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly comparison?: Comparison | undefined;
  readonly pictures: readonly P[];
}

/** `12,345.6`, with a fixed number of decimals. */
export const fixed = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const integer = (value: number): string => fixed(value, 0);
export const percent = (value: number): string => `${fixed(100 * value, 1)} %`;

const figure =
  (better: Figure['better'], ending: string) =>
  (name: string, value: string, meaning: string): Figure => ({ name, value, meaning: `${meaning}${ending}`, better });
const lower = figure('lower', '; lower is better.');
export const higher = figure('higher', '; higher is better.');
export const neither = figure('neither', '; neither high nor low is better.');

/** A measure of the class information in latents, which need not encode the class if the decoder receives it. */
const classFigure = ({ model }: Report) =>
  model.conditional.decoder
    ? figure('neither', '; low values are expected, since the decoder of this model receives the class.')
    : higher;

/** All measures and pictures of a report, in sections. */
export function sectionsOf<P extends { readonly file: string }>(report: Report, pictures: readonly P[]): Section<P>[] {
  const named = (...names: string[]) =>
    names.flatMap((name) => pictures.filter(({ file }) => file.startsWith(`${name}.`)));
  return [
    {
      title: 'Reconstruction',
      figures: [...reconstructionFigures(report), ...variationalFigures(report)],
      pictures: named('reconstructions'),
    },
    {
      title: 'Generated images',
      figures: generationFigures(report),
      pictures: named('samples', 'interpolations'),
    },
    {
      title: 'Latent space',
      figures: [...clusterFigures(report), ...latentFigures(report)],
      comparison: comparisonOf(report),
      pictures: named('codes', 'kl'),
    },
    { title: 'Training', figures: [], pictures: named('losses', 'training') },
  ].filter(({ figures, pictures }) => figures.length + pictures.length > 0);
}

/** Name and value of each measure, for a table on a terminal. */
export const figureRows = (report: Report): string[][] =>
  sectionsOf(report, []).flatMap(({ figures, comparison }) => [
    ...figures.map(({ name, value }) => [name, value]),
    ...(comparison?.rows ?? []).map(([name = '', knn, probe]) => [name, `10-NN ${knn}, linear probe ${probe}`]),
  ]);

function reconstructionFigures({ reconstruction, data, leakage }: Report): Figure[] {
  const { error, images, atCode: atMean, atSample } = reconstruction;
  const [name, what] = {
    'binary cross-entropy': ['BCE per pixel', 'Binary cross-entropy'] as const,
    'mean squared error': ['MSE per pixel', 'Squared difference (pixels from 0 to 1)'] as const,
    'mean absolute error': ['MAE per pixel', 'Absolute difference (pixels from 0 to 1)'] as const,
  }[error];
  const unit = errorUnits[error];
  const { perPixel, nats } = atSample ?? atMean;
  const { height, width, channels } = data.image;
  const perImage = atMean.nats === null ? '' : ` (${fixed(atMean.nats, 1)} per image)`;
  return [
    lower(
      name,
      `${fixed(perPixel, 4)} ${unit}`,
      `${what} between an image and its reconstruction from ${atSample ? 'a sampled' : 'its'} latent, averaged over the pixels of ${integer(images)} test images`,
    ),
    nats !== null &&
      lower(
        'BCE per image',
        `${fixed(nats, 1)} nats`,
        `The same, summed over the ${integer(height * width * channels)} values of an image`,
      ),
    atSample &&
      lower(
        `${name} at the mean`,
        `${fixed(atMean.perPixel, 4)} ${unit}${perImage}`,
        'The same, from the mean latent instead of a sampled one',
      ),
    leakage &&
      lower(
        'Copies of training images',
        integer(leakage.exact + leakage.near),
        `Test images that equal a training image (${integer(leakage.exact)}) or nearly equal one of the nearest (${integer(leakage.near)})`,
      ),
  ].filter((found) => !!found);
}

function variationalFigures({ variational }: Report): Figure[] {
  if (!variational) return [];
  const { kl, negativeElbo, nll } = variational;
  return [
    neither(
      'KL divergence',
      `${fixed(kl.nats, 1)} nats (${fixed(kl.perPixel, 4)} per pixel)`,
      'Divergence of the latent distribution of an image from the standard normal prior, which adds to the error',
    ),
    negativeElbo !== null &&
      lower(
        '−ELBO',
        `${fixed(negativeElbo, 1)} nats`,
        'BCE plus KL per image, an upper bound on −log p(x) and the loss that training minimises',
      ),
    nll &&
      lower(
        'Negative log-likelihood',
        `${fixed(nll.nats, 1)} ± ${fixed(nll.standardError, 1)} nats`,
        `−log p(x) per image, estimated by importance sampling with ${integer(nll.samples)} latents for each of ${integer(nll.images)} evenly spaced test images (± standard error; their −ELBO is ${fixed(nll.negativeElbo, 1)}). Gray pixels count as probabilities, so compare only values computed that way`,
      ),
  ].filter((found) => !!found);
}

function generationFigures({ generation }: Report): Figure[] {
  if (!generation) return [];
  const { samples, accuracy, frechet, classifier } = generation;
  return [
    higher(
      'Samples recognised',
      percent(accuracy),
      `Share of ${integer(samples)} generated images that a classifier assigns to the requested class (its accuracy on test images is ${percent(classifier.accuracy)})`,
    ),
    lower(
      'Fréchet distance',
      fixed(frechet, 2),
      'Squared distance between the classifier’s features of generated and of test images, as distributions: 0 means no difference; compare only models of the same data',
    ),
  ];
}

function clusterFigures(report: Report): Figure[] {
  const { clusters } = report;
  if (!clusters) return [];
  const { clusters: k, images, accuracy, nmi, ari } = clusters;
  const classMeasure = classFigure(report);
  return [
    classMeasure(
      'Clustering accuracy',
      percent(accuracy),
      `k-means with ${k} clusters on the latents of all ${integer(images)} images: share of images whose cluster is assigned to their class, under the best assignment`,
    ),
    classMeasure(
      'Clustering NMI',
      fixed(nmi, 3),
      'Normalised mutual information between these clusters and the classes, from 0 to 1',
    ),
    classMeasure(
      'Clustering ARI',
      fixed(ari, 3),
      'Adjusted Rand index of these clusters and the classes: 0 for a random clustering, 1 for a perfect match',
    ),
  ];
}

function latentFigures({ spread, variational }: Report): Figure[] {
  const range = [...new Set([Math.min(...spread.std), Math.max(...spread.std)].map((std) => fixed(std, 2)))];
  return [
    neither(
      'Latent spread',
      range.join(' to '),
      'Standard deviation of each latent dimension over the test images, smallest to largest',
    ),
    variational &&
      higher(
        'Active units',
        `${variational.activeUnits} of ${variational.klByDimension.length}`,
        `Latent dimensions that depend on the image (the variance of their mean is above ${variational.activeThreshold})`,
      ),
  ].filter((found) => !!found);
}

const REPRESENTATION_NAMES: Record<Representation['name'], (size: number) => string> = {
  codes: (size) => `latents (${counted(size, 'dimension')})`,
  PCA: (size) => `PCA (${counted(size, 'component')})`,
  pixels: (size) => `raw pixels (${integer(size)} values)`,
};

function comparisonOf(report: Report): Comparison | undefined {
  const { representations } = report;
  if (!representations) return undefined;
  const pixels = representations.find(({ name }) => name === 'pixels');
  const latents = representations.find(({ name }) => name === 'codes');
  const subset =
    pixels && pixels.neighbours.queries < pixels.probe.tested
      ? ` For raw pixels, 10-NN uses ${integer(pixels.neighbours.queries)} evenly spaced test images, and the probe is fitted on ${integer(pixels.probe.fittedOn)} training images.`
      : '';
  const fewer =
    pixels && latents && pixels.neighbours.points < latents.neighbours.points
      ? ` The baselines search ${integer(pixels.neighbours.points)} evenly spaced training images for neighbours, the latents all ${integer(latents.neighbours.points)}, which favours the latents.`
      : '';
  const { meaning, better } = classFigure(report)(
    '',
    '',
    'Share of test images classified correctly, by a vote of the 10 nearest training images and by logistic regression',
  );
  return {
    head: ['representation', '10-NN accuracy', 'linear-probe accuracy'],
    rows: representations.map(({ name, size, neighbours, probe }) => [
      REPRESENTATION_NAMES[name](size),
      percent(neighbours.accuracy),
      percent(probe.accuracy),
    ]),
    meaning: `${meaning} PCA and raw pixels are baselines.${subset}${fewer}`,
    better,
  };
}
