import * as z from 'zod/mini';
import { conditional, count, imageShape, nonNegative, numbers, pixelLoss, positive, share, spread } from './fields.ts';

/** The version of report.json; raised when an older program could not read a newer report. */
export const REPORT_FORMAT = 1;

/** Mean error of reconstructions. */
const errors = z.object({
  /** In the unit of `reconstruction.error`, mean over pixels and images. */
  perPixel: z.number(),
  /** Binary cross-entropy in nats, summed over an image's pixels, mean over images; null for squared errors. */
  nats: z.nullable(z.number()),
});

const reconstruction = z.object({
  error: pixelLoss,
  /** Test images. */
  images: positive,
  /** From the latent; of a variational model, from the posterior's mean. */
  atCode: errors,
  /** From a sample of the posterior; null where the model is not variational. */
  atSample: z.nullable(errors),
});

const variational = z.object({
  /** KL divergence of the posterior from the prior, mean over the test images. */
  kl: z.object({ nats: nonNegative, perPixel: nonNegative }),
  /** −ELBO in nats per image: cross-entropy at a sampled latent, plus KL; null for squared errors. */
  negativeElbo: z.nullable(z.number()),
  /** −log p(x) in nats per image, estimated by importance sampling; null for squared errors. */
  nll: z.nullable(
    z.object({
      nats: z.number(),
      /** Standard error of the mean over the images. */
      standardError: nonNegative,
      /** Evenly spaced test images, and latents sampled for each. */
      images: positive,
      samples: positive,
      /** Of the same images and latents, for comparison. */
      negativeElbo: z.number(),
    }),
  ),
  /** Nats, mean over the test images, by latent dimension. */
  klByDimension: numbers,
  /** Variance of the posterior's mean over the test images, by latent dimension. */
  varianceByDimension: numbers,
  /** Dimensions with a variance above `activeThreshold`. */
  activeUnits: count,
  activeThreshold: z.number().check(z.positive()),
});

/** How well a representation of images predicts their class. */
const representation = z.object({
  name: z.enum(['codes', 'PCA', 'pixels']),
  /** Dimensions. */
  size: positive,
  /** Majority vote of the 10 nearest training images. */
  neighbours: z.object({ accuracy: share, neighbours: positive, points: positive, queries: positive }),
  /** Multinomial logistic regression fitted on training images, tested on test images. */
  probe: z.object({ accuracy: share, fittedOn: positive, tested: positive, converged: z.boolean() }),
});

const clusters = z.object({
  /** One for each class. */
  clusters: positive,
  /** Training and test images. */
  images: positive,
  accuracy: share,
  nmi: share,
  ari: z.number().check(z.minimum(-1), z.maximum(1)),
  inertia: nonNegative,
});

const generation = z.object({
  /** Samples; the numbers of any two classes differ by at most one. */
  samples: positive,
  /** Share of samples that the classifier assigns to the requested class. */
  accuracy: share,
  /** Fréchet distance between the classifier's features of samples and of test images. */
  frechet: nonNegative,
  /** The same classifier's accuracy on the test images. */
  classifier: z.object({ accuracy: share, images: positive }),
});

export const picture = z.object({
  /** Its file in the folder `pictures`. */
  file: z.string(),
  title: z.string(),
  caption: z.string(),
  /** Description in words. */
  alt: z.string(),
  /** Pixels of the file. */
  width: positive,
  height: positive,
  /** Pixels of the file per CSS pixel. */
  density: positive,
});

/** All of report.json: what was measured, on which data, and what was omitted. */
export const reportSchema = z.object({
  format: z.literal(REPORT_FORMAT),
  /** The version of convae that wrote it. */
  convae: z.string(),
  model: z.object({
    name: z.string(),
    summary: z.string(),
    latent: positive,
    variational: z.boolean(),
    conditional,
    /** SHA-256 of encoder.onnx. */
    encoder: z.string(),
    epochs: count,
    /** Images that it was trained on; absent from older reports. */
    images: z.optional(positive),
    seed: z.int(),
  }),
  data: z.object({
    name: z.string(),
    image: z.object(imageShape),
    train: positive,
    test: positive,
    classes: z.nullable(z.array(z.string())),
  }),
  settings: z.object({ seed: z.int(), quick: z.boolean() }),
  reconstruction,
  variational: z.nullable(variational),
  /** Of the test images' latents. */
  spread: z.object(spread),
  /** Test images that equal a training image, or nearly; absent from older reports. */
  leakage: z.optional(z.object({ exact: count, near: count })),
  /** The latents first, then the representations to compare with; null without labels. */
  representations: z.nullable(z.array(representation).check(z.minLength(1))),
  /** k-means on the latents; null without labels. */
  clusters: z.nullable(clusters),
  /** Samples of a conditional model; null for others. */
  generation: z.nullable(generation),
  pictures: z.array(picture),
  /** What was omitted, and why. */
  notes: z.array(z.string()),
  seconds: z.object({ total: nonNegative, stages: z.record(z.string(), nonNegative) }),
});

export type Report = z.infer<typeof reportSchema>;
export type Representation = z.infer<typeof representation>;
export type PictureNote = z.infer<typeof picture>;
