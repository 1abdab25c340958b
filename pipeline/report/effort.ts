import { bytesPerImage, type ImageShape } from '../data/dataset.ts';

/** How much is computed of what would take too long to do on everything. */
export interface Effort {
  /** Codes drawn for each image, and images, to estimate log p(x) from. */
  readonly nll: { readonly samples: number; readonly images: number };
  /** Test images whose neighbours among the training images are sought in pixels. */
  readonly pixelQueries: (points: number, shape: ImageShape) => number;
  /** Pixels of training images at most that the baselines see. */
  readonly baselinePixels: number;
  /** Nonzero numbers at most that the probe of the pixels is fitted on. */
  readonly probeNumbers: number;
  /** Test codes in the scatter, directly and by t-SNE. */
  readonly scatter: { readonly direct: number; readonly tsne: number };
  /** Samples that the classifier judges. */
  readonly generated: number;
}

/** Images whose pixels take as long as `images` of MNIST's. */
const scaledTo = ({ images, least }: { images: number; least: number }, shape: ImageShape) =>
  Math.max(least, Math.min(images, Math.floor((images * 784) / bytesPerImage(shape))));

/** Queries for which so many pairs of pixels can be compared. */
const queriesFor = (pairs: number) => (points: number, shape: ImageShape) =>
  Math.max(100, Math.floor(pairs / (points * bytesPerImage(shape))));

/** What `evaluate` does, within three minutes on two cores; with `quick`, within half of one. */
export const effortOf = (shape: ImageShape, quick: boolean): Effort =>
  quick
    ? {
        nll: { samples: 100, images: scaledTo({ images: 200, least: 50 }, shape) },
        pixelQueries: queriesFor(1.2e10),
        baselinePixels: 1e7,
        probeNumbers: 2e5,
        scatter: { direct: 2000, tsne: 1000 },
        generated: 1000,
      }
    : {
        nll: { samples: 500, images: scaledTo({ images: 1000, least: 100 }, shape) },
        pixelQueries: queriesFor(9.5e10),
        baselinePixels: 6e7,
        probeNumbers: 3e6,
        scatter: { direct: 10_000, tsne: 5000 },
        generated: 10_000,
      };
