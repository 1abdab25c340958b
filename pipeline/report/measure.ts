import { clusterAgreement } from '../analyse/clustering.ts';
import { kmeans } from '../analyse/kmeans.ts';
import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import type { Report, Representation } from '../artifacts/report.ts';
import { bytesPerImage, type DatasetSplits } from '../data/dataset.ts';
import type { Encoder } from '../inference/encoder.ts';
import type { StagePlan, Stages } from '../io/stages.ts';
import { type CodedSet, encodeSet } from './codes.ts';
import type { Effort } from './effort.ts';
import { errorOfSamples, type Posteriors, sampledLikelihood } from './likelihood.ts';
import { judgeComponents, judgePixels, judgeRows, readTold } from './representations.ts';
import type { Ranked } from './subject.ts';

/** Variance of a posterior's mean above which a dimension is active (Burda, Grosse and Salakhutdinov 2016). */
export const ACTIVE = 0.01;

/** What is measured, and how. */
export interface Measuring {
  readonly card: Card;
  readonly splits: DatasetSplits;
  readonly encoder: Encoder;
  readonly effort: Effort;
  readonly seed: number;
  readonly stages: Stages;
  readonly signal: AbortSignal | undefined;
}

export interface Codes {
  readonly train: CodedSet;
  readonly test: CodedSet;
}

const isBernoulli = ({ model }: Card): boolean => model.error === 'binary cross-entropy';

/** The stages of `measure…`, in their order, by the seconds that they take of MNIST. */
export function measuringPlan(card: Card, variational: boolean, labelled: boolean): StagePlan {
  return [
    ['encoding', 5],
    ...(variational ? ([['drawn codes', 1]] as const) : []),
    ...(variational && isBernoulli(card) ? ([['importance sampling', 40]] as const) : []),
    ...(labelled
      ? ([
          ['nearest neighbours', 7],
          ['clusters', 5],
          ['principal components', 10],
          ['pixels', 28],
        ] as const)
      : []),
  ];
}

/** The stages that judge what a conditional model makes; the first takes long only once for a data set. */
export const generationPlan: StagePlan = [
  ['classifier', 16],
  ['samples', 4],
];

/** Encodes all images, and reconstructs the test images. */
export async function encodeAll({ card, splits, encoder, stages, signal }: Measuring): Promise<Codes> {
  const { train, test } = splits;
  const all = train.length + test.length;
  const { size } = card.latent;
  return stages.run(
    'encoding',
    async (tick) => ({
      train: await encodeSet(encoder, train, {
        size,
        errors: false,
        signal,
        tick: (share) => tick((share * train.length) / all),
      }),
      test: await encodeSet(encoder, test, {
        size,
        errors: true,
        signal,
        tick: (share) => tick((train.length + share * test.length) / all),
      }),
    }),
    all,
  );
}

/** How well images are reconstructed and, of a variational model, what its bound is made of. */
export async function measureModel(
  measuring: Measuring,
  { test }: Codes,
): Promise<Pick<Report, 'reconstruction' | 'variational'>> {
  const { card, encoder, effort, seed, stages, signal } = measuring;
  const { dataset, latents, logvars } = test;
  const { size } = card.latent;
  const pixels = bytesPerImage(dataset.shape);
  const inNats = isBernoulli(card);
  const errorOf = (perPixel: number) => ({ perPixel, nats: inNats ? perPixel * pixels : null });
  const base = { error: card.model.error, images: dataset.length, atCode: errorOf(test.error) };
  if (!logvars) return { reconstruction: { ...base, atSample: null }, variational: null };
  const posteriors: Posteriors = { dataset, size, latents, logvars };
  const atSample = await stages.run(
    'drawn codes',
    (tick) => errorOfSamples(encoder, posteriors, { seed, signal, tick }),
    dataset.length,
  );
  const { total, perDimension } = klDivergence(latents, logvars, size);
  const { active, variances } = activeUnits(latents, size, ACTIVE);
  const nll = inNats
    ? await stages.run(
        'importance sampling',
        (tick) => sampledLikelihood(encoder, posteriors, { ...effort.nll, seed, signal, tick }),
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

/** What the codes tell about the classes, beside what pixels tell. */
export async function measureClasses(
  { card, splits, effort, seed, stages }: Measuring,
  codes: Codes,
  labels: Ranked,
): Promise<Pick<Report, 'representations' | 'clusters'>> {
  const { train, test } = splits;
  const { size } = card.latent;
  const told = {
    size,
    train: codes.train.latents,
    trainLabels: labels.train,
    test: codes.test.latents,
    testLabels: labels.test,
  };
  const ofCodes = await stages.run('nearest neighbours', (tick) => judgeRows('codes', told, tick));
  const clusters = await stages.run('clusters', (tick) => clustersOf(codes, size, labels, seed, tick));
  const baselines: Representation[] = [];
  const pixels = await stages.run('principal components', async (tick) => {
    const read = await readTold(train, test, labels, effort.baselinePixels, (share) => tick(share * 0.1));
    baselines.push(await judgeComponents(read, seed, (share) => tick(0.1 + share * 0.9)));
    return read;
  });
  const queries = effort.pixelQueries(pixels.trainLabels.length, test.shape);
  baselines.push(await stages.run('pixels', (tick) => judgePixels(pixels, queries, effort, tick)));
  return { representations: [ofCodes, ...baselines], clusters };
}

async function clustersOf(
  { train, test }: Codes,
  size: number,
  labels: Ranked,
  seed: number,
  tick: (share: number) => void,
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
