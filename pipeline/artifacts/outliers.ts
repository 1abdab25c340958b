import * as z from 'zod/mini';
import { distanceKinds } from './distances.ts';
import { count, digest, images, nonNegative, numbers, pixelLoss, positive, share } from './fields.ts';
import { picture } from './report.ts';

/** The version of outliers.json; raised when an older program could not read a newer file. */
export const OUTLIERS_FORMAT = 1;

const KNOTS = 1000;
const knots = {
  /** Ascending. */
  values: numbers.check(z.minLength(1), z.maxLength(KNOTS)),
  /** Share of the reference images whose value is at least as large; from 1 on, descending. */
  shares: z.array(share).check(z.maxLength(KNOTS)),
  /** By how much a value above the last has to rise for the share to fall to 1/e. */
  decay: z.number().check(z.positive()),
};
const ordered = z.refine<z.infer<z.ZodMiniObject<typeof knots>>>(
  ({ values, shares }) =>
    values.length === shares.length &&
    values.every((value, i) => i === 0 || value > (values[i - 1] as number)) &&
    shares.every((share, i) => share > 0 && (i === 0 || share < (shares[i - 1] as number))),
  'expected as many shares as values, the values ascending and the shares descending, above 0',
);
/**
 * How rare values are among those of reference images: quantiles. Between two, and above the last, the share of larger values falls
 * exponentially.
 */
const tail = z.object(knots).check(ordered);

const tails = z.object({
  /** Of reconstruction errors. Null where the model has no decoder: the score is that of the distance then. */
  error: z.nullable(tail),
  /** Of distances from the training latents. */
  distance: tail,
  /** Of surprises, errors given the latent, in absolute values around `centre`. */
  surprise: z.nullable(z.object({ ...knots, centre: z.number() }).check(ordered)),
  /** Of the sums of the rarities (−log₁₀ of the share) of distance and surprise. */
  both: tail,
});

/** The normal images that scores refer to. */
const reference = z.object({ name: z.string(), ...images });

/** A percentile, as in 99.5. */
const percentile = z.number().check(z.gt(0), z.lt(100));

/** Names of the classes that are normal; null where all images are, or it is unknown. */
const normal = z.nullable(z.array(z.string()));

/** The card's section by which an image can be judged: `encode` writes its score and flag. */
export const outlierSection = z.object({
  reference,
  normal,
  /**
   * Normal distributions of training latents, each followed by the logarithm of the image's error where there are errors: a row for
   * each, and the lower Cholesky factor of its covariance.
   */
  usual: z.object({ weights: numbers.check(z.minLength(1)), means: z.array(numbers), factors: z.array(numbers) }),
  tails,
  /** Images whose score is above this percentile of the reference images are flagged. */
  flagAbove: percentile,
});

const detection = z.object({ auroc: share, ap: share });

const measures = z.object({
  normal: positive,
  abnormal: positive,
  error: z.nullable(detection),
  distance: detection,
  score: detection,
  /** At the threshold. */
  flags: z.object({ precision: share, recall: share, f1: share, falsePositives: share }),
  /** AUROC of the pixels of error maps, where the images have masks of defects; absent from older reports. */
  pixels: z.optional(
    z.object({
      /** Images with a mask, and normal ones. */
      images: positive,
      masked: positive,
      error: share,
      smoothed: share,
      /** Of 1 − SSIM. */
      dissimilarity: share,
    }),
  ),
  /** Each class that is not normal against the normal images. */
  classes: z.array(z.object({ name: z.string(), images: positive, auroc: share, flagged: count })),
});

/** All of outliers.json. */
export const outliersSchema = z.object({
  format: z.literal(OUTLIERS_FORMAT),
  convae: z.string(),
  model: z.object({ name: z.string(), encoder: digest, error: pixelLoss }),
  data: z.object({ name: z.string(), ...images }),
  reference,
  normal,
  distance: z.enum(distanceKinds),
  tails,
  flagAbove: percentile,
  /** The score at that percentile. */
  threshold: nonNegative,
  flagged: count,
  /** Null where it is not known which images are normal, or all are of one kind. */
  measures: z.nullable(measures),
  /** The images with the highest scores, the highest first. */
  top: z.array(
    z.object({
      id: z.string(),
      class: z.nullable(z.string()),
      error: z.nullable(z.number()),
      distance: nonNegative,
      score: nonNegative,
    }),
  ),
  pictures: z.array(picture),
  notes: z.array(z.string()),
  seconds: nonNegative,
});

export type OutlierSection = z.infer<typeof outlierSection>;
export type Tail = z.infer<typeof tail>;
export type Tails = z.infer<typeof tails>;
export type Outliers = z.infer<typeof outliersSchema>;
