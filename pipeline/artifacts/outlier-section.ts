import * as z from 'zod/mini';
import { images, numbers, share } from './fields.ts';

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

export const tails = z.object({
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
export const reference = z.object({ name: z.string(), ...images });

/** A percentile, as in 99.5. */
export const percentile = z.number().check(z.gt(0), z.lt(100));

/** Names of the classes that are normal; null where all images are, or it is unknown. */
export const normal = z.nullable(z.array(z.string()));

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

export type OutlierSection = z.infer<typeof outlierSection>;
export type Tail = z.infer<typeof tail>;
export type Tails = z.infer<typeof tails>;
