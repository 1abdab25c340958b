import { ImportanceSampling, normalLogDensity, standardNormalLogDensity } from '../analyse/vae.ts';
import { sequentialBatches } from '../data/batches.ts';
import { bytesPerImage, type ImageDataset } from '../data/dataset.ts';
import { Generator } from '../data/generator.ts';
import { pickRows, spreadRows } from '../data/rows.ts';
import { subset } from '../data/split.ts';
import type { CodedImages, Encoder } from '../inference/encoder.ts';
import type { Tick } from '../io/pace.ts';

/** Images and the approximate posteriors of their codes. */
export interface Posteriors {
  readonly dataset: ImageDataset;
  /** Numbers in a code. */
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

/** z = mean + exp(logvar / 2) · noise */
function drawCodes(latents: Float32Array, logvars: Float32Array, generator: Generator): Float32Array {
  const codes = new Float32Array(latents.length);
  generator.fillNormal(codes);
  codes.forEach((noise, i) => {
    codes[i] = (latents[i] as number) + Math.exp((logvars[i] as number) / 2) * noise;
  });
  return codes;
}

/** Reconstruction error per pixel from one drawn code for each image, the mean over the images. */
export async function errorOfSamples(
  encoder: Encoder,
  { dataset, size, latents, logvars }: Posteriors,
  { seed, signal, tick }: Options,
): Promise<number> {
  const generator = Generator.of(seed, 'drawn codes');
  async function* batches(): AsyncGenerator<CodedImages> {
    for await (const { start, count, images, labels } of sequentialBatches(dataset, encoder.batchSize)) {
      const range = [start * size, (start + count) * size] as const;
      const codes = drawCodes(latents.subarray(...range), logvars.subarray(...range), generator);
      yield { images, labels, latents: codes };
    }
  }
  let [sum, done] = [0, 0];
  for await (const errors of encoder.errorsOf(batches(), { signal })) {
    for (const error of errors) sum += error;
    done += errors.length;
    tick?.(done / dataset.length);
  }
  return sum / dataset.length;
}

export interface LikelihoodEstimate {
  /** −log p(x) in nats, mean over the images. */
  readonly nats: number;
  /** Of that mean: the images' standard deviation over the root of their number. */
  readonly standardError: number;
  readonly images: number;
  readonly samples: number;
  /** −ELBO of the same images in nats, estimated from the same codes. */
  readonly negativeElbo: number;
}

/**
 * Estimates −log p(x) of evenly spread images by importance sampling, p(x|z) being Bernoulli: its logarithm is minus the
 * binary cross-entropy summed over the pixels.
 */
export async function sampledLikelihood(
  encoder: Encoder,
  { dataset, size, latents, logvars }: Posteriors,
  { samples, images: most, seed, signal, tick }: Options & { samples: number; images: number },
): Promise<LikelihoodEstimate> {
  const chosen = spreadRows(dataset.length, most);
  const some = subset(dataset, dataset.name, chosen);
  const means = pickRows(latents, size, chosen) as Float32Array;
  const spreads = pickRows(logvars, size, chosen) as Float32Array;
  const pixels = bytesPerImage(dataset.shape);
  const generator = Generator.of(seed, 'importance sampling');
  const logs: number[] = [];
  let bounds = 0;
  for await (const { start, count, images, labels } of sequentialBatches(some, encoder.batchSize)) {
    const range = [start * size, (start + count) * size] as const;
    const [mean, spread] = [means.subarray(...range), spreads.subarray(...range)];
    const drawn: Float32Array[] = [];
    function* batches(): Iterable<CodedImages> {
      for (let sample = 0; sample < samples; sample++) {
        const codes = drawCodes(mean, spread, generator);
        drawn.push(codes);
        yield { images, labels, latents: codes };
      }
    }
    const estimate = new ImportanceSampling(count);
    for await (const errors of encoder.errorsOf(batches(), { signal })) {
      const codes = drawn.shift() as Float32Array;
      const prior = standardNormalLogDensity(codes, size);
      const posterior = normalLogDensity(codes, mean, spread, size);
      estimate.add({ likelihood: Float64Array.from(errors, (error) => -error * pixels), prior, posterior });
      tick?.((start + (count * estimate.samples) / samples) / chosen.length);
    }
    logs.push(...estimate.logLikelihoods());
    for (const bound of estimate.lowerBounds()) bounds += bound;
  }
  const n = logs.length;
  const mean = logs.reduce((sum, log) => sum + log, 0) / n;
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / Math.max(1, n - 1);
  return {
    nats: -mean,
    standardError: Math.sqrt(variance / n),
    images: n,
    samples,
    negativeElbo: -bounds / n,
  };
}
