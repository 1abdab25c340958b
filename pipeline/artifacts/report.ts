import { z } from 'zod';

/** The version of report.json; raised when an older program could not read a newer report. */
export const REPORT_FORMAT = 1;

const count = z.int().min(0);
const positive = z.int().min(1);
const share = z.number().min(0).max(1);
const nonNegative = z.number().min(0);
const numbers = z.array(z.number());

/** Mean error of reconstructions. */
const errors = z.object({
  /** As `reconstruction.error` says, the mean over pixels and images. */
  perPixel: z.number(),
  /** Nats: binary cross-entropy summed over an image's pixels, the mean over images; null for squared errors. */
  nats: z.number().nullable(),
});

const reconstruction = z.object({
  error: z.enum(['binary cross-entropy', 'mean squared error']),
  /** Test images. */
  images: positive,
  /** From the code; of a variational model, from the posterior's mean. */
  atCode: errors,
  /** From a code drawn from the posterior; null where the model is not variational. */
  atSample: errors.nullable(),
});

const variational = z.object({
  /** KL divergence of the posterior from the prior, mean over the test images. */
  kl: z.object({ nats: nonNegative, perPixel: nonNegative }),
  /** Cross-entropy at a drawn code and KL, in nats per image: −ELBO; null where the error is squared. */
  negativeElbo: z.number().nullable(),
  /** −log p(x) in nats per image, estimated by importance sampling; null where the error is squared. */
  nll: z
    .object({
      nats: z.number(),
      /** Of the mean over the images, from their spread. */
      standardError: nonNegative,
      /** Evenly spread test images, and codes drawn for each. */
      images: positive,
      samples: positive,
      /** Of the same images and codes, to compare with. */
      negativeElbo: z.number(),
    })
    .nullable(),
  /** Nats, mean over the test images, by latent dimension. */
  klByDimension: numbers,
  /** Variance of the posterior's mean over the test images, by latent dimension. */
  varianceByDimension: numbers,
  /** Dimensions with a variance above `activeThreshold`. */
  activeUnits: count,
  activeThreshold: z.number().positive(),
});

/** How well the class can be told from some numbers that stand for an image. */
const representation = z.object({
  name: z.enum(['codes', 'PCA', 'pixels']),
  /** Numbers for each image. */
  size: positive,
  /** Vote of the 10 nearest training images. */
  neighbours: z.object({ accuracy: share, neighbours: positive, points: positive, queries: positive }),
  /** Multinomial logistic regression fitted on training images, tested on test images. */
  probe: z.object({ accuracy: share, fittedOn: positive, tested: positive, converged: z.boolean() }),
});

const clusters = z.object({
  /** Clusters, as many as classes. */
  clusters: positive,
  /** Training and test images. */
  images: positive,
  accuracy: share,
  nmi: share,
  ari: z.number().min(-1).max(1),
  inertia: nonNegative,
});

const generation = z.object({
  /** Samples, as many of each class as of any other but for one. */
  samples: positive,
  /** Share of samples that the classifier gives the class that was asked for. */
  accuracy: share,
  /** Fréchet distance between the classifier's features of samples and of test images. */
  frechet: nonNegative,
  /** The same classifier on the test images. */
  classifier: z.object({ accuracy: share, images: positive }),
});

const picture = z.object({
  /** Its file in the folder `pictures`. */
  file: z.string(),
  title: z.string(),
  caption: z.string(),
  /** What is to be seen, in words. */
  alt: z.string(),
  /** Pixels of the file. */
  width: positive,
  height: positive,
  /** Pixels of the file for each on an ordinary screen. */
  density: positive,
});

/** All of report.json: what was measured of a model, on what, and what was left out. */
export const reportSchema = z.object({
  format: z.literal(REPORT_FORMAT),
  /** The version of convae that wrote it. */
  convae: z.string(),
  model: z.object({
    name: z.string(),
    summary: z.string(),
    latent: positive,
    variational: z.boolean(),
    conditional: z.object({ encoder: z.boolean(), decoder: z.boolean() }),
    /** SHA-256 of encoder.onnx. */
    encoder: z.string(),
    epochs: count,
    seed: z.int(),
  }),
  data: z.object({
    name: z.string(),
    image: z.object({ height: positive, width: positive, channels: positive }),
    train: positive,
    test: positive,
    classes: z.array(z.string()).nullable(),
  }),
  settings: z.object({ seed: z.int(), quick: z.boolean() }),
  reconstruction,
  variational: variational.nullable(),
  /** Of the test codes, by latent dimension; `std` divides by the number of images. */
  spread: z.object({ mean: numbers, std: numbers, min: numbers, max: numbers }),
  /** The codes first, then what they are compared with; null without labels. */
  representations: z.array(representation).min(1).nullable(),
  /** k-means on the codes; null without labels. */
  clusters: clusters.nullable(),
  /** What a conditional model makes; null for others. */
  generation: generation.nullable(),
  pictures: z.array(picture),
  /** What was left out, and why. */
  notes: z.array(z.string()),
  seconds: z.object({ total: nonNegative, stages: z.record(z.string(), nonNegative) }),
});

export type Report = z.infer<typeof reportSchema>;
export type Representation = z.infer<typeof representation>;
export type PictureNote = z.infer<typeof picture>;

/** @throws Error when the report does not fit its schema: a fault of the program */
export function checkReport(report: Report): Report {
  const parsed = reportSchema.safeParse(report);
  if (parsed.success) return parsed.data;
  throw new Error(`the report does not fit its schema: ${z.prettifyError(parsed.error)}`);
}
