import * as z from 'zod/mini';
import { distanceKinds } from './distances.ts';
import { count, digest, images, nonNegative, pixelLoss, positive, share } from './fields.ts';
import { normal, percentile, reference, tails } from './outlier-section.ts';
import { picture } from './report.ts';

/** The version of outliers.json; raised when an older program could not read a newer file. */
export const OUTLIERS_FORMAT = 1;

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

export type Outliers = z.infer<typeof outliersSchema>;
