import * as z from 'zod/mini';
import { count, fingerprint, images, positive } from './fields.ts';
import { preprocessing, scaling } from './preprocessing.ts';

/** Raised when an index has more. Images are read again in any case when the code that reads them has changed, see `readersIn`. */
export const IMAGE_INDEX_FORMAT = 5;

export const partNames = ['train', 'val', 'test', 'all'] as const;
export type PartName = (typeof partNames)[number];

/** An image that could not be read, and why. */
export const skippedImage = z.strictObject({ file: z.string(), reason: z.string() });

/** The images of one part after they were read once. */
const part = z.strictObject({
  name: z.string(),
  ...images,
  pixels: fingerprint,
  /** Whether ids are in `<part>.ids.json`; otherwise they are the images' numbers. */
  named: z.boolean(),
  /** Where the pixels are, one image after another: files of this folder, or the user's own by absolute path. */
  files: z.array(
    z.strictObject({
      path: z.string(),
      offset: count,
      images: positive,
      /** CRC-32 of each 256 KiB of a file of this folder, compared when it is read; earlier versions wrote none. */
      sums: z.optional(z.array(count)),
    }),
  ),
  /** Whether any image has a label; they are in `<part>.labels.i32` then. */
  labelled: z.boolean(),
  skipped: z.array(skippedImage),
});

/** `index.json` of a data set in the image cache.  */
export const imageIndex = z.strictObject({
  format: z.literal(IMAGE_INDEX_FORMAT),
  preprocessing,
  classes: z.nullable(z.array(z.string())),
  parts: z.partialRecord(z.enum(partNames), part),
  /** How many images have a size, `WIDTHxHEIGHT`, before fitting; the most frequent first, at most twenty. */
  sizes: z.array(z.strictObject({ size: z.string(), images: positive })),
  /** Numbers before scaling, by type, and after it (0–255). */
  range: z.strictObject({
    found: z.array(z.strictObject({ ...scaling.shape, min: z.number(), max: z.number(), images: positive })),
    scaled: z.tuple([z.number(), z.number()]),
    mean: z.number(),
  }),
  /** How many of the images stored in colour or with transparency there are. */
  coloured: count,
  transparent: count,
  /** Images with the same pixels as an earlier one, in the same part and across parts. */
  duplicates: z.strictObject({ within: count, across: count }),
  warnings: z.array(z.string()),
  notes: z.array(z.string()),
});

export type SkippedImage = z.infer<typeof skippedImage>;
export type ImageIndex = z.infer<typeof imageIndex>;
