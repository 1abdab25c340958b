import type { Report, Representation } from '../artifacts/report.ts';

/** A number of a report, in words. */
export interface Figure {
  readonly name: string;
  /** With its unit. */
  readonly value: string;
  /** What it is, in a sentence, with the direction that is better. */
  readonly meaning: string;
  readonly better: 'higher' | 'lower' | 'neither';
}

/** Figures beside one another: one to a row for several things. */
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
  /** Names of the pictures that belong here, without their endings. */
  readonly pictures: readonly string[];
}

/** `12,345.6`, with so many digits after the point. */
const fixed = (value: number, digits: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

export const whole = (value: number): string => fixed(value, 0);
export const percent = (value: number): string => `${fixed(100 * value, 1)} %`;

/** The figures of a report as people read them, in sections. */
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
      comparison: report.representations ? comparisonOf(report.representations, isTold(report)) : undefined,
      pictures: ['codes', 'kl'],
    },
    ...(report.pictures.some(({ file }) => /^(losses|training)\./.test(file))
      ? [{ title: 'Training', figures: [], pictures: ['losses', 'training'] }]
      : []),
  ];
}

function reconstructionFigures({ reconstruction, data }: Report): Figure[] {
  const { error, images, atCode, atSample } = reconstruction;
  const bce = error === 'binary cross-entropy';
  const unit = bce ? 'nats' : 'squared error';
  const what = bce ? 'Binary cross-entropy' : 'Squared difference (pixels from 0 to 1)';
  const from = atSample ? 'from a code drawn from its distribution' : 'from its code';
  const main = atSample ?? atCode;
  const figures: Figure[] = [
    {
      name: bce ? 'BCE per pixel' : 'MSE per pixel',
      value: `${fixed(main.perPixel, 4)} ${unit}`,
      meaning: `${what} between an image and its reconstruction ${from}, mean over the pixels of ${whole(images)} test images; lower is better.`,
      better: 'lower',
    },
  ];
  if (main.nats !== null) {
    const { height, width, channels } = data.image;
    figures.push({
      name: 'BCE per image',
      value: `${fixed(main.nats, 1)} nats`,
      meaning: `The same summed over the ${whole(height * width * channels)} numbers of an image; lower is better.`,
      better: 'lower',
    });
  }
  if (atSample) {
    figures.push({
      name: bce ? 'BCE per pixel at the mean' : 'MSE per pixel at the mean',
      value: `${fixed(atCode.perPixel, 4)} ${unit}${atCode.nats === null ? '' : ` (${fixed(atCode.nats, 1)} per image)`}`,
      meaning: 'The same from the mean of the code’s distribution instead, without noise; lower is better.',
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
        'How far the codes’ distributions are from the standard normal, per image: what it costs to tell the code. Neither high nor low is better by itself; it adds to the error.',
      better: 'neither',
    },
  ];
  if (negativeElbo !== null) {
    figures.push({
      name: '−ELBO',
      value: `${fixed(negativeElbo, 1)} nats`,
      meaning:
        'BCE and KL per image together, a bound on −log p(x), which is what training minimises; lower is better.',
      better: 'lower',
    });
  }
  if (nll) {
    figures.push({
      name: 'Negative log-likelihood',
      value: `${fixed(nll.nats, 1)} ± ${fixed(nll.standardError, 1)} nats`,
      meaning: `−log p(x) per image by importance sampling, ${whole(nll.samples)} codes for each of ${whole(nll.images)} evenly spread test images (± standard error; their −ELBO is ${fixed(nll.negativeElbo, 1)}); lower is better. Gray pixels count as probabilities: compare only with figures that do so too.`,
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
      meaning: `Share of ${whole(samples)} generated images that a classifier takes for the class that was asked for (of real test images it gets ${percent(classifier.accuracy)} right); higher is better.`,
      better: 'higher',
    },
    {
      name: 'Fréchet distance',
      value: fixed(frechet, 2),
      meaning:
        'How far the classifier’s features of generated images are, as a whole, from those of test images, squared; 0 would be no difference, lower is better. Comparable only between models of the same data.',
      better: 'lower',
    },
  ];
}

/** Whether the decoder is told the class, so that codes are not to be judged by holding it. */
export const isTold = ({ model }: Report): boolean => model.conditional.decoder;

const betterOf = (told: boolean): string =>
  told
    ? 'this model’s decoder is told the class, so that codes need not hold it, and low is as it should be'
    : 'higher is better';

function clusterFigures(report: Report): Figure[] {
  const { clusters } = report;
  if (!clusters) return [];
  const told = isTold(report);
  const better = told ? 'neither' : 'higher';
  const { clusters: k, images, accuracy, nmi, ari } = clusters;
  return [
    {
      name: 'Clustering accuracy',
      value: percent(accuracy),
      meaning: `k-means with ${k} clusters on the codes of all ${whole(images)} images: share of images whose cluster stands for their class, by the best assignment; ${betterOf(told)}.`,
      better,
    },
    {
      name: 'Clustering NMI',
      value: fixed(nmi, 3),
      meaning: `Normalised mutual information of the same clusters and the classes: how much one tells of the other, from 0 to 1${told ? '' : '; higher is better'}.`,
      better,
    },
    {
      name: 'Clustering ARI',
      value: fixed(ari, 3),
      meaning: `Adjusted Rand index of the same: whether pairs of images are together in both, 0 by chance, 1 always${told ? '' : '; higher is better'}.`,
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
      'Standard deviation of each number of the code over the test images, the smallest and the largest; neither high nor low is better.',
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
      meaning: `Numbers of the code that depend on the image (the variance of their mean is above ${activeThreshold}); more means that less of the code is wasted.`,
      better: 'higher',
    },
  ];
}

const REPRESENTATION_NAMES: Record<Representation['name'], (size: number) => string> = {
  codes: (size) => `codes (${size} numbers)`,
  PCA: (size) => `PCA (${size} numbers)`,
  pixels: (size) => `raw pixels (${whole(size)} numbers)`,
};

function comparisonOf(representations: readonly Representation[], told: boolean): Comparison {
  const pixels = representations.find(({ name }) => name === 'pixels');
  const subset =
    pixels && pixels.neighbours.queries < pixels.probe.tested
      ? ` Neighbours of raw pixels: for ${whole(pixels.neighbours.queries)} evenly spread test images; their probe: fitted on ${whole(pixels.probe.fittedOn)} training images.`
      : '';
  return {
    head: ['what stands for an image', '10 nearest neighbours', 'linear probe'],
    rows: representations.map(({ name, size, neighbours, probe }) => [
      REPRESENTATION_NAMES[name](size),
      percent(neighbours.accuracy),
      percent(probe.accuracy),
    ]),
    meaning: `Share of test images whose class is told right from training images, by the vote of the 10 nearest or by logistic regression; ${betterOf(told)}. PCA and the pixels themselves are there to compare with.${subset}`,
    better: told ? 'neither' : 'higher',
  };
}
