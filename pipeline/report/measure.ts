import { clusterAgreement } from '../analyse/clustering.ts';
import { kmeans } from '../analyse/kmeans.ts';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import type { Report, Representation } from '../artifacts/report.ts';
import { bytesPerImage, type DatasetSplits, type ImageShape } from '../data/dataset.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import type { LatentSet, Sessions } from '../inference/sessions.ts';
import type { Tick } from '../io/pace.ts';
import type { StagePlan, Stages } from '../io/stages.ts';
import { errorOfSamples, type Posteriors, sampledLikelihood } from './likelihood.ts';
import { judgeComponents, judgePixels, judgeRows, readPixels } from './representations.ts';

/** Variance of a posterior's mean above which a dimension is active (Burda, Grosse and Salakhutdinov 2016). */
export const ACTIVE = 0.01;

/** Most classes for which measures by class are computed: beyond, they say little and take long. */
const MOST_CLASSES = 1000;

/** What is measured, and how. */
export interface Measuring extends ComputeOptions {
  readonly model: ExportedModel;
  readonly splits: DatasetSplits;
  readonly sessions: Sessions;
  readonly effort: Effort;
  readonly seed: number;
  readonly stages: Stages;
}

/** Limits on what would take too long on all of the data. */
export interface Effort {
  /** Images of the importance-sampled likelihood, and latents drawn for each. */
  readonly nll: { readonly samples: number; readonly images: number };
  /** Test images whose nearest training images are searched in pixel space. */
  readonly pixelQueries: (points: number, shape: ImageShape) => number;
  /** Most pixels of training images that the baselines use. */
  readonly baselinePixels: number;
  /** Most nonzero values that the linear probe of the pixels is fitted on. */
  readonly probeNumbers: number;
  /** Latents in the scatter plot, directly and by t-SNE. */
  readonly scatter: { readonly direct: number; readonly tsne: number };
  /** Samples that the classifier judges. */
  readonly generated: number;
}

/** Limits that keep `evaluate` within three minutes on two cores, or with `quick` within half a minute. */
export const effortOf = (shape: ImageShape, quick: boolean): Effort =>
  quick
    ? {
        nll: { samples: 100, images: sameCost({ images: 200, least: 50 }, shape) },
        pixelQueries: queriesWithin(1.2e10),
        baselinePixels: 1e7,
        probeNumbers: 2e5,
        scatter: { direct: 2000, tsne: 1000 },
        generated: 1000,
      }
    : {
        nll: { samples: 500, images: sameCost({ images: 1000, least: 100 }, shape) },
        pixelQueries: queriesWithin(9.5e10),
        baselinePixels: 6e7,
        probeNumbers: 3e6,
        scatter: { direct: 10_000, tsne: 5000 },
        generated: 10_000,
      };

/** How many images of this shape cost as much as `images` MNIST digits. */
const sameCost = ({ images, least }: { images: number; least: number }, shape: ImageShape) =>
  Math.max(least, Math.min(images, Math.floor((images * 784) / bytesPerImage(shape))));

/** How many queries need `pairs` comparisons of two pixels. */
const queriesWithin = (pairs: number) => (points: number, shape: ImageShape) =>
  Math.max(100, Math.floor(pairs / (points * bytesPerImage(shape))));

/** Labels of both splits, renumbered from 0 without gaps. */
export interface DenseLabels {
  readonly train: Int32Array;
  readonly test: Int32Array;
  /** Number of classes. */
  readonly classes: number;
}

/** Labels for the measures by class. @returns a reason instead if there are no usable labels */
export function denseLabels({ train, test }: DatasetSplits): DenseLabels | string {
  if (!train.labels || !test.labels) return 'the images have no labels';
  const distinct = [...new Set([...train.labels, ...test.labels])].sort((a, b) => a - b);
  if (distinct.length < 2) return 'all images are of one class';
  if (distinct.length > MOST_CLASSES)
    return `there are ${distinct.length} classes, and at most ${MOST_CLASSES} are compared`;
  const ranks = new Map(distinct.map((label, rank) => [label, rank]));
  const dense = (labels: Int32Array) => labels.map((label) => ranks.get(label) as number);
  return { train: dense(train.labels), test: dense(test.labels), classes: distinct.length };
}

const isBernoulli = ({ model }: Card): boolean => model.error === 'binary cross-entropy';

/** The stages of `encodeAll` and `measure…` in their order, weighted by their seconds on MNIST. */
export function measuringPlan(card: Card, variational: boolean, labelled: boolean): StagePlan {
  const plan: [name: string, weight: number, applies: boolean][] = [
    ['encoding', 5, true],
    ['sampled latents', 1, variational],
    ['importance sampling', 40, variational && isBernoulli(card)],
    ['nearest neighbours', 7, labelled],
    ['clusters', 5, labelled],
    ['principal components', 10, labelled],
    ['pixels', 28, labelled],
  ];
  return plan.filter(([, , applies]) => applies).map(([name, weight]) => [name, weight]);
}

/** The stages that judge samples of a conditional model; the first is long only once for a data set. */
export const generationPlan: StagePlan = [
  ['classifier', 16],
  ['samples', 4],
];

/** The encoded splits of the data. */
export interface EncodedSplits {
  readonly train: LatentSet;
  readonly test: LatentSet;
}

/** Encodes all images, with reconstruction errors of the test images. */
export async function encodeAll({ model, splits, stages, ...options }: Measuring): Promise<EncodedSplits> {
  const { train, test } = splits;
  const all = train.length + test.length;
  return stages.run(
    'encoding',
    async (tick) => {
      const trainTick = (share: number) => tick((share * train.length) / all);
      const testTick = (share: number) => tick((train.length + share * test.length) / all);
      return {
        train: await latentsOf(model, train, { ...options, errors: false, tick: trainTick }),
        test: await latentsOf(model, test, { ...options, errors: true, tick: testTick }),
      };
    },
    all,
  );
}

/** Measures reconstructions and, of a variational model, the terms of its bound. */
export async function measureModel(
  { model: { card }, splits, sessions, effort, seed, stages, signal }: Measuring,
  { test: { latents, logvars, errors = new Float32Array(0) } }: EncodedSplits,
): Promise<Pick<Report, 'reconstruction' | 'variational'>> {
  const dataset = splits.test;
  const error = errors.reduce((sum, error) => sum + error, 0) / dataset.length;
  const { size } = card.latent;
  const pixels = bytesPerImage(dataset.shape);
  const inNats = isBernoulli(card);
  const errorOf = (perPixel: number) => ({ perPixel, nats: inNats ? perPixel * pixels : null });
  const base = { error: card.model.error, images: dataset.length, atCode: errorOf(error) };
  if (!logvars) return { reconstruction: { ...base, atSample: null }, variational: null };
  const posteriors: Posteriors = { dataset, size, latents, logvars };
  const atSample = await stages.run(
    'sampled latents',
    (tick) => errorOfSamples(sessions, posteriors, { seed, signal, tick }),
    dataset.length,
  );
  const { total, perDimension } = klDivergence(latents, logvars, size);
  const { active, variances } = activeUnits(latents, size, ACTIVE);
  const nll = inNats
    ? await stages.run(
        'importance sampling',
        (tick) => sampledLikelihood(sessions, posteriors, { ...effort.nll, seed, signal, tick }),
        Math.min(dataset.length, effort.nll.images) * effort.nll.samples,
      )
    : null;
  return {
    reconstruction: { ...base, atSample: errorOf(atSample) },
    variational: {
      kl: { nats: total, perPixel: total / pixels },
      negativeElbo: inNats ? atSample * pixels + total : null,
      nll,
      klByDimension: [...perDimension],
      varianceByDimension: [...variances],
      activeUnits: active,
      activeThreshold: ACTIVE,
    },
  };
}

/** Measures how well classes can be predicted from latents, and from pixels for comparison. */
export async function measureClasses(
  { model: { card }, splits, effort, seed, stages }: Measuring,
  encoded: EncodedSplits,
  labels: DenseLabels,
): Promise<Pick<Report, 'representations' | 'clusters'>> {
  const { train, test } = splits;
  const { size } = card.latent;
  const rows = {
    size,
    train: encoded.train.latents,
    trainLabels: labels.train,
    test: encoded.test.latents,
    testLabels: labels.test,
  };
  const ofLatents = await stages.run('nearest neighbours', (tick) => judgeRows('codes', rows, tick));
  const clusters = await stages.run('clusters', (tick) => measureClusters(encoded, size, labels, seed, tick));
  const baselines: Representation[] = [];
  const pixels = await stages.run('principal components', async (tick) => {
    const read = await readPixels(train, test, labels, effort.baselinePixels, (share) => tick(share * 0.1));
    baselines.push(await judgeComponents(read, seed, (share) => tick(0.1 + share * 0.9)));
    return read;
  });
  const limits = { ...effort, queries: effort.pixelQueries(pixels.trainLabels.length, test.shape) };
  baselines.push(await stages.run('pixels', (tick) => judgePixels(pixels, limits, tick)));
  return { representations: [ofLatents, ...baselines], clusters };
}

async function measureClusters(
  { train, test }: EncodedSplits,
  size: number,
  labels: DenseLabels,
  seed: number,
  tick: Tick,
): Promise<NonNullable<Report['clusters']>> {
  const rows = new Float32Array(train.latents.length + test.latents.length);
  rows.set(train.latents);
  rows.set(test.latents, train.latents.length);
  const classes = new Int32Array(labels.train.length + labels.test.length);
  classes.set(labels.train);
  classes.set(labels.test, labels.train.length);
  const { assignment, inertia } = await kmeans(rows, size, { clusters: labels.classes, seed, tick });
  return { clusters: labels.classes, images: classes.length, inertia, ...clusterAgreement(assignment, classes) };
}
