import { importanceSampling, normalLogDensity, samplePosterior, standardNormalLogDensity } from '../analyse/vae.ts';
import type { Report } from '../artifacts/report.ts';
import { readBatches } from '../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { LatentsOfImages, Sessions } from '../inference/sessions.ts';
import type { Tick } from '../io/stages.ts';

type Likelihood = NonNullable<NonNullable<Report['variational']>['nll']>;

/** Images and the approximate posteriors of their latents. */
export interface Posteriors {
  readonly dataset: ImageDataset;
  /** Latent size. */
  readonly size: number;
  /** `[n, size]` each */
  readonly latents: Float32Array;
  readonly logvars: Float32Array;
}

interface Options {
  readonly seed: number;
  readonly signal?: AbortSignal | undefined;
  readonly tick?: Tick | undefined;
}

/** Reconstruction error per pixel from one sampled latent of each image, mean over the images. */
export async function errorOfSamples(
  sessions: Sessions,
  { dataset, size, latents, logvars }: Posteriors,
  { seed, signal, tick }: Options,
): Promise<number> {
  const generator = Generator.of(seed, 'drawn codes');
  async function* batches(): AsyncGenerator<LatentsOfImages> {
    for await (const { start, count, images, labels } of readBatches(dataset, sessions.batchSize)) {
      const range = [start * size, (start + count) * size] as const;
      const z = samplePosterior(latents.subarray(...range), logvars.subarray(...range), generator);
      yield { images, labels, latents: z };
    }
  }
  let [sum, done] = [0, 0];
  for await (const { errors } of sessions.errorsOf(batches(), { signal })) {
    for (const error of errors) sum += error;
    done += errors.length;
    tick?.(done / dataset.length);
  }
  return sum / dataset.length;
}

/**
 * Estimates −log p(x) of evenly spaced images by importance sampling, with Bernoulli p(x|z): its logarithm is minus the
 * binary cross-entropy summed over the pixels.
 */
export async function sampledLikelihood(
  sessions: Sessions,
  { dataset, size, latents, logvars }: Posteriors,
  { samples, images: most, seed, signal, tick }: Options & { samples: number; images: number },
): Promise<Likelihood> {
  const chosen = spreadRows(dataset.length, most);
  const some = subset(dataset, dataset.name, chosen);
  const means = pickRows(latents, size, chosen);
  const spreads = pickRows(logvars, size, chosen);
  const pixels = bytesPerImage(dataset.shape);
  const generator = Generator.of(seed, 'importance sampling');
  const logs: number[] = [];
  let bounds = 0;
  for await (const { start, count, images, labels } of readBatches(some, sessions.batchSize)) {
    const range = [start * size, (start + count) * size] as const;
    const [mean, spread] = [means.subarray(...range), spreads.subarray(...range)];
    function* batches(): Iterable<LatentsOfImages> {
      for (let i = 0; i < samples; i++) yield { images, labels, latents: samplePosterior(mean, spread, generator) };
    }
    const estimate = importanceSampling(count);
    for await (const { latents: z, errors } of sessions.errorsOf(batches(), { signal })) {
      const prior = standardNormalLogDensity(z, size);
      const posterior = normalLogDensity(z, mean, spread, size);
      estimate.add({ likelihood: Float64Array.from(errors, (error) => -error * pixels), prior, posterior });
      tick?.((start + (count * estimate.samples) / samples) / chosen.length);
    }
    logs.push(...estimate.logLikelihoods());
    for (const bound of estimate.lowerBounds()) bounds += bound;
  }
  const n = logs.length;
  const mean = logs.reduce((sum, log) => sum + log, 0) / n;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / Math.max(1, n - 1);
  return { nats: -mean, standardError: Math.sqrt(variance / n), images: n, samples, negativeElbo: -bounds / n };
}
