import { clusterAgreement } from '../analyse/clustering.ts';
import { kmeans } from '../analyse/kmeans.ts';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import type { Report } from '../artifacts/report.ts';
import {
  bytesPerImage,
  type DatasetSplits,
  heldOut,
  type ImageDataset,
  type ImageShape,
  labelledRows,
} from '../data/dataset.ts';
import { pickRows } from '../data/rows.ts';
import type { ExportedModel } from '../inference/exported.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import type { LatentSet, Sessions } from '../inference/sessions.ts';
import { InputError } from '../io/errors.ts';
import type { StagePlan, Stages, Tick } from '../io/stages.ts';
import { findLeakage, type Leakage } from '../neighbors/leakage.ts';
import { errorOfSamples, type Posteriors, sampledLikelihood } from './likelihood.ts';
import {
  judgeComponents,
  judgePixels,
  judgeRows,
  type LabelledImages,
  type LabelledRows,
  readPixels,
} from './representations.ts';

/** Variance of a posterior's mean above which a dimension is active (Burda, Grosse and Salakhutdinov 2016). */
export const ACTIVE = 0.01;

/** Most classes for which measures by class are computed: beyond, they say little and take long. */
const MOST_CLASSES = 1000;

/** An exported model in sessions, and its data. */
export interface OpenModel {
  readonly model: ExportedModel;
  readonly splits: DatasetSplits;
  readonly sessions: Sessions;
}

/** What is measured, and how. */
export interface Measuring extends ComputeOptions, OpenModel {
  readonly effort: Effort;
  readonly seed: number;
  readonly stages: Stages;
}

/** Limits that keep `evaluate` within three minutes on two cores, or with `quick` within half a minute. */
export function effortOf(shape: ImageShape, quick: boolean) {
  const either = (inFull: number, quickly: number) => (quick ? quickly : inFull);
  const size = bytesPerImage(shape);
  /** How many images of this shape cost as much as `images` MNIST digits. */
  const sameCost = (images: number, least: number) =>
    Math.max(least, Math.min(images, Math.floor((images * 784) / size)));
  const comparisons = either(6e11, 6e10); // of two pixels
  return {
    /** Images of the importance-sampled likelihood, and latents drawn for each. */
    nll: { samples: either(500, 100), images: sameCost(either(1000, 200), either(100, 50)) },
    /** Test images whose nearest of `points` training images are searched in pixel space. */
    pixelQueries: (points: number) => Math.max(100, Math.floor(comparisons / (points * size))),
    /** Most pixels of training images that the baselines use. */
    baselinePixels: either(6e7, 1e7),
    /** Most nonzero pixels that the linear probe is fitted on. */
    probeNumbers: either(3e6, 2e5),
    /** Latents in the scatter plot, directly and by t-SNE. */
    scatter: { direct: either(10_000, 2000), tsne: either(5000, 1000) },
    /** Samples that the classifier judges. */
    generated: either(10_000, 1000),
  };
}

export type Effort = ReturnType<typeof effortOf>;

/** The images of both splits that have a label, with their labels, renumbered from 0 without gaps. */
export interface DenseLabels {
  readonly train: LabelledImages;
  readonly test: LabelledImages;
  /** Number of classes. */
  readonly classes: number;
}

/** Labels for the measures by class. @returns a reason instead if there are no usable labels */
export function denseLabels(splits: DatasetSplits): DenseLabels | string {
  const { train } = splits;
  const test = heldOut(splits);
  if (!train.labels || !test.labels) return 'the images have no labels';
  const rows = { train: labelledRows(train), test: labelledRows(test) };
  if (rows.train.length === 0 || rows.test.length === 0) {
    return `no ${rows.train.length === 0 ? 'training' : 'test'} image has a label`;
  }
  const labelsOf = (rows: Uint32Array, labels: Int32Array) => Int32Array.from(rows, (row) => labels[row] as number);
  const labels = { train: labelsOf(rows.train, train.labels), test: labelsOf(rows.test, test.labels) };
  const distinct = [...new Set([...labels.train, ...labels.test])].sort((a, b) => a - b);
  if (distinct.length < 2) return 'all images are of one class';
  if (distinct.length > MOST_CLASSES)
    return `there are ${distinct.length} classes, and at most ${MOST_CLASSES} are compared`;
  const ranks = new Map(distinct.map((label, rank) => [label, rank]));
  const dense = (split: 'train' | 'test') => ({
    rows: rows[split],
    labels: labels[split].map((label) => ranks.get(label) as number),
  });
  return { train: dense('train'), test: dense('test'), classes: distinct.length };
}

const isBernoulli = ({ model }: Card): boolean => model.error === 'binary cross-entropy';

/** Whether a classifier can judge samples by class: it is trained on several classes, and has features of real images to compare. */
export const canJudge = ({ conditional }: Card, splits: DatasetSplits): boolean =>
  conditional.decoder && heldOut(splits).length > 1 && new Set(splits.train.labels).size > 1;

/** The stages of an evaluation in their order, weighted by their seconds on MNIST. */
export function evaluationPlan(card: Card, variational: boolean, labelled: boolean, judged: boolean): StagePlan {
  const plan: [name: string, weight: number, applies: boolean][] = [
    ['encoding', 5, true],
    ['sampled latents', 1, variational],
    ['importance sampling', 40, variational && isBernoulli(card)],
    ['copies', 3, true],
    ['nearest neighbours', 7, labelled],
    ['clusters', 5, labelled],
    ['principal components', 10, labelled],
    ['pixels', 28, labelled],
    ['classifier', 16, judged], // long only once for a data set
    ['samples', 4, judged],
    ['pictures', 8, true],
  ];
  return plan.filter(([, , applies]) => applies).map(([name, weight]) => [name, weight]);
}

/** The encoded training images and, as `test`, those held out. */
export type EncodedSplits = Readonly<Record<'train' | 'test', LatentSet>>;

/** Encodes all images, with reconstruction errors of the test images. */
export async function encodeAll({ model, splits, stages, ...options }: Measuring): Promise<EncodedSplits> {
  const { train } = splits;
  const test = heldOut(splits);
  const all = train.length + test.length;
  const encode = async (tick: Tick) => {
    const trainTick = (share: number) => tick((share * train.length) / all);
    const testTick = (share: number) => tick((train.length + share * test.length) / all);
    return {
      train: await latentsOf(model, train, { ...options, errors: false, tick: trainTick }),
      test: await latentsOf(model, test, { ...options, errors: true, tick: testTick }),
    };
  };
  return stages.run('encoding', encode, all);
}

/**
 * Measures reconstructions and, of a variational model, the terms of its bound.
 * @throws InputError when one of them is not finite
 */
export async function measureModel(
  { model: { card }, splits, sessions, effort, seed, stages, signal }: Measuring,
  { test: { latents, logvars, errors } }: EncodedSplits,
): Promise<Pick<Report, 'reconstruction' | 'variational'>> {
  if (!errors) throw new Error('the test images were encoded without their reconstruction errors');
  const dataset = heldOut(splits);
  const error = errors.reduce((sum, error) => sum + error, 0) / dataset.length;
  const { size } = card.latent;
  const pixels = bytesPerImage(dataset.shape);
  const inNats = isBernoulli(card);
  const errorOf = (perPixel: number) => ({ perPixel, nats: inNats ? perPixel * pixels : null });
  const base = { error: card.model.error, images: dataset.length, atCode: errorOf(error) };
  if (!logvars) return { reconstruction: { ...base, atSample: null }, variational: null };
  const posteriors: Posteriors = { dataset, size, latents, logvars };
  const sampledError = (tick: Tick) => errorOfSamples(sessions, posteriors, { seed, signal, tick });
  const atSample = await stages.run('sampled latents', sampledError, dataset.length);
  const { total, perDimension } = klDivergence(latents, logvars, size);
  if (!Number.isFinite(atSample) || !Number.isFinite(total)) {
    throw new InputError(
      `${dataset.name}: the ${Number.isFinite(total) ? 'reconstruction of a sampled latent' : 'KL divergence'} is not finite; the model is unusable, train it again (with a lower learning rate)`,
    );
  }
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

/** Counts the images held out that are copies of training images. */
export function measureLeakage({ model, splits, stages }: Measuring, { train, test }: EncodedSplits): Promise<Leakage> {
  const of = (images: ImageDataset, { latents }: LatentSet) => ({ images, latents });
  const { size } = model.card.latent;
  return stages.run('copies', (tick) => findLeakage(of(splits.train, train), of(heldOut(splits), test), size, tick));
}

/** Measures how well classes can be predicted from latents, and from pixels for comparison. */
export async function measureClasses(
  { model: { card }, splits, effort, seed, stages }: Measuring,
  { train, test }: EncodedSplits,
  labels: DenseLabels,
): Promise<Pick<Report, 'representations' | 'clusters'>> {
  const { size } = card.latent;
  const labelled = (latents: Float32Array, { rows, labels }: LabelledImages) => ({
    rows: rows.length * size === latents.length ? latents : pickRows(latents, size, rows),
    labels,
  });
  const rows = { size, train: labelled(train.latents, labels.train), test: labelled(test.latents, labels.test) };
  const ofLatents = await stages.run('nearest neighbours', (tick) => judgeRows('codes', rows, tick));
  const clusters = await stages.run('clusters', (tick) => measureClusters(rows, labels.classes, seed, tick));
  const [pixels, ofComponents] = await stages.run('principal components', async (tick) => {
    const read = await readPixels(splits, labels, effort.baselinePixels, (share) => tick(share * 0.1));
    return [read, await judgeComponents(read, seed, (share) => tick(0.1 + share * 0.9))] as const;
  });
  const limits = { ...effort, queries: effort.pixelQueries(pixels.train.labels.length) };
  const ofPixels = await stages.run('pixels', (tick) => judgePixels(pixels, limits, tick));
  return { representations: [ofLatents, ofComponents, ofPixels], clusters };
}

/** k-means on all latents, with as many clusters as classes. */
async function measureClusters(rows: LabelledRows<Float32Array>, clusters: number, seed: number, tick: Tick) {
  const { size, train, test } = rows;
  const all = new Float32Array(train.rows.length + test.rows.length);
  all.set(train.rows);
  all.set(test.rows, train.rows.length);
  const classes = Int32Array.from([...train.labels, ...test.labels]);
  const { assignment, inertia } = await kmeans(all, size, { clusters, seed, tick });
  return { clusters, images: classes.length, inertia, ...clusterAgreement(assignment, classes) };
}
