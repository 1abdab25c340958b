import { activeUnits, klDivergence } from '../analyse/vae.ts';
import type { ImageDataset } from '../data/dataset.ts';
import type { Device } from '../devices/device.ts';
import { Encoder } from '../inference/encoder.ts';
import type { Stages } from '../io/stages.ts';
import { mapOf, type PlaneMap } from './map.ts';
import type { Subject } from './subjects.ts';

/** What the viewer shows of a model's images, a row for each in the data set's order. */
export interface Points {
  /** `[n, size]`; of a variational model the means. */
  readonly latents: Float32Array;
  /** Reconstruction error per pixel as the card's `model.error` defines it, `[n]`. */
  readonly errors: Float32Array;
  readonly map: PlaneMap;
  readonly dimensions: {
    /** Nats, mean over the images, by latent dimension; null where the model is not variational. */
    readonly kl: readonly number[] | null;
    /** Variance over the images of each number of the code. */
    readonly variance: readonly number[];
  };
}

export interface PointsOptions {
  readonly device: Device;
  readonly stages: Stages;
  readonly signal: AbortSignal | undefined;
}

/** Stages of `measurePoints`, by the seconds that they take on two cores. */
export function pointsPlan({ name, card }: Subject, images: number): (readonly [name: string, weight: number])[] {
  const { height, width, channels } = card.image;
  const plane = card.latent.size <= 2;
  return [
    [`${name}: encoding`, images * height * width * channels * 3.5e-7],
    [`${name}: map`, plane ? 0.01 : 1.3e-4 * images * Math.log2(images + 2)],
  ];
}

/**
 * Encodes images, measures their reconstructions and lays them out in a plane.
 * @throws InputError, EnvironmentError, Interrupted
 */
export async function measurePoints(
  { name, exported, card }: Subject,
  dataset: ImageDataset,
  { device, stages, signal }: PointsOptions,
): Promise<Points> {
  const { size } = card.latent;
  const images = dataset.length;
  const latents = new Float32Array(images * size);
  const errors = new Float32Array(images);
  let logvars: Float32Array | undefined;
  const encoder = await Encoder.start(card, { exported, device, errors: true, images });
  try {
    if (encoder.variational) logvars = new Float32Array(images * size);
    await stages.run(
      `${name}: encoding`,
      async (tick) => {
        for await (const codes of encoder.codes(dataset, { errors: true, signal })) {
          latents.set(codes.latents, codes.start * size);
          if (codes.errors) errors.set(codes.errors, codes.start);
          if (codes.logvars) logvars?.set(codes.logvars, codes.start * size);
          tick((codes.start + codes.count) / images);
        }
      },
      images,
    );
  } finally {
    await encoder.close();
  }
  const map = await stages.run(`${name}: map`, (tick) => mapOf(latents, size, tick));
  const kl = logvars ? [...klDivergence(latents, logvars, size).perDimension] : null;
  return { latents, errors, map, dimensions: { kl, variance: [...activeUnits(latents, size).variances] } };
}
