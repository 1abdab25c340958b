import type { Report, Representation } from '../artifacts/report.ts';

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
export interface Comparison {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly meaning: string;
  readonly better: Figure['better'];
}

export interface Section {
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly comparison?: Comparison | undefined;
  /** File names of its pictures, without extensions. */
  readonly pictures: readonly string[];
}

/** `12,345.6`, with a fixed number of decimals. */
const fixed = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const integer = (value: number): string => fixed(value, 0);
export const percent = (value: number): string => `${fixed(100 * value, 1)} %`;

/** All measures of a report, in sections. */
export function sectionsOf(report: Report): Section[] {
  return [
    {
      title: 'Reconstruction',
      figures: [...reconstructionFigures(report), ...variationalFigures(report)],
      pictures: ['reconstructions'],
    },
    ...(report.generation || report.pictures.some(({ file }) => /^(samples|interpolations)\./.test(file))
      ? [{ title: 'Generated images', figures: generationFigures(report), pictures: ['samples', 'interpolations'] }]
      : []),
    {
      title: 'The latent space',
      figures: [...clusterFigures(report), spreadFigure(report), ...activeFigures(report)],
      comparison: report.representations ? comparisonOf(report.representations, decoderSeesLabel(report)) : undefined,
      pictures: ['codes', 'kl'],
    },
    ...(report.pictures.some(({ file }) => /^(losses|training)\./.test(file))
      ? [{ title: 'Training', figures: [], pictures: ['losses', 'training'] }]
      : []),
  ];
}

/** Name and value of each measure, for a table on a terminal. */
export const figureRows = (report: Report): string[][] =>
  sectionsOf(report).flatMap(({ figures, comparison }) => [
    ...figures.map(({ name, value }) => [name, value]),
    ...(comparison?.rows ?? []).map(([name = '', knn, probe]) => [name, `10-NN ${knn}, linear probe ${probe}`]),
  ]);

function reconstructionFigures({ reconstruction, data }: Report): Figure[] {
  const { error, images, atCode, atSample } = reconstruction;
  const bce = error === 'binary cross-entropy';
  const unit = bce ? 'nats' : 'squared error';
  const what = bce ? 'Binary cross-entropy' : 'Squared difference (pixels from 0 to 1)';
  const from = atSample ? 'from a sampled latent' : 'from its latent';
  const main = atSample ?? atCode;
  const figures: Figure[] = [
    {
      name: bce ? 'BCE per pixel' : 'MSE per pixel',
      value: `${fixed(main.perPixel, 4)} ${unit}`,
      meaning: `${what} between an image and its reconstruction ${from}, averaged over the pixels of ${integer(images)} test images; lower is better.`,
      better: 'lower',
    },
  ];
  if (main.nats !== null) {
    const { height, width, channels } = data.image;
    figures.push({
      name: 'BCE per image',
      value: `${fixed(main.nats, 1)} nats`,
      meaning: `The same, summed over the ${integer(height * width * channels)} values of an image; lower is better.`,
      better: 'lower',
    });
  }
  if (atSample) {
    figures.push({
      name: bce ? 'BCE per pixel at the mean' : 'MSE per pixel at the mean',
      value: `${fixed(atCode.perPixel, 4)} ${unit}${atCode.nats === null ? '' : ` (${fixed(atCode.nats, 1)} per image)`}`,
      meaning: 'The same, from the mean latent instead of a sampled one; lower is better.',
      better: 'lower',
    });
  }
  return figures;
}

function variationalFigures({ variational }: Report): Figure[] {
  if (!variational) return [];
  const { kl, negativeElbo, nll } = variational;
  const figures: Figure[] = [
    {
      name: 'KL divergence',
      value: `${fixed(kl.nats, 1)} nats (${fixed(kl.perPixel, 4)} per pixel)`,
      meaning:
        'Divergence of the latent distribution of an image from the standard normal prior. It adds to the error; neither high nor low is better by itself.',
      better: 'neither',
    },
  ];
  if (negativeElbo !== null) {
    figures.push({
      name: '−ELBO',
      value: `${fixed(negativeElbo, 1)} nats`,
      meaning:
        'BCE plus KL per image, an upper bound on −log p(x) and the loss that training minimises; lower is better.',
      better: 'lower',
    });
  }
  if (nll) {
    figures.push({
      name: 'Negative log-likelihood',
      value: `${fixed(nll.nats, 1)} ± ${fixed(nll.standardError, 1)} nats`,
      meaning: `−log p(x) per image, estimated by importance sampling with ${integer(nll.samples)} latents for each of ${integer(nll.images)} evenly spaced test images (± standard error; their −ELBO is ${fixed(nll.negativeElbo, 1)}); lower is better. Gray pixels count as probabilities: compare only with values computed that way.`,
      better: 'lower',
    });
  }
  return figures;
}

function generationFigures({ generation }: Report): Figure[] {
  if (!generation) return [];
  const { samples, accuracy, frechet, classifier } = generation;
  return [
    {
      name: 'Samples recognised',
      value: percent(accuracy),
      meaning: `Share of ${integer(samples)} generated images that a classifier assigns to the requested class (its accuracy on test images is ${percent(classifier.accuracy)}); higher is better.`,
      better: 'higher',
    },
    {
      name: 'Fréchet distance',
      value: fixed(frechet, 2),
      meaning:
        'Squared distance between the distributions of the classifier’s features for generated and for test images; 0 means no difference, lower is better. Compare only models trained on the same data.',
      better: 'lower',
    },
  ];
}

/** Whether the decoder receives the class, so that latents need not encode it. */
export const decoderSeesLabel = ({ model }: Report): boolean => model.conditional.decoder;

const betterOf = (seesLabel: boolean): string =>
  seesLabel
    ? 'the decoder of this model receives the class, so latents need not encode it and low values are expected'
    : 'higher is better';

function clusterFigures(report: Report): Figure[] {
  const { clusters } = report;
  if (!clusters) return [];
  const seesLabel = decoderSeesLabel(report);
  const better = seesLabel ? 'neither' : 'higher';
  const { clusters: k, images, accuracy, nmi, ari } = clusters;
  return [
    {
      name: 'Clustering accuracy',
      value: percent(accuracy),
      meaning: `k-means with ${k} clusters on the latents of all ${integer(images)} images: share of images whose cluster is assigned to their class, under the best assignment; ${betterOf(seesLabel)}.`,
      better,
    },
    {
      name: 'Clustering NMI',
      value: fixed(nmi, 3),
      meaning: `Normalised mutual information between these clusters and the classes, from 0 to 1${seesLabel ? '' : '; higher is better'}.`,
      better,
    },
    {
      name: 'Clustering ARI',
      value: fixed(ari, 3),
      meaning: `Adjusted Rand index of these clusters and the classes: 0 for a random clustering, 1 for a perfect match${seesLabel ? '' : '; higher is better'}.`,
      better,
    },
  ];
}

function spreadFigure({ spread }: Report): Figure {
  const [least, most] = [Math.min(...spread.std), Math.max(...spread.std)];
  return {
    name: 'Latent spread',
    value: least === most ? fixed(least, 2) : `${fixed(least, 2)} to ${fixed(most, 2)}`,
    meaning:
      'Standard deviation of each latent dimension over the test images, smallest to largest; neither high nor low is better.',
    better: 'neither',
  };
}

function activeFigures({ variational }: Report): Figure[] {
  if (!variational) return [];
  const { activeUnits, klByDimension, activeThreshold } = variational;
  return [
    {
      name: 'Active units',
      value: `${activeUnits} of ${klByDimension.length}`,
      meaning: `Latent dimensions that depend on the image (the variance of their mean is above ${activeThreshold}); more active units waste less of the latent.`,
      better: 'higher',
    },
  ];
}

const REPRESENTATION_NAMES: Record<Representation['name'], (size: number) => string> = {
  codes: (size) => `latents (${size} dimensions)`,
  PCA: (size) => `PCA (${size} components)`,
  pixels: (size) => `raw pixels (${integer(size)} values)`,
};

function comparisonOf(representations: readonly Representation[], seesLabel: boolean): Comparison {
  const pixels = representations.find(({ name }) => name === 'pixels');
  const subset =
    pixels && pixels.neighbours.queries < pixels.probe.tested
      ? ` For raw pixels, 10-NN uses ${integer(pixels.neighbours.queries)} evenly spaced test images, and the probe is fitted on ${integer(pixels.probe.fittedOn)} training images.`
      : '';
  return {
    head: ['representation', '10-NN accuracy', 'linear-probe accuracy'],
    rows: representations.map(({ name, size, neighbours, probe }) => [
      REPRESENTATION_NAMES[name](size),
      percent(neighbours.accuracy),
      percent(probe.accuracy),
    ]),
    meaning: `Share of test images classified correctly, by a vote of the 10 nearest training images and by logistic regression; ${betterOf(seesLabel)}. PCA and raw pixels are baselines.${subset}`,
    better: seesLabel ? 'neither' : 'higher',
  };
}
