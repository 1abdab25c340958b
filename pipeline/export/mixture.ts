import { fitGaussianMixture } from '../analyse/gaussian-mixture.ts';
import { samplePosterior } from '../analyse/vae.ts';
import type { Card } from '../artifacts/card.ts';
import type { RunPlan } from '../artifacts/run.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { Sessions } from '../inference/sessions.ts';
import { stopIfAborted } from '../io/errors.ts';

const MAX_LATENTS = 5_000;
/** Components unless there are more classes. */
const COMPONENTS = 10;
/** Multiplications of one pass over the latents, roughly: more take longer than an export should. */
const MAX_COST = 2e7;
const MAX_ITERATIONS = 50;
/** Latents per number of a component's mean, at least: with fewer, its covariance would fit the sample, not the data. */
const LATENTS_PER_NUMBER = 4;
/** Latents of larger size have covariances that would fill the card. */
const MAX_SIZE = 512;

/**
 * Fits a Gaussian mixture to latents of training images, evenly spread over them: of a variational model one draw from
 * each image's distribution, since its decoder has learned to decode those.
 * @returns undefined where latents are too large, or not finite
 * @throws Interrupted (or the signal's own reason, if that is an error) after `signal`
 */
export async function latentMixture(
  sessions: Sessions,
  train: ImageDataset,
  { size: { latent: size, classes, seed }, data }: RunPlan,
  signal: AbortSignal | undefined,
): Promise<Card['latent']['mixture']> {
  if (size > MAX_SIZE) return undefined;
  const { images } = data.train; // the first: there may be more
  const { count, components } = mixtureScale(images, Math.max(COMPONENTS, classes), size);
  const chosen = subset(train, train.name, spreadRows(images, count));
  const { latents, logvars } = await sessions.encodeAll(chosen, { signal });
  const rows = logvars ? samplePosterior(latents, logvars, Generator.of(seed, 'mixture codes')) : latents;
  if (!rows.every(Number.isFinite)) return undefined;
  const { mixture, logLikelihood } = await fitGaussianMixture(rows, size, {
    components,
    seed,
    maxIterations: MAX_ITERATIONS,
    tick: () => stopIfAborted(signal),
  });
  return {
    over: 'train',
    codes: count,
    logLikelihood,
    weights: rounded(mixture.weights),
    means: mixture.means.map(rounded),
    factors: mixture.factors.map(rounded),
  };
}

/** Numbers of latents and components that fit in reasonable time: fewer components where there are too few latents for each. */
export function mixtureScale(images: number, wanted: number, size: number): { count: number; components: number } {
  for (let components = wanted; ; components--) {
    const needed = LATENTS_PER_NUMBER * components * size;
    const affordable = Math.floor(MAX_COST / (components * size * size));
    const count = Math.min(images, MAX_LATENTS, affordable);
    if (count >= needed) return { count, components };
    if (components === 1) return { count: Math.min(images, MAX_LATENTS, needed), components };
  }
}

/** With the precision that latents have. */
const rounded = (numbers: readonly number[]): number[] => numbers.map((value) => Number(value.toPrecision(8)));
