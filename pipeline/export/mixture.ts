import { fitGaussianMixture } from '../analyse/gaussian-mixture.ts';
import type { Card } from '../artifacts/card.ts';
import { sequentialBatches } from '../data/batches.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import { stopIfAborted } from '../io/publish.ts';
import type { EncoderSession } from './encoder-session.ts';

const BATCH = 256;
const MAX_CODES = 5_000;
/** Components where there are not more classes. */
const COMPONENTS = 10;
/** Multiplications of one pass over the codes, roughly: more take longer than an export should. */
const MAX_COST = 2e7;
const MAX_ITERATIONS = 50;
/** Codes for each number of a component's mean, at least, lest its covariance tell of the sample rather than of the data. */
const CODES_PER_NUMBER = 4;
/** Longer codes have covariances that would fill the card. */
const MAX_SIZE = 512;

export interface MixtureOptions {
  /** How many of the data set's images the model was trained on: the first so many. */
  readonly images: number;
  /** How many classes the data have; 0 where they have none. */
  readonly classes: number;
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fits a Gaussian mixture on codes of training images, evenly spread over them: of a variational model one draw from each
 * image's distribution, since that is what its decoder has learned to decode.
 * @returns undefined where codes are too long, or not finite
 * @throws Interrupted (or the signal's own reason, if that is an error) after `signal`
 */
export async function latentMixture(
  encoder: EncoderSession,
  train: ImageDataset,
  options: MixtureOptions,
): Promise<Card['latent']['mixture']> {
  const { classes, seed, signal } = options;
  const { size } = encoder;
  if (size > MAX_SIZE) return undefined;
  const images = Math.min(options.images, train.length);
  const { codes, components } = mixtureScale(images, Math.max(COMPONENTS, classes), size);
  const rows = await drawCodes(encoder, subset(train, train.name, spreadRows(images, codes)), seed, signal);
  if (!rows.every(Number.isFinite)) return undefined;
  const { mixture, logLikelihood } = await fitGaussianMixture(rows, size, {
    components,
    seed,
    maxIterations: MAX_ITERATIONS,
    tick: () => stopIfAborted(signal),
  });
  return {
    over: 'train',
    codes,
    logLikelihood,
    weights: rounded(mixture.weights),
    means: mixture.means.map(rounded),
    factors: mixture.factors.map(rounded),
  };
}

/**
 * How many codes and components can be had in reasonable time: the components become fewer where that leaves too few codes
 * for each.
 */
export function mixtureScale(images: number, wanted: number, size: number): { codes: number; components: number } {
  for (let components = wanted; ; components--) {
    const needed = CODES_PER_NUMBER * components * size;
    const affordable = Math.floor(MAX_COST / (components * size * size));
    const codes = Math.min(images, MAX_CODES, affordable);
    if (codes >= needed) return { codes, components };
    if (components === 1) return { codes: Math.min(images, MAX_CODES, needed), components };
  }
}

async function drawCodes(
  encoder: EncoderSession,
  dataset: ImageDataset,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const generator = Generator.of(seed, 'mixture codes');
  const rows = new Float32Array(dataset.length * encoder.size);
  for await (const batch of sequentialBatches(dataset, BATCH)) {
    stopIfAborted(signal);
    const { latent, logvar } = await encoder.encode(batch);
    const target = rows.subarray(batch.start * encoder.size, (batch.start + batch.count) * encoder.size);
    if (logvar) generator.fillNormal(target);
    for (let i = 0; i < target.length; i++) {
      const noise = logvar ? (target[i] as number) * Math.exp((logvar[i] as number) / 2) : 0;
      target[i] = (latent[i] as number) + noise;
    }
  }
  return rows;
}

/** As precise as the codes are. */
const rounded = (numbers: readonly number[]): number[] => numbers.map((value) => Number(value.toPrecision(8)));
