import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { ImageDataset } from '../data/dataset.ts';
import { latentsOf } from '../inference/latents.ts';
import type { ComputeOptions } from '../inference/plan.ts';
import type { Stages } from '../io/stages.ts';
import { mapOf, type PlaneMap } from './map.ts';
import type { Subject } from './subjects.ts';

/** Latents, errors and map of a model's images, a row for each in the data set's order. */
export interface Points {
  /** `[n, size]`; of a variational model the means. */
  readonly latents: Float32Array;
  /** Reconstruction error per pixel as the card's `model.error` defines it, `[n]`. */
  readonly errors: Float32Array;
  readonly map: PlaneMap;
  readonly dimensions: {
    /** Nats, mean over the images, by latent dimension; null where the model is not variational. */
    readonly kl: readonly number[] | null;
    /** Variance over the images, by latent dimension. */
    readonly variance: readonly number[];
  };
}

/** Stages of `measurePoints`, weighted by their seconds on two cores. */
export function pointsPlan({ name, card }: Subject, images: number): (readonly [name: string, weight: number])[] {
  const { height, width, channels } = card.image;
  const plane = card.latent.size <= 2;
  return [
    [`${name}: encoding`, images * height * width * channels * 3.5e-7],
    [`${name}: map`, plane ? 0.01 : 1.3e-4 * images * Math.log2(images + 2)],
  ];
}

/**
 * Encodes images, measures their reconstruction errors and maps them to a plane.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function measurePoints(
  { name, model }: Subject,
  dataset: ImageDataset,
  { stages, ...options }: ComputeOptions & { readonly stages: Stages },
): Promise<Points> {
  const { size } = model.card.latent;
  const { latents, logvars, errors } = await stages.run(
    `${name}: encoding`,
    (tick) => latentsOf(model, dataset, { ...options, errors: true, tick }),
    dataset.length,
  );
  const map = await stages.run(`${name}: map`, (tick) => mapOf(latents, size, tick));
  const kl = logvars ? [...klDivergence(latents, logvars, size).perDimension] : null;
  const dimensions = { kl, variance: [...activeUnits(latents, size).variances] };
  return { latents, errors: errors as Float32Array, map, dimensions };
}
